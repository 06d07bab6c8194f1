package gateway

import (
	"encoding/json"
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// recordKind is the kind of the JSON in AnnotationSetup.
const recordKind = "SetupRecord"

// Record is what setup changed in a Gateway, and what teardown takes back. It
// lies on the Gateway itself, in AnnotationSetup, as JSON.
type Record struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// SecretName is the Secret that our servers name.
	SecretName string `json:"secretName,omitempty"`
	// Added is the port name of the server that setup added.
	Added string `json:"added,omitempty"`
	// Swapped are the servers whose certificate --force replaced.
	Swapped []ChangedTLS `json:"swapped,omitempty"`
	// Redirected are the plain servers that --https-redirect changed.
	Redirected []ChangedTLS `json:"redirected,omitempty"`
	// ServersOwner is who owned spec.servers before.
	ServersOwner *Owner `json:"serversOwner,omitempty"`
}

// ChangedTLS is a server, found by its port's name and number, and the fields
// of its tls block that were changed, as they were. A field that was absent is
// null, and so is Before where the whole block was absent.
type ChangedTLS struct {
	Server string         `json:"server"`
	Port   int32          `json:"port"`
	Before map[string]any `json:"before"`
}

func (c ChangedTLS) isSameServer(other ChangedTLS) bool {
	return c.Server == other.Server && c.Port == other.Port
}

// Owner names an entry of metadata.managedFields.
type Owner struct {
	Manager    string                            `json:"manager"`
	Operation  metav1.ManagedFieldsOperationType `json:"operation"`
	APIVersion string                            `json:"apiVersion"`
}

// readRecord returns the record on a Gateway, nil when there is none or it
// cannot be read: what is ours is found by content then.
func readRecord(gateway *unstructured.Unstructured) *Record {
	text, ok := gateway.GetAnnotations()[AnnotationSetup]
	if !ok {
		return nil
	}
	var record Record
	if json.Unmarshal([]byte(text), &record) != nil || record.Kind != recordKind {
		return nil
	}
	return &record
}

func (r *Record) isEmpty() bool {
	return r == nil || r.Added == "" && len(r.Swapped) == 0 && len(r.Redirected) == 0
}

// isFor tells whether the record is of a setup with this Secret. An empty one
// is of every setup.
func (r *Record) isFor(secretName string) bool {
	return r.SecretName == "" || r.SecretName == secretName
}

// write puts the record on a Gateway; an empty one is removed. One that says
// the same already is left as it is written.
func (r *Record) write(gateway *unstructured.Unstructured) error {
	annotations := gateway.GetAnnotations()
	_, isThere := annotations[AnnotationSetup]
	if r.isEmpty() {
		if !isThere {
			return nil
		}
		delete(annotations, AnnotationSetup)
		if len(annotations) == 0 {
			annotations = nil // the map was ours alone
		}
		gateway.SetAnnotations(annotations)
		return nil
	}
	return r.put(gateway)
}

// put writes the record onto a Gateway, also one that is empty.
func (r *Record) put(gateway *unstructured.Unstructured) error {
	r.APIVersion, r.Kind = APIVersion, recordKind
	if present := readRecord(gateway); present != nil && reflect.DeepEqual(present, r) {
		return nil
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	annotations := gateway.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[AnnotationSetup] = string(text)
	gateway.SetAnnotations(annotations)
	return nil
}
