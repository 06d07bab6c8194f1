//go:build e2e && linux

package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"
)

// The objects that setup makes and changes, by the names of the documents.
var (
	gatewayKind   = schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "gateways"}
	secretKind    = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	configMapKind = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
)

const (
	ourSecret      = "kftls-gateway"
	caAnnotation   = "kftls.github.io/ca-fingerprint"
	readStateLimit = 20 * time.Second
)

// frontState is what a cluster holds of a set-up, nil where there is none.
type frontState struct {
	gateway, configMap, secret *unstructured.Unstructured
	// marked are all objects that carry our label.
	marked []string
}

func (bed *testbed) frontState(ctx context.Context) (frontState, error) {
	var state frontState
	client, err := dynamic.NewForConfig(bed.config)
	if err != nil {
		return state, err
	}
	ctx, cancel := context.WithTimeout(ctx, readStateLimit)
	defer cancel()
	for _, wanted := range []struct {
		into            **unstructured.Unstructured
		resource        schema.GroupVersionResource
		namespace, name string
	}{
		{&state.gateway, gatewayKind, "kubeflow", "kubeflow-gateway"},
		{&state.configMap, configMapKind, "kubeflow", "kftls-ca"},
		{&state.secret, secretKind, "istio-system", ourSecret},
	} {
		object, err := client.Resource(wanted.resource).Namespace(wanted.namespace).Get(ctx, wanted.name, metav1.GetOptions{})
		switch {
		case err == nil:
			*wanted.into = object
		case !apierrors.IsNotFound(err):
			return state, err
		}
	}
	for _, resource := range []schema.GroupVersionResource{secretKind, configMapKind} {
		list, err := client.Resource(resource).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by=kubectl-kftls"})
		if err != nil {
			return state, err
		}
		for _, object := range list.Items {
			state.marked = append(state.marked, object.GetKind()+" "+object.GetNamespace()+"/"+object.GetName())
		}
	}
	return state, nil
}

// door is the Gateway as people keep it: labels, annotations and spec.
func (s frontState) door() (string, error) {
	text, err := yaml.Marshal(map[string]any{
		"labels": s.gateway.GetLabels(), "annotations": s.gateway.GetAnnotations(), "spec": s.gateway.Object["spec"],
	})
	return string(text), err
}

// requireGone tells whether nothing of ours is left, and the Gateway and who
// manages its servers are as they were.
func (s frontState) requireGone(before frontState) error {
	if len(s.marked) > 0 {
		return fmt.Errorf("left in the cluster: %s", strings.Join(s.marked, ", "))
	}
	was, err := before.door()
	if err != nil {
		return err
	}
	is, err := s.door()
	if err != nil {
		return err
	}
	if was != is {
		return fmt.Errorf("the Gateway is not as it was:\n%s\nbefore:\n%s", is, was)
	}
	if had, has := ownersOfServers(before.gateway), ownersOfServers(s.gateway); !slices.Equal(had, has) {
		return fmt.Errorf("the servers belong to %q, and before to %q", has, had)
	}
	return nil
}

// ownersOfServers are the field managers of the Gateway's servers.
func ownersOfServers(gateway *unstructured.Unstructured) []string {
	var owners []string
	for _, entry := range gateway.GetManagedFields() {
		if entry.FieldsV1 != nil && bytes.Contains(entry.FieldsV1.GetRawBytes(), []byte(`"f:servers"`)) {
			owners = append(owners, entry.Manager+" "+string(entry.Operation))
		}
	}
	slices.Sort(owners)
	return owners
}

// requireConsistent tells whether the objects of a set-up belong together: one
// CA, a certificate that it signed, and one server that names it.
func (s frontState) requireConsistent() error {
	if s.configMap == nil || s.secret == nil {
		return fmt.Errorf("there: ConfigMap %t, Secret %t", s.configMap != nil, s.secret != nil)
	}
	authority, err := s.authority()
	if err != nil {
		return err
	}
	leaf, err := s.leaf()
	if err != nil {
		return err
	}
	if err := leaf.CheckSignatureFrom(authority); err != nil {
		return fmt.Errorf("the Secret's certificate is not of the ConfigMap's CA: %w", err)
	}
	if count := s.serversOfOurs(); count != 1 {
		return fmt.Errorf("%d servers of the Gateway name our Secret", count)
	}
	return nil
}

func (s frontState) serversOfOurs() int {
	servers, _, _ := unstructured.NestedSlice(s.gateway.Object, "spec", "servers")
	count := 0
	for _, server := range servers {
		entry, _ := server.(map[string]any)
		if name, _, _ := unstructured.NestedString(entry, "tls", "credentialName"); name == ourSecret {
			count++
		}
	}
	return count
}

// bundle is what the ConfigMap offers to clients.
func (s frontState) bundle() []byte {
	text, _, _ := unstructured.NestedString(s.configMap.Object, "data", "ca.crt")
	return []byte(text)
}

// fingerprint is that of the CA in force.
func (s frontState) fingerprint() string { return s.configMap.GetAnnotations()[caAnnotation] }

// authority is the CA in force, as the ConfigMap holds it.
func (s frontState) authority() (*x509.Certificate, error) {
	for rest := s.bundle(); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, errors.New("the ConfigMap does not hold the CA that it names")
		}
		if fmt.Sprintf("%x", sha256.Sum256(block.Bytes)) == s.fingerprint() {
			return x509.ParseCertificate(block.Bytes)
		}
	}
}

func (s frontState) leaf() (*x509.Certificate, error) {
	encoded, _, _ := unstructured.NestedString(s.secret.Object, "data", "tls.crt")
	text, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("the Secret holds no certificate")
	}
	return x509.ParseCertificate(block.Bytes)
}

// requireServed tells whether the objects belong together, every gateway pod
// serves the Secret's certificate on the port of a server, and it is accepted
// with the CA that lies in a state folder.
func (s frontState) requireServed(pods []string, home string) error {
	if err := s.requireConsistent(); err != nil {
		return err
	}
	file := filepath.Join(home, "ca", s.fingerprint(), "ca.crt")
	kept, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !bytes.Contains(s.bundle(), kept) {
		return fmt.Errorf("%s is not what the ConfigMap holds", file)
	}
	leaf, err := s.leaf()
	if err != nil {
		return err
	}
	for _, pod := range pods {
		chain, err := handshake(net.JoinHostPort(pod, "8443"), "localhost")
		if err != nil {
			return err
		}
		if !chain[0].Equal(leaf) {
			return fmt.Errorf("pod %s serves another certificate than the Secret's", pod)
		}
		if err := accepts(file, chain, "localhost"); err != nil {
			return fmt.Errorf("what pod %s serves: %w", pod, err)
		}
	}
	return nil
}
