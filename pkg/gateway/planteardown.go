package gateway

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// PlanTeardown plans what takes setup back, in the order Gateway, Secret,
// ConfigMap. Objects that are not ours, and what somebody else uses, stay and
// are named in Left. A Gateway that another program keeps is changed where
// setup itself has changed it, as its record says; what came from the program's
// source goes the same way, unless force is given.
func PlanTeardown(door *FrontDoor, installed *Installed, force bool) (*Plan, error) {
	plan := &Plan{}
	stillNamed, kept, other := "", "", ""
	for _, gateway := range door.Gateways() {
		if left := keptBySource(gateway, installed.SecretName); left != "" && !force {
			stillNamed, kept = objectName(gateway), objectName(gateway)
			plan.Left = append(plan.Left, left)
			continue
		}
		edit := newEdit(gateway)
		left := edit.undo(installed.SecretName)
		if !edit.record.isFor(installed.SecretName) {
			other = edit.record.SecretName
		}
		if len(left) > 0 {
			stillNamed = objectName(gateway)
			plan.Left = append(plan.Left, left...)
		}
		changes, err := edit.change(door.Resource)
		if err != nil {
			return nil, err
		}
		plan.Changes = append(plan.Changes, changes...)
	}
	if err := plan.deleteSecret(installed, stillNamed); err != nil {
		return nil, err
	}
	return plan, plan.deleteConfigMap(installed, kept, other)
}

// keptBySource says of our server that it came from the source of the program
// that keeps the Gateway, "" where it did not.
func keptBySource(gateway *unstructured.Unstructured, secretName string) string {
	manager := ManagerOf(gateway)
	isNamed := slices.ContainsFunc(Servers(gateway), func(server Server) bool { return server.usesSecret(secretName) })
	if manager == "" || !isNamed || !readRecord(gateway).isEmpty() {
		return ""
	}
	return "Gateway " + objectName(gateway) + ": " + manager + " keeps our server in it; take the patch out of its source, let it sync, and run teardown again"
}

func (p *Plan) deleteSecret(installed *Installed, stillNamed string) error {
	secret, err := coreObject(installed.Secret, "Secret")
	if err != nil {
		return err
	}
	switch {
	case installed.SecretUnknown != nil:
		p.Left = append(p.Left, "Secret "+installed.SecretName+": "+installed.SecretUnknown.Error())
	case secret == nil:
	case !isOurSecret(installed.Secret):
		p.Left = append(p.Left, "Secret "+objectName(secret)+": kubectl kftls did not make it, or its certificate was replaced since")
	case stillNamed != "":
		p.Left = append(p.Left, "Secret "+objectName(secret)+": Gateway "+stillNamed+" still names it")
	default:
		p.Changes = append(p.Changes, Change{Action: Delete, Resource: secrets, Kind: "Secret", Before: secret, Why: "setup made it"})
	}
	return nil
}

// deleteConfigMap leaves the CA of what a Gateway's source keeps serving, and
// that of a setup with another Secret.
func (p *Plan) deleteConfigMap(installed *Installed, kept, otherSecret string) error {
	configMap, err := coreObject(installed.ConfigMap, "ConfigMap")
	switch {
	case err != nil:
		return err
	case configMap == nil:
	case !isOurConfigMap(installed.ConfigMap):
		p.Left = append(p.Left, "ConfigMap "+objectName(configMap)+": kubectl kftls did not make it")
	case kept != "":
		p.Left = append(p.Left, "ConfigMap "+objectName(configMap)+": its CA signed the certificate that Gateway "+kept+" serves")
	case otherSecret != "":
		p.Left = append(p.Left, "ConfigMap "+objectName(configMap)+": setup with Secret "+otherSecret+
			" needs it; take that back: kubectl kftls teardown --secret-name "+otherSecret)
	default:
		p.Changes = append(p.Changes, Change{Action: Delete, Resource: configMaps, Kind: "ConfigMap", Before: configMap, Why: "setup made it"})
	}
	return nil
}
