package cmd

import (
	"strings"
	"testing"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

func TestRolesAreTheResultOfARunThatLacksRights(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		d.api.Denies = func(right string) bool { return strings.HasPrefix(right, "patch gateways") }
		o := d.setup(t)
		o.diff = true
		err := printRoles(o.factory.UI.Out(), o.run(t.Context()))
		if fault.ReasonOf(err) != fault.Forbidden {
			t.Fatalf("got %v", err)
		}
		out, _ := d.clear()
		if !strings.HasPrefix(out, "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\n") || strings.Contains(out, "planned/") {
			t.Errorf("stdout is more than YAML to paste:\n%s", out)
		}
		if writes := d.api.Writes(); len(writes) != 0 {
			t.Errorf("writes %v", writes)
		}

		o.dryRun = dryRunClient
		if err := o.run(t.Context()); err != nil {
			t.Errorf("a dry run on the client needs no rights to write: %v", err)
		}
	})
}
