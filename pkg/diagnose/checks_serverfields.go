package diagnose

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

// serverFieldChecks look at the fields of the servers that are there.
func serverFieldChecks() []Check {
	return []Check{
		{
			Code: "KFT312", Title: "the TLS mode of the HTTPS server does not fit", Layer: LayerObjects, Severity: Error,
			Causes: append([]Symptom{WantsClient, Denied, NoRoute}, noServe...), Look: lookMode,
			Page: Page{
				Means: "tls.mode says what the gateway does with TLS: SIMPLE ends it with the certificate; MUTUAL wants a certificate of the client, too, and a CA to check it by; PASSTHROUGH hands the bytes on and knows no HTTP.",
				Shows: []Shown{{"curl", "curl: (56) OpenSSL SSL_read: OpenSSL/3.0.19: error:0A00045C:SSL routines::tlsv13 alert certificate required", "measured with curl 7.88"}},
				Heals: "Set tls.mode to SIMPLE.",
			},
		},
		{
			Code: "KFT313", Title: "the HTTPS server's hosts do not admit the name", Layer: LayerObjects, Severity: Error,
			Causes: []Symptom{HandshakeCut, PortRefused, Denied, NoRoute}, Reads: StageCluster, Look: lookHosts,
			Page: Page{
				Means: "The server answers for the names in its hosts alone. A client that asks for another one (localhost, an IP address) is cut off before a certificate is shown.",
				Shows: []Shown{
					{"curl", "curl: (35) Recv failure: Connection reset by peer", "measured with curl 7.88"},
					{"Envoy", `"- - -" 0 NR filter_chain_not_found`, "measured with Envoy 1.40"},
				},
				Heals: "Ask for a name that it admits, or admit all: hosts: [\"*\"].",
			},
		},
		{
			Code: "KFT325", Title: "the plain HTTP server's hosts do not admit the name", Layer: LayerObjects, Severity: Error,
			Causes: []Symptom{NoRoute, Denied}, Reads: StageCluster, Look: lookPlainHosts,
			Page: Page{
				Means: "The Gateway's HTTP server answers for the names in its hosts alone. A request for another one finds no route; Kubeflow's policies then deny it.",
				Shows: []Shown{{"curl", "RBAC: access denied", "measured with Istio 1.31-dev"}},
				Heals: "Ask for a name that it admits (--host NAME), or admit all: hosts: [\"*\"].",
			},
		},
		{
			Code: "KFT329", Title: "the Gateway has no plain HTTP server", Layer: LayerObjects, Severity: Error,
			Causes: []Symptom{NoRoute, Denied, PortRefused, NoServer}, Look: lookPlainServer,
			Page: Page{
				Means: "Plain HTTP was asked for, and Kubeflow's Gateway has no server for it. Where another Gateway opens port 80 of the same pods, a request comes in and finds no route; Kubeflow's policies then deny it.",
				Shows: []Shown{{"curl", "RBAC: access denied", "measured with Istio 1.31-dev"}},
				Heals: "Add the server again, or ask for https.",
			},
		},
		{
			Code: "KFT322", Title: "plain HTTP is redirected to https", Layer: LayerObjects, Severity: Warning,
			Causes: []Symptom{ToHTTPS, Loop, AnswersPlain}, Look: lookRedirect,
			Page: Page{
				Means: "httpsRedirect answers every plain request with the same address under https. Over a port-forward that is the same plain port again; behind a load balancer that ends TLS it goes in a circle.",
				Shows: []Shown{{"curl -L", "curl: (35) OpenSSL/3.0.19: error:0A00010B:SSL routines::wrong version number", "measured with curl 7.88"}},
				Heals: "Use https and the HTTPS port, or turn the redirect off: kubectl kftls setup --https-redirect=false",
			},
		},
	}
}

func lookMode(_ context.Context, f *Facts) Result {
	door, why := f.door()
	if door == nil {
		return *why
	}
	server, ok := f.Objects.httpsServer(f.Aim.Host)
	if !ok {
		return skipped("there is no HTTPS server")
	}
	owner := f.Objects.ownerOf(server)
	ev := serverEvidence(owner, server.Name, "tls.mode", server.Mode)
	fix := f.patchServer(owner, server, "tls", `{"mode":"SIMPLE","credentialName":`+strconv.Quote(server.CredentialName)+`}`, "the gateway ends TLS with the certificate, and wants none of the client")
	if server.CredentialName == "" { // nothing that could be served
		fix = f.edit(owner, "set tls.mode to SIMPLE and tls.credentialName to a TLS Secret beside the gateway pods, or take the server out and run "+f.program()+" setup")
	}
	switch server.Mode {
	case "MUTUAL", "ISTIO_MUTUAL", "OPTIONAL_MUTUAL":
		if f.sees(WantsClient) {
			return skipped("the server takes it, and asks for a client certificate")
		}
		if server.Mode == "OPTIONAL_MUTUAL" && !f.sees(HandshakeCut, NoAnswer, PortRefused) {
			return passed("a client certificate is optional")
		}
		if f.blind() {
			return found("the server wants a certificate of every client (tls.mode "+server.Mode+"), and Kubeflow's clients have none", fix, ev).as(breaks(WantsClient, overTLS))
		}
		return found("the server shall check client certificates (tls.mode "+server.Mode+"), and there is no CA to check them by", fix, ev)
	case "PASSTHROUGH", "AUTO_PASSTHROUGH":
		return found("the server hands TLS on to a program behind it (tls.mode "+server.Mode+"), and Kubeflow has none that ends it", fix, ev).as(func(x *Finding) {
			if !f.Objects.routesTLS() {
				breaks(HandshakeCut, overTLS)(x)
			}
		})
	case "SIMPLE":
		if server.CredentialName == "" {
			return found("the server names no Secret (credentialName), and takes its certificate from files of the pod",
				runs("a certificate of ours in its place", f.program()+" setup --force --yes"), serverEvidence(owner, server.Name, "tls.credentialName", "is not set")).as(probably)
		}
	}
	return passed("tls.mode " + server.Mode)
}

func lookHosts(_ context.Context, f *Facts) Result {
	door, why := f.door()
	if door == nil {
		return *why
	}
	server, ok := f.Objects.httpsServer(f.Aim.Host)
	if !ok {
		return skipped("there is no HTTPS server")
	}
	if server.MatchesHost(f.Aim.Host) {
		return passed("it admits " + f.Aim.Host)
	}
	owner := f.Objects.ownerOf(server)
	text := "the server admits every name"
	if len(server.Hosts) > 0 { // Istio's webhook wants one, and is not everywhere
		name := strings.Replace(server.Hosts[0], "*", "kubeflow", 1)
		if _, bare, ok := strings.Cut(name, "/"); ok {
			name = bare
		}
		text += "; a client may also ask for " + name + " in place of " + f.Aim.Host
	}
	fix := f.patchServer(owner, server, "hosts", `["*"]`, text)
	return found(fmt.Sprintf("the HTTPS server admits %s alone, and was asked for %s", orNone(server.Hosts), f.Aim.Host), fix,
		serverEvidence(owner, server.Name, "hosts", orNone(server.Hosts))).as(breaks(HandshakeCut, overTLS))
}

func lookPlainHosts(_ context.Context, f *Facts) Result {
	door, why := f.door()
	if door == nil {
		return *why
	}
	var hosts []string
	var owner *unstructured.Unstructured
	var closed gateway.Server
	for _, s := range gateway.Servers(door.Gateway) {
		if s.IsHTTP() {
			hosts = append(hosts, s.Hosts...)
			if s.MatchesHost(f.Aim.Host) {
				return passed("it admits " + f.Aim.Host)
			}
			owner, closed = door.Gateway, s
		}
	}
	if owner == nil {
		return skipped("the Gateway has no plain HTTP server")
	}
	return found(fmt.Sprintf("the plain HTTP server of Gateway %s admits %s alone, and was asked for %s", door.Name(), strings.Join(hosts, ", "), f.Aim.Host),
		f.patchServer(owner, closed, "hosts", `["*"]`, "the server admits every name"), serverEvidence(owner, closed.Name, "hosts", strings.Join(hosts, ", "))).as(breaks(Denied, overPlain))
}

// addPlainServer adds the server that Kubeflow's manifests ship (common/istio, 1.3 to 26.03).
const addPlainServer = `[{"op":"add","path":"/spec/servers/-","value":{"hosts":["*"],"port":{"name":"http","number":80,"protocol":"HTTP"}}}]`

func lookPlainServer(_ context.Context, f *Facts) Result {
	door, why := f.door()
	if door == nil {
		return *why
	}
	cause, shown, fix := "Gateway "+door.Name()+" has no server for plain HTTP", "no HTTP", f.patchObject(door.Gateway, addPlainServer, "the Gateway takes plain HTTP as Kubeflow ships it")
	for _, s := range gateway.Servers(door.Gateway) {
		switch {
		case !s.IsHTTP():
		case !f.Objects.Ingress.OK() || f.Objects.publishes(s.Number):
			return passed("there is one")
		default:
			shown = fmt.Sprintf("HTTP on port %d", s.Number)
			cause = fmt.Sprintf("Gateway %s has plain HTTP on port %d alone, which the ingress Service does not publish", door.Name(), s.Number)
			fix = f.patchServer(door.Gateway, s, "port/number", "80", "the Gateway takes plain HTTP as Kubeflow ships it")
		}
	}
	// A Kubeflow with https alone is as somebody wanted it.
	for _, s := range f.Seen {
		if s.plain && s.Failure && slices.Contains([]Symptom{NoRoute, Denied, PortRefused, NoServer}, s.Symptom) {
			return found(cause, fix, evidence("Gateway "+door.Name(), "spec.servers[].port", shown), s.wire())
		}
	}
	return skipped("there is none, and plain HTTP is in nobody's way")
}

func lookRedirect(_ context.Context, f *Facts) Result {
	door, why := f.door()
	if door == nil {
		return *why
	}
	for _, object := range door.Gateways() {
		for _, s := range gateway.Servers(object) {
			if s.IsHTTP() && s.HTTPSRedirect {
				result := found("plain HTTP on port "+itoa(int(s.Number))+" is redirected to https", f.patchServer(object, s, "tls", "", "plain HTTP is answered as before"),
					serverEvidence(object, s.Name, "tls.httpsRedirect", "true"))
				if seen := f.sighting(ToHTTPS); seen != nil && seen.Failure {
					return result.as(func(x *Finding) { x.Severity = Error })
				}
				return result
			}
		}
	}
	return passed("there is no redirect")
}
