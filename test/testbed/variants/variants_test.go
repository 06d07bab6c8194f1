package variants_test

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/objects"
	"github.com/kftls/kubectl-kftls/test/testbed/profiles"
	"github.com/kftls/kubectl-kftls/test/testbed/variants"
)

func TestResolve(t *testing.T) {
	got, err := variants.Resolve([]string{"short-tokens", "ldap", "connectors", "ldap"})
	if want := []string{"short-tokens", "ldap-server", "ldap", "connectors"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("resolved %q, %v, want %q", got, err, want)
	}
	if _, err := variants.Resolve([]string{"kerberos"}); err == nil || !strings.Contains(err.Error(), "ldap") {
		t.Errorf("an unknown variant: %v", err)
	}
}

// lacking are the variants that change what a profile does not have.
var lacking = map[string][]string{"kubeflow-1.8": {"secure-cookies"}}

func TestEveryVariantFitsEveryProfile(t *testing.T) {
	for _, profile := range profiles.Names() {
		files, err := profiles.Open(profile)
		if err != nil {
			t.Fatal(err)
		}
		shipped, err := objects.Load(files, ".")
		if err != nil {
			t.Fatal(err)
		}
		for _, variant := range variants.Names() {
			changed, err := lay(shipped, variant)
			fits := !slices.Contains(lacking[profile], variant)
			if (err == nil) != fits {
				t.Errorf("%s on %s: %v", variant, profile, err)
			}
			if fits && len(changed) == 0 {
				t.Errorf("%s changes nothing on %s", variant, profile)
			}
		}
	}
}

// lay returns what a variant changes and takes away.
func lay(shipped []*unstructured.Unstructured, variant string) ([]*unstructured.Unstructured, error) {
	changes, err := objects.Load(variants.Files(), variant)
	if err != nil {
		return nil, err
	}
	all, err := objects.Overlay(shipped, changes)
	if err != nil {
		return nil, err
	}
	changed, gone := objects.Compare(shipped, all)
	return append(changed, gone...), nil
}

func TestVariantsAreExplained(t *testing.T) {
	for _, variant := range variants.Names() {
		changes, err := objects.Load(variants.Files(), variant)
		if err != nil {
			t.Fatal(err)
		}
		taken := slices.ContainsFunc(changes, func(o *unstructured.Unstructured) bool {
			return o.GetAnnotations()[objects.PatchAnnotation] == "delete"
		})
		if !taken && len(objects.Differences(changes)) == 0 {
			t.Errorf("%s does not say in what it differs", variant)
		}
	}
}
