package gateway

import (
	"encoding/base64"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// Spec is what setup was asked for.
type Spec struct {
	// Port and Hosts are our server's; zero means as installed, and for a
	// first time DefaultPort and "*".
	Port  int32
	Hosts []string
	// Private takes a port that the Service does not publish, so that only
	// tunnels lead there.
	Private bool
	// SecretName is the TLS Secret's name; "" means as installed, and for a
	// first time the constant SecretName.
	SecretName string
	// HTTPSRedirect turns the redirect of plain HTTP on or off; nil leaves it.
	HTTPSRedirect *bool
	// Force swaps the certificate of servers that take our port and hosts, and
	// changes a Gateway that another program keeps.
	Force bool
}

// Resolve fills in what the flags left open from what is installed.
func (s Spec) Resolve(door *FrontDoor) Spec {
	s.SecretName = door.SecretName(s.SecretName)
	if server, stands := door.installedServer(s.SecretName); stands {
		if s.Port == 0 && !(s.Private && door.publishes(server.Number)) {
			s.Port = server.Number
		}
		if len(s.Hosts) == 0 {
			s.Hosts = server.Hosts
		}
	}
	if s.Port == 0 && s.Private {
		s.Port = door.privatePort()
	}
	if s.Port == 0 {
		s.Port = DefaultPort
	}
	if len(s.Hosts) == 0 {
		s.Hosts = []string{"*"}
	}
	return s
}

// installedServer is the server that setup added, else one that it swapped.
func (d *FrontDoor) installedServer(secretName string) (Server, bool) {
	for _, server := range Servers(d.Gateway) {
		if server.isOurs(secretName) {
			return server, true
		}
	}
	return d.OurServer(secretName)
}

// Certificates are what the plan publishes.
type Certificates struct {
	// Authority is the CA in force, with its key where this computer holds it.
	Authority *ca.Authority
	// Bundle is what the ConfigMap holds: the CA in force first, in PEM.
	Bundle []byte
	// Announced is the fingerprint of the bundle's CA that is to be in force
	// later, "" for none.
	Announced string
	// Leaf is the certificate to serve with its key; nil keeps the Secret.
	Leaf *ca.Leaf
	// Computer is the id of this computer.
	Computer string
	// KeyState is what the ConfigMap is to say of the CA's key, see AnnotationKey;
	// "" keeps what it says.
	KeyState string
}

// PlanSetup plans the writes in their order: ConfigMap, Secret, Gateway. It
// refuses with reason Overlap what needs Force, and with NotOurs what is not
// ours. spec must be resolved.
func PlanSetup(door *FrontDoor, installed *Installed, spec Spec, certificates Certificates) (*Plan, error) {
	if err := installed.RequireOurs(); err != nil {
		return nil, err
	}
	plan := &Plan{}
	configMap, err := planConfigMap(door, installed, certificates)
	if err != nil {
		return nil, err
	}
	plan.Changes = append(plan.Changes, configMap...)
	if certificates.Leaf != nil {
		secret, err := planSecret(door, installed, certificates)
		if err != nil {
			return nil, err
		}
		plan.Changes = append(plan.Changes, secret...)
	}
	if err := requireChangeable(plan.Changes); err != nil {
		return nil, err
	}
	gateways, handed, err := PlanServers(door, spec)
	if err != nil {
		return nil, err
	}
	plan.Changes, plan.Handed = append(plan.Changes, gateways...), handed
	former := door.SecretName("")
	if server, stands := door.installedServer(former); former != spec.SecretName && stands && server.Name == ServerName {
		plan.Left = append(plan.Left, "Secret "+door.PodNamespace()+"/"+former+
			": served until now; delete it afterwards: kubectl kftls teardown --secret-name "+former)
	}
	return plan, nil
}

func planConfigMap(door *FrontDoor, installed *Installed, certificates Certificates) ([]Change, error) {
	before, err := coreObject(installed.ConfigMap, "ConfigMap")
	if err != nil {
		return nil, err
	}
	// All fields of ours are named each time: server-side apply removes what its
	// manager named before and names no longer.
	annotations := map[string]any{AnnotationCA: certificates.Authority.Fingerprint()}
	if computer := certificates.computerIn(installed); computer != "" {
		annotations[AnnotationComputer] = computer
	}
	if key := certificates.keyIn(installed); key != "" {
		annotations[AnnotationKey] = key
	}
	if certificates.Announced != "" || installed.AnnouncedCA() != "" {
		annotations[AnnotationAnnounced] = certificates.Announced
	}
	wanted := ours("ConfigMap", door.Gateway.GetNamespace(), ConfigMapName, annotations)
	wanted.Object["data"] = map[string]any{ConfigMapKey: string(certificates.Bundle)}
	return planObject(before, wanted, configMaps, "the CA certificate, for everybody who trusts it"), nil
}

// computerIn is which computer holds the CA's key, as the ConfigMap says; ours
// where it says nothing.
func (c Certificates) computerIn(installed *Installed) string {
	if c.isNewIn(installed) {
		return c.Computer
	}
	named := installed.ConfigMap.Annotations[AnnotationComputer]
	isAnother := installed.CAFingerprint() != "" && installed.CAFingerprint() != c.Authority.Fingerprint()
	if c.Authority.Key != nil && (named == "" || isAnother) {
		return c.Computer
	}
	return named
}

// keyIn is what the ConfigMap will say of the CA's key.
func (c Certificates) keyIn(installed *Installed) string {
	present := ""
	if installed.ConfigMap != nil {
		present = installed.ConfigMap.Annotations[AnnotationKey]
	}
	switch {
	case c.KeyState != "":
		return c.KeyState
	case present != "" && c.isNewIn(installed):
		return keyKept
	}
	return present
}

// isNewIn tells that the ConfigMap has no CA yet, or another one.
func (c Certificates) isNewIn(installed *Installed) bool {
	present := installed.CAFingerprint()
	return installed.ConfigMap == nil || present != "" && present != c.Authority.Fingerprint()
}

func planSecret(door *FrontDoor, installed *Installed, certificates Certificates) ([]Change, error) {
	before, err := coreObject(installed.Secret, "Secret")
	if err != nil {
		return nil, err
	}
	key, err := certificates.Leaf.KeyPEM()
	if err != nil {
		return nil, err
	}
	wanted := ours("Secret", door.PodNamespace(), installed.SecretName, map[string]any{
		AnnotationCA:   certificates.Authority.Fingerprint(),
		AnnotationLeaf: certificates.Leaf.Fingerprint(),
	})
	wanted.Object["type"] = "kubernetes.io/tls"
	wanted.Object["data"] = map[string]any{
		"tls.crt": base64.StdEncoding.EncodeToString(certificates.Leaf.ChainPEM()),
		"tls.key": base64.StdEncoding.EncodeToString(key),
	}
	return planObject(before, wanted, secrets, "the certificate and key that the gateway serves"), nil
}

func ours(kind, namespace, name string, annotations map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": kind,
		"metadata": map[string]any{
			"namespace": namespace, "name": name,
			"labels":      map[string]any{LabelManagedBy: ManagedBy},
			"annotations": annotations,
		},
	}}
}

// PlanServers plans the Gateway's server, or the swaps that Force allows; the
// part of PlanSetup that changes Gateways. Without Force, the changes of those
// that another program keeps are handed over.
func PlanServers(door *FrontDoor, spec Spec) (changes []Change, handed []Handover, err error) {
	if changes, err = planServers(door, spec); err != nil || spec.Force {
		return changes, nil, err
	}
	changes, handed = handOver(changes)
	return changes, handed, nil
}

func planServers(door *FrontDoor, spec Spec) ([]Change, error) {
	overlapping := door.Overlapping(spec.Port, spec.Hosts, spec.SecretName)
	if len(overlapping) > 0 && !spec.Force {
		return nil, overlapError(overlapping, spec)
	}
	edits := map[*unstructured.Unstructured]*edit{}
	order := []*unstructured.Unstructured{door.Gateway}
	edits[door.Gateway] = newEdit(door.Gateway)
	for _, taken := range overlapping {
		if edits[taken.Gateway] == nil {
			edits[taken.Gateway] = newEdit(taken.Gateway)
			order = append(order, taken.Gateway)
		}
		if err := edits[taken.Gateway].swap(taken.Server, spec.SecretName); err != nil {
			return nil, err
		}
	}
	if len(overlapping) == 0 && len(swapped(door, spec)) == 0 {
		if err := edits[door.Gateway].serve(spec); err != nil {
			return nil, err
		}
	}
	if spec.HTTPSRedirect != nil {
		edits[door.Gateway].redirect(*spec.HTTPSRedirect)
	}
	var changes []Change
	for _, gateway := range order {
		change, err := edits[gateway].change(door.Resource)
		if err != nil {
			return nil, err
		}
		changes = append(changes, change...)
	}
	return changes, nil
}

// swapped are the servers of somebody on our port and hosts into which an
// earlier run with Force has put our Secret: adding ours beside them would
// overlap.
func swapped(door *FrontDoor, spec Spec) []Server {
	var found []Server
	for _, gateway := range door.Gateways() {
		for _, server := range Servers(gateway) {
			if server.usesSecret(spec.SecretName) && !server.isOurs(spec.SecretName) &&
				server.Number == spec.Port && overlaps(server.Hosts, spec.Hosts) {
				found = append(found, server)
			}
		}
	}
	return found
}

// ServedHosts are the hosts under which our certificate will be served: the
// spec's, or those of the servers that are swapped.
func ServedHosts(door *FrontDoor, spec Spec) []string {
	var hosts []string
	for _, taken := range door.Overlapping(spec.Port, spec.Hosts, spec.SecretName) {
		hosts = append(hosts, taken.Server.Hosts...)
	}
	for _, server := range swapped(door, spec) {
		hosts = append(hosts, server.Hosts...)
	}
	if len(hosts) == 0 {
		return spec.Hosts
	}
	return hosts
}

func overlapError(overlapping []Overlapping, spec Spec) error {
	text, hint := "", otherPortHint
	for _, taken := range overlapping {
		text += "; " + taken.String()
	}
	if !slices.ContainsFunc(overlapping, func(taken Overlapping) bool { return !taken.Server.isSwappable() }) {
		hint = fmt.Sprintf("swap its certificate for ours: kubectl kftls setup --force (teardown swaps it back); "+
			"or leave it and %s; or make it trusted where you are, with the CA that signed Secret %s",
			otherPortHint, overlapping[0].Server.CredentialName)
	}
	return fault.New(fault.Overlap, hint,
		"port %d already has a server for these hosts, and istiod would skip a second one%s", spec.Port, text)
}

const otherPortHint = "take another port: kubectl kftls setup --port 9443"
