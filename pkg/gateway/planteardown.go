package gateway

// PlanTeardown plans what takes setup back, in the order Gateway, Secret,
// ConfigMap. Objects that are not ours, and what somebody else uses, stay and
// are named in Left.
func PlanTeardown(door *FrontDoor, installed *Installed) (*Plan, error) {
	plan := &Plan{}
	stillNamed, other := "", ""
	for _, gateway := range door.Gateways() {
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
	return plan, plan.deleteConfigMap(installed, other)
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

// deleteConfigMap leaves the CA of a setup with another Secret.
func (p *Plan) deleteConfigMap(installed *Installed, otherSecret string) error {
	configMap, err := coreObject(installed.ConfigMap, "ConfigMap")
	switch {
	case err != nil:
		return err
	case configMap == nil:
	case !isOurConfigMap(installed.ConfigMap):
		p.Left = append(p.Left, "ConfigMap "+objectName(configMap)+": kubectl kftls did not make it")
	case otherSecret != "":
		p.Left = append(p.Left, "ConfigMap "+objectName(configMap)+": setup with Secret "+otherSecret+
			" needs it; take that back: kubectl kftls teardown --secret-name "+otherSecret)
	default:
		p.Changes = append(p.Changes, Change{Action: Delete, Resource: configMaps, Kind: "ConfigMap", Before: configMap, Why: "setup made it"})
	}
	return nil
}
