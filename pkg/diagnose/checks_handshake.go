package diagnose

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/kftls/kubectl-kftls/pkg/endpoint"
)

func handshakeChecks() []Check {
	return []Check{
		{
			Code: "KFT515", Title: "the gateway wants a client certificate", Layer: LayerTLS, Severity: Error, Causes: []Symptom{WantsClient}, Look: lookWantsClient,
			Page: Page{
				Means: "The server asks for a certificate of the client and refuses who has none (mutual TLS). Kubeflow's clients log in otherwise and have none.",
				Shows: []Shown{{"curl", "curl: (56) OpenSSL SSL_read: OpenSSL/3.0.19: error:0A00045C:SSL routines::tlsv13 alert certificate required", "measured with curl 7.88"}},
				Heals: "Set tls.mode of the Gateway's server to SIMPLE.",
			},
		},
		{
			Code: "KFT517", Title: "TLS versions or ciphers do not fit", Layer: LayerTLS, Severity: Error, Causes: []Symptom{NoCommonTLS}, Look: lookVersions,
			Page: Page{
				Means: "Client and server found no version of TLS, or no cipher, that both take.",
				Shows: []Shown{{"curl", "curl: (35) OpenSSL/3.0.19: error:0A00014D:SSL routines::legacy sigalg disallowed or unsupported", "measured with curl 7.88"}},
				Heals: "Allow TLS 1.2 and the usual ciphers in the Gateway's server: tls.minProtocolVersion, tls.cipherSuites.",
			},
		},
		{
			Code: "KFT609", Title: "what stands in front of the gateway does not pass connections on as they are", Layer: LayerHTTP, Severity: Error,
			Causes: []Symptom{HandshakeCut, NoCommonTLS, AnswersPlain, Untrusted, WrongName, OtherAnswer, UpstreamDown}, Needs: []string{"KFT610", "KFT611"}, Look: lookLoadBalancer,
			Page: Page{
				Means: "The gateway itself answers well through the tunnel, and the address does not: a load balancer in between ends TLS with a certificate of its own, puts the PROXY protocol in front, or leads elsewhere.",
				Heals: "Compare what both serve; set the load balancer to pass TCP through, without the PROXY protocol, to the Service's ports.",
			},
		},
		{
			Code: "KFT516", Title: "the connection is closed during the TLS handshake", Layer: LayerTLS, Severity: Error, Causes: []Symptom{HandshakeCut, NoAnswer}, Needs: []string{"KFT610"}, Look: lookCut,
			Page: Page{
				Means: "The gateway takes the connection and closes it before it shows a certificate, and the cluster's objects do not say why: it has no certificate (yet), or it refused the one that it got.",
				Shows: []Shown{
					{"curl", "curl: (35) Recv failure: Connection reset by peer", "measured with curl 7.88"},
					{"curl", "curl: (35) OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to localhost:8443", "measured with curl 7.88"},
				},
				Heals: "See what istiod says: kubectl -n istio-system logs -l app=istiod --tail=-1 --since=15m",
			},
		},
	}
}

func asInvalid(err error) (x509.CertificateInvalidError, bool) {
	var invalid x509.CertificateInvalidError
	ok := errors.As(err, &invalid)
	return invalid, ok
}

func lookWantsClient(_ context.Context, f *Facts) Result {
	s := f.sighting(WantsClient)
	if s == nil {
		return passed("none is wanted")
	}
	fix := byAdmin("set tls.mode of the Gateway's server to SIMPLE")
	if f.Objects != nil && f.Objects.Door != nil {
		if server, ok := f.Objects.httpsServer(f.Aim.Host); ok {
			fix = f.patchServer(f.Objects.ownerOf(server), server, "tls/mode", `"SIMPLE"`, "the gateway wants no client certificate any more")
		}
	}
	return found("the server refuses clients without a certificate of their own", fix, s.wire())
}

func lookVersions(_ context.Context, f *Facts) Result {
	s := f.sighting(NoCommonTLS)
	if s == nil {
		return passed("they fit")
	}
	if s.own && !endpoint.IsLoopback(f.own().Origin.Hostname()) {
		if f.tunnelWell(true) != nil {
			return passed("the gateway itself takes what this computer speaks")
		}
		if f.tlsTunnels() == 0 { // Envoy says the same of a header of the PROXY protocol
			return skipped("without a look at the gateway it stays open what the other side refuses")
		}
	}
	return found("client and server have no TLS version or cipher in common", byAdmin("allow TLS 1.2 and its usual ciphers in the Gateway's server: tls.minProtocolVersion, tls.cipherSuites"), s.wire()).as(probably)
}

// lookLoadBalancer compares the user's own road with the tunnel.
func lookLoadBalancer(_ context.Context, f *Facts) Result {
	own := f.own()
	if own == nil || endpoint.IsLoopback(own.Origin.Hostname()) {
		return skipped("no address outside of this computer was named")
	}
	well := f.tunnelWell(own.TLS)
	if well == nil {
		return skipped("the gateway itself was not seen to answer")
	}
	s := f.ownSighting(HandshakeCut, NoCommonTLS, AnswersPlain, Untrusted, WrongName, OtherAnswer, UpstreamDown)
	if s == nil {
		return passed("both roads show the same")
	}
	if own.TLS && own.Handshake != nil && len(own.Handshake.Chain) > 0 && own.Handshake.Chain[0].Equal(well.Handshake.Chain[0]) {
		return passed("both roads serve the same certificate")
	}
	ev := []Evidence{s.wire(), evidence(well.Name, "", "answers")}
	if own.Handshake != nil && len(own.Handshake.Chain) > 0 {
		ev = append(ev, evidence(own.Name, "serves", served(own.Handshake.Chain[0])), evidence(well.Name, "serves", served(well.Handshake.Chain[0])))
	}
	return found(fmt.Sprintf("the gateway answers through the tunnel, and %s does not pass connections on to it as they are", own.Origin.Host),
		byAdmin("let the load balancer pass TCP through to the Service's ports, without the PROXY protocol"), ev...)
}

// tlsTunnels counts the tunnels over which the gateway's TLS was looked at.
func (f *Facts) tlsTunnels() int {
	n := 0
	for _, r := range f.Roads {
		if symptom, _ := r.connection(); !r.Own && r.TLS && symptom != NoTunnel {
			n++
		}
	}
	return n
}

func lookCut(_ context.Context, f *Facts) Result {
	for i := range f.Seen {
		s := &f.Seen[i]
		if s.Symptom != HandshakeCut && (s.Symptom != NoAnswer || s.own || s.plain) {
			continue
		}
		if s.own && f.seenHereAlone() {
			return skipped("without a look at the gateway it stays open whether it or what listens on this computer closes the connection")
		}
		return found("the connection is closed before a certificate is shown, and no object that may be read says why",
			byAdmin("see what is wrong: this shows what istiod and the gateway say", "kubectl -n istio-system logs -l app=istiod --tail=-1 --since=15m", "kubectl -n istio-system logs deployment/istio-ingressgateway --since=15m"), append([]Evidence{s.wire()}, f.logEvidence()...)...).as(probably)
	}
	return passed("handshakes come to an end")
}
