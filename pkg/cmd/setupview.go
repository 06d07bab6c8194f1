package cmd

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
	"github.com/kftls/kubectl-kftls/pkg/setup"
	"github.com/kftls/kubectl-kftls/pkg/ui"
)

// setupView says what setup found, plans and did. What is found and planned
// goes to stderr; what was changed is the result, on stdout.
type setupView struct {
	ui   *ui.UI
	name string
	// besideObjects tells that the result on stdout are objects, so that all that
	// people read goes to stderr.
	besideObjects bool
}

// out is where the result goes that people read.
func (v setupView) out() io.Writer {
	if v.besideObjects {
		return notes{v.ui}
	}
	return v.ui.Out()
}

// found lists what was found, before anything is asked or changed.
func (v setupView) found(s *setup.Setup, found *setup.Finding) {
	door := found.Door
	v.field("Context", "%s (%s)", s.Cluster.Context, s.Cluster.Server)
	v.field("Gateway", "%s", door.Name())
	v.field("Service", "%s, ports %s", door.ServiceName(), servicePorts(door))
	v.field("Pods", "%s in namespace %s", podNames(door.ReadyPods()), door.PodNamespace())
	v.field("Login", "%s", login(door, found.Plain))
	servers := 0
	for _, object := range door.Gateways() {
		for _, server := range gateway.Servers(object) {
			if server.IsTLS() {
				v.field("HTTPS", "%s/%s: %s", object.GetNamespace(), object.GetName(), server)
				servers++
			}
		}
	}
	if servers == 0 {
		v.field("HTTPS", "none")
	}
	v.foreign(found)
	for _, note := range door.Notes {
		v.ui.Note("note: %s", note)
	}
	if skew := found.Skew.Abs(); skew > setup.SkewWarning {
		v.ui.Warn("the clocks of this computer and of the API server differ by %s", skew.Round(time.Second))
	}
	v.dropped(found)
}

// dropped warns of names that the certificate will not have.
func (v setupView) dropped(found *setup.Finding) {
	for _, name := range found.Dropped {
		v.ui.Warn("%s is not put into the certificate: the server's hosts (%s) do not admit it",
			name, strings.Join(gateway.ServedHosts(found.Door, found.Spec), ", "))
	}
}

// foreign says whose certificate is served where it is not ours, with what decides
// whether to keep it: who signed it, for which names, until when.
func (v setupView) foreign(found *setup.Finding) {
	said := map[string]bool{}
	for _, name := range found.Names.Strings() {
		chain := found.Served[name]
		if len(chain) == 0 || found.IsOurs(chain) || said[ca.Fingerprint(chain[0])] {
			continue
		}
		said[ca.Fingerprint(chain[0])] = true
		leaf := ca.Leaf{Certificate: chain[0]}
		v.field("Serves", "a certificate for %s, signed by %s, until %s (SHA-256 %s)",
			strings.Join(leaf.Names().Strings(), ", "), chain[0].Issuer, day(chain[0].NotAfter), ca.Fingerprint(chain[0]))
	}
}

func (v setupView) field(name, format string, args ...any) {
	v.ui.Note("%-9s %s", name+":", fmt.Sprintf(format, args...))
}

func servicePorts(door *gateway.FrontDoor) string {
	var ports []string
	for _, port := range door.Ingress.Object.Spec.Ports {
		ports = append(ports, strconv.Itoa(int(port.Port)))
	}
	return strings.Join(ports, ", ")
}

func podNames(pods []portforward.Pod) string {
	var names []string
	for _, pod := range pods {
		names = append(names, pod.Name)
	}
	return strings.Join(names, ", ")
}

func login(door *gateway.FrontDoor, plain []gateway.Answer) string {
	if len(plain) == 0 {
		return string(door.Era)
	}
	return fmt.Sprintf("%s (plain HTTP answers %d: %s)", door.Era, plain[0].Status, plain[0].Wall)
}

// trusted ends a run on a front door that needs nothing.
func (v setupView) trusted(found *setup.Finding) {
	chain := found.Served[found.Names.Strings()[0]]
	v.ui.Note("")
	fmt.Fprintf(v.out(), "gateway/%s unchanged: it already serves a certificate that this computer trusts (%s, until %s)\n",
		found.Door.Name(), chain[0].Subject, day(chain[0].NotAfter))
}

// plan says what would be done.
func (v setupView) plan(p *setup.Proposal) {
	v.ui.Note("")
	v.authority(p)
	if p.DiscardsKey {
		v.ui.Note("Throw the key of the CA away once its certificate is served: it will sign no other one")
	}
	v.leaf(p)
	if unknown := p.Finding.Installed.SecretUnknown; unknown != nil {
		v.ui.Note("Secret not checked, what is served stands in for it: %v", unknown)
	}
	for _, change := range p.Plan.Changes {
		v.ui.Note("%s", sentence(change.String()))
	}
	for _, handed := range p.Plan.Handed {
		v.ui.Note("Leave %s", handed)
	}
	for _, left := range p.Plan.Left {
		v.ui.Note("Leave %s", left)
	}
	if how := p.Finding.Door.NewlyExposed(p.Finding.Spec.Port); how != "" {
		v.ui.Warn("port %d becomes reachable from outside the cluster, which it was not before: %s; --private takes a port for tunnels alone",
			p.Finding.Spec.Port, how)
	}
	if p.Plan.Empty() && len(p.Plan.Handed) == 0 {
		v.ui.Note("Change nothing: all of it is there")
	}
}

// leaf says which certificate follows the present one, and why.
func (v setupView) leaf(p *setup.Proposal) {
	if p.Outdated() {
		v.ui.Note("note: what a dry run prepared is not used: it is for other names or flags, for another CA, or near its end")
	}
	switch {
	case p.LeafReason == "":
	case p.LeafIsPrepared:
		v.ui.Note("Use the certificate for %s that a dry run has prepared: %s", strings.Join(p.Pair.Names().Strings(), ", "), p.LeafReason)
	default:
		v.ui.Note("Make a certificate for %s: %s", strings.Join(p.Pair.Names().Strings(), ", "), p.LeafReason)
	}
}

func (v setupView) diff(plan *gateway.Plan) error {
	text, err := plan.Diff()
	if err == nil {
		_, err = io.WriteString(v.out(), text)
	}
	return err
}

// tried prints what a dry run would have done, in kubectl's words.
func (v setupView) tried(plan *gateway.Plan, how string) {
	mode := " (dry run)"
	if how == dryRunServer {
		mode = " (server dry run)"
	}
	for _, change := range plan.Changes {
		v.result(plan, "%s %s%s", objectRef(change), kubectlVerb(change.Action), mode)
	}
	if plan.Empty() && len(plan.Handed) == 0 {
		fmt.Fprintf(v.out(), "unchanged%s\n", mode)
	}
}

// done prints what was changed, in kubectl's words.
func (v setupView) done(result *setup.Result) {
	plan := result.Proposal.Plan
	for _, write := range result.Done {
		v.result(plan, "%s %s", objectRef(write.Change), kubectlVerb(write.Action))
	}
	if plan.Empty() && len(plan.Handed) == 0 && !result.Removed {
		fmt.Fprintf(v.out(), "gateway/%s unchanged\n", result.Proposal.Finding.Door.Name())
	}
}

func objectRef(change gateway.Change) string {
	return strings.ToLower(change.Kind) + "/" + change.Object()
}

func kubectlVerb(action gateway.Action) string {
	switch action {
	case gateway.Create:
		return "created"
	case gateway.Delete:
		return "deleted"
	}
	return "configured"
}

// failed says in which state a run left the cluster, and how to go on.
func (v setupView) failed(result *setup.Result) {
	switch {
	case result.Undone && result.Removed:
		v.ui.Note("What this run changed was taken back, and our server was taken off the Gateway.")
		v.ui.Note("Go on with '%s setup', or take the rest back with '%s teardown'.", v.name, v.name)
	case result.Undone:
		v.ui.Note("What this run changed was taken back.")
	case result.Removed:
		v.ui.Note("Our server was taken off the Gateway again; Secret and ConfigMap stay.")
		v.ui.Note("Go on with '%s setup', or take the rest back with '%s teardown'.", v.name, v.name)
	case len(result.Done) > 0:
		v.ui.Note("What is listed above was changed, and stays.")
		v.ui.Note("Go on with '%s setup', or take it back with '%s teardown'.", v.name, v.name)
	default:
		v.ui.Note("Nothing was changed.")
	}
	if result.Removed {
		v.comesBack(result.Proposal.Finding.Door)
	}
}

// next says what works now and how to undo it.
func (v setupView) next(result *setup.Result) {
	p := result.Proposal
	name := gateway.SampleName(p.Finding.Names.DNS[0])
	v.served(result)
	v.ui.Note("")
	v.ui.Note("Try it:   %s port-forward 8443:%d &", v.name, p.Finding.Spec.Port)
	v.ui.Note("          curl --cacert %s https://%s:8443/", v.caFile(result), name)
	v.ui.Note("Undo it:  %s teardown", v.name)
}

// served says what was verified, and until when it is valid.
func (v setupView) served(result *setup.Result) {
	p := result.Proposal
	v.ui.Note("")
	v.ui.Note("%d gateway pods serve it in %s, and %s.",
		len(result.Verdict.Pods), result.Took.Round(10*time.Millisecond), guarded(result.Verdict.Answers))
	if p.Pair != nil {
		v.ui.Note("The certificate is valid until %s, the CA until %s.",
			day(p.Pair.Certificate.NotAfter), day(p.Authority.End()))
	}
}

// guarded says what the answers to requests without a session prove.
func guarded(answers []gateway.Answer) string {
	for _, answer := range answers {
		if answer.Wall.Stops() {
			return fmt.Sprintf("the login guards it (%s)", answer.Wall)
		}
	}
	return "it is as open as plain HTTP is: this Kubeflow has no login"
}

// caFile is how a shell names the CA's file.
func (v setupView) caFile(result *setup.Result) string {
	if result.CertificatePath != "" {
		return shellQuoted(result.CertificatePath)
	}
	return fmt.Sprintf("<(%s ca)", v.name)
}

// shellQuoted quotes what a POSIX shell would take apart.
func shellQuoted(text string) string {
	safe := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@%", r)
	}
	if strings.IndexFunc(text, func(r rune) bool { return !safe(r) }) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

func day(t time.Time) string { return t.UTC().Format("2006-01-02") }
