package gateway

import (
	"reflect"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// requireChangeable refuses changes of what is marked immutable: the API server
// refuses them whatever the rights, and only deletes such an object
// (https://kubernetes.io/docs/concepts/configuration/secret/#secret-immutable).
func requireChangeable(changes []Change) error {
	for _, change := range changes {
		if change.Action != Update || change.Before.Object["immutable"] != true ||
			reflect.DeepEqual(change.Before.Object["data"], change.After.Object["data"]) {
			continue
		}
		hint := "take another one: kubectl kftls setup --secret-name " + change.Before.GetName() + "-2"
		if change.Kind == "ConfigMap" {
			hint = "make it anew: kubectl kftls teardown && kubectl kftls setup"
		}
		return fault.New(fault.NotOurs, hint, "%s %s is immutable, and what it holds would have to change (%s)",
			change.Kind, change.Object(), change.Why)
	}
	return nil
}
