package diagnose

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

// noServe are the symptoms of a port on which the gateway does not serve TLS.
var noServe = []Symptom{PortRefused, HandshakeCut, NoAnswer, NoServer, RefusedHere}

func serverChecks() []Check {
	return []Check{
		{
			Code: "KFT302", Title: "the HTTPS server that setup added is gone from the Gateway", Layer: LayerObjects, Severity: Error,
			Causes: noServe, Look: lookVanished,
			Page: Page{
				Means: "setup had added an HTTPS server to the Gateway; its certificate is still there, and the server is not. Whoever applied Kubeflow's manifests again wrote the list of servers anew: it is one value, and the last writer's.",
				Heals: "Run kubectl kftls setup again. Where Argo CD or Flux writes the Gateway, put the server into Git.",
			},
		},
		{
			Code: "KFT301", Title: "nobody has set HTTPS up: the Gateway has no HTTPS server", Layer: LayerObjects, Severity: Error,
			Causes: noServe, Needs: []string{"KFT207", "KFT302"}, Look: lookNoServer,
			Page: Page{
				Means: "A Kubeflow as it is shipped serves plain HTTP alone. Nothing in the gateway listens for https before somebody adds a server and a certificate.",
				Shows: []Shown{
					{"kubectl port-forward", "failed to connect to localhost:8443 inside namespace …: connect: connection refused", "measured with kubectl 1.37"},
					{"curl", "curl: (35) OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to localhost:8443", "measured with curl 7.88"},
				},
				Heals: "Set it up: kubectl kftls setup; or end TLS on this computer: kubectl kftls port-forward --tls",
			},
		},
		{
			Code: "KFT311", Title: "an HTTP and an HTTPS server share a port", Layer: LayerObjects, Severity: Error,
			Causes: append([]Symptom{AnswersPlain}, noServe...), Reads: StageCluster, Look: lookSharedPort,
			Page: Page{
				Means: "One port speaks one protocol. Where servers of both kinds name the same port, istiod takes the first and leaves the other out.",
				Shows: []Shown{{"istiod", "skipping server on gateway … port …: conflict with existing server 8443.HTTP", "read in Istio's source"}},
				Heals: "Give one of them another port.",
			},
		},
		{
			Code: "KFT310", Title: "another Gateway has an HTTPS server for the same names", Layer: LayerObjects, Severity: Error,
			Causes: append([]Symptom{Untrusted, WrongName, Expired, Denied, NoRoute, BadCertificate, OtherAnswer}, noServe...), Reads: StageCluster, Look: lookRival,
			Page: Page{
				Means: "Two Gateways of the same pods have HTTPS servers on one port for overlapping hosts. istiod takes the older Gateway's and leaves the other out without an error: what answers is another certificate and other routes.",
				Shows: []Shown{{"istiod", "skipping server on gateway kubeflow/kubeflow-gateway, duplicate host names: [*]", "measured with Istio 1.31-dev"}},
				Heals: "Give the other server hosts of its own, or take it out.",
			},
		},
	}
}

// serverEvidence is a field of a server of a Gateway.
func serverEvidence(object *unstructured.Unstructured, name, field, value string) Evidence {
	at := "?"
	for i, s := range gateway.Servers(object) {
		if s.Name == name {
			at = itoa(i)
		}
	}
	return evidence("Gateway "+objectName(object), fmt.Sprintf("spec.servers[%s].%s", at, field), value)
}

// tlsCounts tells that HTTPS is asked for, or was set up by somebody.
func (f *Facts) tlsCounts() bool {
	return f.Aim.wantsHTTPS() || f.Objects != nil && len(f.Objects.httpsServers()) > 0
}

// door is the front door, and why there is none.
func (f *Facts) door() (*gateway.FrontDoor, *Result) {
	var r Result
	switch {
	case f.Objects == nil:
		r = skipped("no cluster was asked for")
	case f.Objects.Door != nil:
		return f.Objects.Door, nil
	case !f.Objects.Gateways.OK() && !f.Objects.Gateways.Absent():
		r = unknown(f.Objects.Gateways.Err)
	default:
		r = skipped("there is no Gateway with a Service in front")
	}
	return nil, &r
}

func lookVanished(_ context.Context, f *Facts) Result {
	door, why := f.door()
	if door == nil {
		return *why
	}
	if _, stands := door.OurServer(door.SecretName("")); stands {
		return passed("it stands")
	}
	if other, ok := f.Objects.httpsServer(f.Aim.Host); ok && other.MatchesHost(f.Aim.Host) {
		return passed("another HTTPS server stands in its place: " + other.String())
	}
	recorded := door.WasChangedBySetup()
	if !f.Objects.CA.OK() && !recorded {
		if f.Objects.CA.Absent() {
			return skipped("setup was not run here")
		}
		return unknown(f.Objects.CA.Err)
	}
	if f.Objects.CA.Value.GetLabels()[gateway.LabelManagedBy] != gateway.ManagedBy && !recorded {
		return skipped("setup was not run here")
	}
	manager := managerOf(door.Gateway)
	fix := runs("adds the server again, with the CA that is there", f.program()+" setup --yes")
	if manager != "" {
		fix = Fix{Kind: FixEdit, Text: "the Gateway is written by " + manager + ": put the HTTPS server into what it applies; " + f.program() + " setup --dry-run=client --diff shows the server"}
	}
	left := evidence("Gateway "+door.Name(), "metadata.annotations", gateway.AnnotationSetup+" is there")
	if f.Objects.CA.OK() {
		left = evidence("ConfigMap "+objectName(f.Objects.CA.Value), "", "is there")
	}
	return f.absence(found("setup was run here and its server is gone: somebody wrote spec.servers anew", fix,
		evidence("Gateway "+door.Name(), "spec.servers", serverList(door)), left))
}

// absence makes the lack of HTTPS a failure only against an aim; what was asked
// for otherwise is a hint.
func (f *Facts) absence(r Result) Result {
	if f.Aim.wantsHTTPS() && !f.endsTLSElsewhere() {
		return r.as(itself(NoServer))
	}
	return r.as(onlyInfo)
}

func serverList(door *gateway.FrontDoor) string {
	var list []string
	for _, s := range gateway.Servers(door.Gateway) {
		list = append(list, s.String())
	}
	return strings.Join(list, "; ")
}

func lookNoServer(_ context.Context, f *Facts) Result {
	door, why := f.door()
	if door == nil {
		return *why
	}
	if servers := f.Objects.httpsServers(); len(servers) > 0 {
		return passed("there is one: " + servers[0].String())
	}
	result := found("the Gateway has no HTTPS server: nobody has set HTTPS up", runs("CA, certificate, Secret and server, verified; teardown takes it back", f.program()+" setup --yes"),
		evidence("Gateway "+door.Name(), "spec.servers", serverList(door)))
	return f.absence(result)
}

func lookSharedPort(_ context.Context, f *Facts) Result {
	door, why := f.door()
	if door == nil {
		return *why
	}
	plain := map[int32]string{}
	for _, object := range door.Gateways() {
		for _, s := range gateway.Servers(object) {
			if s.IsHTTP() {
				plain[s.Number] = "Gateway " + objectName(object) + ", server " + s.String()
			}
		}
	}
	wanted, _ := f.Objects.httpsServer(f.Aim.Host)
	for _, object := range door.Gateways() {
		for _, s := range gateway.Servers(object) {
			if s.IsTLS() && plain[s.Number] != "" {
				return found(fmt.Sprintf("port %d is an HTTP server's and an HTTPS server's at once", s.Number),
					f.edit(object, fmt.Sprintf("give one of the servers on port %d a port of its own", s.Number)),
					evidence(plain[s.Number], "port", itoa(int(s.Number))), serverEvidence(object, s.Name, "port.number", itoa(int(s.Number)))).as(func(x *Finding) {
					if s.Number == wanted.Number && f.Objects.firstOn(s.Number).IsHTTP() {
						breaks(AnswersPlain, overTLS)(x)
					}
				})
			}
		}
	}
	return passed("every port speaks one protocol")
}

// edit is a fix that changes an object, by whoever writes it.
func (f *Facts) edit(object *unstructured.Unstructured, text string) Fix {
	command := fmt.Sprintf("kubectl -n %s edit %s %s", object.GetNamespace(), editKind(object), object.GetName())
	if manager := managerOf(object); manager != "" {
		return Fix{Kind: FixEdit, Text: fmt.Sprintf("%s, in what %s applies: it would undo an edit in the cluster", text, manager)}
	}
	return byAdmin(text, command)
}

func editKind(object *unstructured.Unstructured) string {
	kind := strings.ToLower(object.GetKind())
	if group, _, ok := strings.Cut(object.GetAPIVersion(), "/"); ok && kind == "gateway" {
		return kind + "." + group
	}
	return kind
}

func lookRival(_ context.Context, f *Facts) Result {
	door, why := f.door()
	if door == nil {
		return *why
	}
	wanted, ok := f.Objects.httpsServer(f.Aim.Host)
	if !ok {
		return skipped("there is no HTTPS server")
	}
	owner := f.Objects.ownerOf(wanted)
	for _, rival := range f.Objects.rivals(owner, wanted) {
		if !older(rival.object, owner) {
			continue
		}
		return found(fmt.Sprintf("Gateway %s has an HTTPS server on port %d for the same names and is older: its server counts, and that of %s is left out",
			objectName(rival.object), wanted.Number, objectName(owner)),
			f.edit(rival.object, "give that server hosts of its own, or another port"),
			serverEvidence(rival.object, rival.server.Name, "hosts", strings.Join(rival.server.Hosts, ", ")),
			serverEvidence(owner, wanted.Name, "hosts", strings.Join(wanted.Hosts, ", ")),
			evidence("Gateway "+objectName(rival.object), "metadata.creationTimestamp", rival.object.GetCreationTimestamp().String())).as(func(x *Finding) {
			if takesPlace(rival.server, wanted) {
				breaks(NoServer, overTLS)(x)
			}
		})
	}
	return passed("no other Gateway takes its place")
}
