package gateway

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const ourManager = "kubectl-kftls-0123456789ab-0a1b2c3d4e5f"

// entry is one of metadata.managedFields.
func entry(manager, fields string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{
		Manager: manager, Operation: "Apply", APIVersion: "networking.istio.io/v1beta1", FieldsType: "FieldsV1",
		FieldsV1: metav1.NewFieldsV1(fields),
	}
}

func ownedBy(managers ...string) []metav1.ManagedFieldsEntry {
	var entries []metav1.ManagedFieldsEntry
	for _, manager := range managers {
		entries = append(entries, entry(manager, `{"f:spec":{"f:selector":{},"f:servers":{}}}`))
	}
	return entries
}

func TestServersOwner(t *testing.T) {
	status := entry("istiod", `{"f:spec":{"f:servers":{}}}`)
	status.Subresource = "status"
	tests := []struct {
		name    string
		entries []metav1.ManagedFieldsEntry
		want    string
	}{
		{"nobody", nil, ""},
		{"the installer", ownedBy("kustomize"), "kustomize"},
		{"ours does not count", ownedBy(ourManager), ""},
		{"the other of two", ownedBy(ourManager, "kustomize"), "kustomize"},
		{"the first of several", ownedBy("argocd", "kustomize"), "argocd"},
		{"of other fields", []metav1.ManagedFieldsEntry{entry("kubectl", `{"f:metadata":{}}`)}, ""},
		{"a subresource", []metav1.ManagedFieldsEntry{status}, ""},
		{"no fields", []metav1.ManagedFieldsEntry{{Manager: "x"}}, ""},
		{"fields that are none", []metav1.ManagedFieldsEntry{entry("x", `7`)}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			gateway := kubeflowGateway()
			gateway.SetManagedFields(test.entries)
			owner, got := serversOwner(gateway), ""
			if owner != nil {
				got = owner.Manager
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestGivenBack(t *testing.T) {
	const (
		servers      = `{"f:spec":{"f:servers":{}}}`
		annotation   = `{"f:metadata":{"f:annotations":{"f:x":{}}}}`
		both         = `{"f:metadata":{"f:annotations":{"f:x":{}}},"f:spec":{"f:servers":{}}}`
		selector     = `{"f:spec":{"f:selector":{}}}`
		selectorToo  = `{"f:spec":{"f:selector":{},"f:servers":{}}}`
		otherManager = "kubectl-kftls-ffffffffffff-ffffffffffff"
	)
	owner := &Owner{Manager: "kustomize", Operation: "Apply", APIVersion: "networking.istio.io/v1beta1"}
	type fields map[string]string
	tests := []struct {
		name    string
		entries []metav1.ManagedFieldsEntry
		owner   *Owner
		want    fields
		changed bool
	}{
		{
			"to an owner that is still there",
			[]metav1.ManagedFieldsEntry{entry("kustomize", selector), entry(ourManager, servers)},
			owner,
			fields{"kustomize": selectorToo},
			true,
		},
		{
			"to an owner whose entry is gone",
			[]metav1.ManagedFieldsEntry{entry(ourManager, servers)},
			owner,
			fields{"kustomize": servers},
			true,
		},
		{
			"our annotations stay ours",
			[]metav1.ManagedFieldsEntry{entry("kustomize", selector), entry(ourManager, both)},
			owner,
			fields{"kustomize": selectorToo, ourManager: annotation},
			true,
		},
		{
			"from two computers",
			[]metav1.ManagedFieldsEntry{entry(ourManager, servers), entry(otherManager, both)},
			owner,
			fields{"kustomize": servers, otherManager: annotation},
			true,
		},
		{
			"nobody owned them",
			[]metav1.ManagedFieldsEntry{entry("kubectl", annotation), entry(ourManager, servers)},
			nil,
			fields{"kubectl": annotation},
			true,
		},
		{
			"nothing is ours",
			[]metav1.ManagedFieldsEntry{entry("kustomize", selectorToo), entry(ourManager, annotation)},
			owner,
			fields{"kustomize": selectorToo, ourManager: annotation},
			false,
		},
		{"nothing at all", nil, nil, fields{}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before, _ := json.Marshal(test.entries)
			entries, changed := givenBack(test.entries, test.owner, testTime)
			got := fields{}
			for _, e := range entries {
				got[e.Manager] = string(e.FieldsV1.GetRawBytes())
				if e.Manager == "kustomize" && (e.Operation != "Apply" || e.APIVersion != owner.APIVersion || e.FieldsType != "FieldsV1") {
					t.Errorf("entry of the owner: %+v", e)
				}
			}
			if changed != test.changed {
				t.Errorf("changed %v, want %v", changed, test.changed)
			}
			if diff := cmp.Diff(test.want, got); test.changed && diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if after, _ := json.Marshal(test.entries); !bytes.Equal(after, before) {
				t.Error("the entries that were given were changed")
			}
		})
	}
}
