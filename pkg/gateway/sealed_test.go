package gateway

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

func TestImmutableObjectsAreNotPlannedToChange(t *testing.T) {
	object := func(kind, value string, immutable bool) *unstructured.Unstructured {
		return testutil.Object("v1", kind, "istio-system", "mine", map[string]any{"data": map[string]any{"x": value}, "immutable": immutable})
	}
	for name, test := range map[string]struct {
		change Change
		hint   string
	}{
		"a Secret":               {Change{Action: Update, Kind: "Secret", Before: object("Secret", "1", true), After: object("Secret", "2", true)}, "setup --secret-name mine-2"},
		"a ConfigMap":            {Change{Action: Update, Kind: "ConfigMap", Before: object("ConfigMap", "1", true), After: object("ConfigMap", "2", true)}, "teardown && kubectl kftls setup"},
		"one that may change":    {Change{Action: Update, Kind: "Secret", Before: object("Secret", "1", false), After: object("Secret", "2", false)}, ""},
		"only its annotations":   {Change{Action: Update, Kind: "Secret", Before: object("Secret", "1", true), After: object("Secret", "1", true)}, ""},
		"one that is to go":      {Change{Action: Delete, Kind: "Secret", Before: object("Secret", "1", true)}, ""},
		"one that is to be made": {Change{Action: Create, Kind: "Secret", After: object("Secret", "1", true)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := requireChangeable([]Change{test.change})
			if test.hint == "" {
				wantReason(t, err, "")
				return
			}
			wantReason(t, err, fault.NotOurs)
			if !strings.Contains(err.Error(), "is immutable") || !strings.Contains(fault.HintOf(err), test.hint) {
				t.Errorf("got %v, %s", err, fault.HintOf(err))
			}
		})
	}
}
