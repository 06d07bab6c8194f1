package diagnose

import (
	"context"
	"fmt"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/endpoint"
)

func localPortChecks() []Check {
	return []Check{
		{
			Code: "KFT102", Title: "the name does not resolve", Layer: LayerComputer, Severity: Error,
			Causes: []Symptom{NameUnknown}, Look: lookName,
			Page: Page{
				Means: "The name in the address belongs to nobody: it is in no DNS that this computer asks, and not in its hosts file.",
				Shows: []Shown{{"curl", "curl: (6) Could not resolve host: kubeflow.example.com", "measured with curl 7.88"}},
				Heals: "Ask whoever runs the cluster for the name, or go through the API server: kubectl kftls port-forward, then https://localhost:8443.",
			},
		},
		{
			Code: "KFT101", Title: "nothing listens at the address", Layer: LayerComputer, Severity: Error,
			Causes: []Symptom{RefusedHere}, Look: lookListener,
			Page: Page{
				Means: "No program takes connections at the address. With localhost that is a port-forward that was not started, has ended (kubectl's ends with every gateway pod), or listens on another port.",
				Shows: []Shown{
					{"curl", "curl: (7) Failed to connect to localhost port 8443 after 0 ms: Couldn't connect to server", "measured with curl 7.88"},
					{"Python requests", "Failed to establish a new connection: [Errno 111] Connection refused", "measured with requests 2.34"},
					{"Go", "dial tcp 127.0.0.1:8443: connect: connection refused", "measured with Go 1.26"},
				},
				Heals: "Start one: kubectl kftls port-forward 8443:443",
			},
		},
		{
			Code: "KFT115", Title: "the port-forward may run on another machine than the client", Layer: LayerComputer, Severity: Warning,
			Causes: []Symptom{RefusedHere}, Look: lookElsewhere,
			Page: Page{
				Means: "localhost is the machine that a program runs on. A shell in WSL, in a container or at the other end of SSH has a localhost of its own: a port-forward on one side is not there for the other.",
				Heals: "Start port-forward and client on the same side; or let the port-forward listen where the other side gets in: kubectl kftls port-forward --address 0.0.0.0 (everybody on that network can use it).",
			},
		},
		{
			Code: "KFT114", Title: "the address does not answer", Layer: LayerComputer, Severity: Error,
			Causes: []Symptom{NoAnswer}, Look: lookNoAnswer,
			Page: Page{
				Means: "Packets to the address get lost: a firewall drops them, the load balancer has no target, or the address is of a network that this computer is not in.",
				Shows: []Shown{{"curl", "curl: (28) Failed to connect to HOST port 443 after 130000 ms: Connection timed out", "not produced, known from reports"}},
				Heals: "Check the load balancer and the network, or go through the API server: kubectl kftls port-forward.",
			},
		},
		{
			Code: "KFT108", Title: "https is spoken to a port that speaks plain HTTP", Layer: LayerComputer, Severity: Error,
			Causes: []Symptom{AnswersPlain}, Look: lookPlainPort,
			Page: Page{
				Means: "The address begins with https, and the port behind it speaks HTTP without TLS: most often a port-forward to the Service's port 80 in place of 443.",
				Shows: []Shown{
					{"curl", "curl: (35) OpenSSL/3.0.19: error:0A00010B:SSL routines::wrong version number", "measured with curl 7.88, OpenSSL 3.0.19"},
					{"Python requests", "[SSL: WRONG_VERSION_NUMBER] wrong version number", "measured with requests 2.34"},
					{"Go", "http: server gave HTTP response to HTTPS client", "measured with Go 1.26"},
					{"browser", "ERR_SSL_PROTOCOL_ERROR, SSL_ERROR_RX_RECORD_TOO_LONG", "measured with Chromium 156, Firefox ESR 153"},
				},
				Heals: "Forward to the HTTPS port: kubectl kftls port-forward 8443:443; or write http:// in the address.",
			},
		},
		{
			Code: "KFT109", Title: "plain HTTP is spoken to a port that speaks TLS", Layer: LayerComputer, Severity: Error,
			Causes: []Symptom{AnswersTLS}, Needs: []string{"KFT610"}, Look: lookTLSPort,
			Page: Page{
				Means: "The address begins with http, and the port behind it speaks TLS.",
				Shows: []Shown{{"curl", "curl: (52) Empty reply from server", "measured with curl 7.88, Envoy 1.40"}},
				Heals: "Write https:// in the address, or forward to the Service's port 80.",
			},
		},
		{
			Code: "KFT107", Title: "a port-forward at the address leads nowhere", Layer: LayerComputer, Severity: Error,
			Causes: []Symptom{HandshakeCut, AnswersTLS}, Needs: []string{"KFT610"}, Look: lookDeadForward,
			Page: Page{
				Means: "Something takes connections at the local port and closes them at once, while the gateway itself answers. That is what a port-forward does whose pod is gone, or that leads to another port. kubectl's own ends for good when the pod resets one connection.",
				Shows: []Shown{{"curl", "curl: (35) OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to localhost:8443", "measured with curl 7.88"}},
				Heals: "End it (Ctrl-C in its terminal) and start one that outlives pods: kubectl kftls port-forward 8443:443",
			},
		},
		{
			Code: "KFT106", Title: "another program answers at the address", Layer: LayerComputer, Severity: Error,
			Causes: []Symptom{OtherAnswer, Untrusted, WrongName, AnswersPlain}, Look: lookOtherProgram,
			Page: Page{
				Means: "The port on this computer belongs to another program, or to a port-forward to another cluster: what answers there is not what the gateway serves.",
				Heals: "Take another local port: kubectl kftls port-forward 9443:443",
			},
		},
	}
}

// own is the user's own road, nil without one.
func (f *Facts) own() *Road {
	for _, r := range f.Roads {
		if r.Own {
			return r
		}
	}
	return nil
}

// ownSighting is a symptom that was seen on the user's own road.
func (f *Facts) ownSighting(symptoms ...Symptom) *Sighting {
	for i := range f.Seen {
		for _, symptom := range symptoms {
			if f.Seen[i].own && f.Seen[i].Symptom == symptom {
				return &f.Seen[i]
			}
		}
	}
	return nil
}

// tunnelWell is a tunnel over which the front door answered, nil for none.
func (f *Facts) tunnelWell(isTLS bool) *Road {
	for _, r := range f.Roads {
		if symptom, _ := r.connection(); !r.Own && r.TLS == isTLS && symptom == "" {
			return r
		}
	}
	return nil
}

// forward is the command that makes the user's address work.
func (f *Facts) forward() string {
	port := f.Aim.URL.Port()
	remote := "80"
	if f.Aim.URL.Scheme == "https" {
		remote = "443"
	}
	if f.Objects != nil && f.Aim.URL.Scheme == "https" {
		server, ok := f.Objects.httpsServer(f.Aim.Host)
		if !ok {
			return fmt.Sprintf("%s port-forward --tls %s:80", f.program(), portOr(port, "8443"))
		}
		remote = itoa(int(server.Number))
	}
	return fmt.Sprintf("%s port-forward %s:%s", f.program(), portOr(port, "8443"), remote)
}

func portOr(port, usual string) string {
	if port == "" {
		return usual
	}
	return port
}

func lookName(_ context.Context, f *Facts) Result {
	s := f.ownSighting(NameUnknown)
	if f.own() == nil {
		return skipped("no URL was named")
	}
	if s == nil {
		return passed("it resolves")
	}
	if m := f.modelNamed(f.Aim.URL.Hostname()); m != nil {
		return f.unknownModelName(*m, s)
	}
	return found("no DNS server and no hosts file of this computer knows "+f.Aim.URL.Hostname(),
		locally("go through the API server instead", f.program()+" port-forward 8443:443"), s.wire())
}

func lookListener(_ context.Context, f *Facts) Result {
	s := f.ownSighting(RefusedHere)
	if f.own() == nil {
		return skipped("no URL was named")
	}
	if s == nil {
		return passed("something listens there")
	}
	if !endpoint.IsLoopback(f.Aim.URL.Hostname()) {
		return found("nothing listens at "+endpoint.HostPort(f.Aim.URL)+": the load balancer or node port is not there, or on another port",
			byAdmin("look at what the Service publishes", "kubectl -n istio-system get service istio-ingressgateway"), s.wire())
	}
	return found(fmt.Sprintf("nothing listens at %s: no port-forward is running there", endpoint.HostPort(f.Aim.URL)),
		locally("start one; it goes on in the background", f.forward()+" &"), s.wire())
}

// lookElsewhere tells by the environment that this shell is inside of another
// machine.
func lookElsewhere(_ context.Context, f *Facts) Result {
	s := f.ownSighting(RefusedHere)
	if s == nil || !endpoint.IsLoopback(f.Aim.URL.Hostname()) {
		return passed("something listens there, or no address of this computer was named")
	}
	where := ""
	for _, sign := range [][2]string{{"WSL_DISTRO_NAME", "in WSL"}, {"SSH_CONNECTION", "at the end of SSH"}, {"container", "in a container"}, {"KUBERNETES_SERVICE_HOST", "in a pod"}} {
		if f.Computer.Env(sign[0]) != "" {
			where = sign[1]
			break
		}
	}
	if where == "" {
		return passed("this shell runs on the computer itself")
	}
	return found("this shell runs "+where+": a port-forward on the other side is not there for it", locally("start port-forward and client on the same side", f.forward()+" &"), s.wire()).as(probably)
}

func lookNoAnswer(_ context.Context, f *Facts) Result {
	s := f.ownSighting(NoAnswer)
	if f.own() == nil {
		return skipped("no URL was named")
	}
	if s == nil {
		return passed("it answers")
	}
	return found("no answer from "+endpoint.HostPort(f.Aim.URL)+" within "+probeLimit.String(),
		locally("go through the API server instead", f.program()+" port-forward 8443:443"), s.wire())
}

func lookPlainPort(_ context.Context, f *Facts) Result {
	s := f.ownSighting(AnswersPlain)
	if s == nil {
		if f.sees(AnswersPlain) {
			return skipped("it is the gateway itself that speaks plain HTTP there")
		}
		return passed("no port was found to speak plain HTTP where TLS is expected")
	}
	return found(endpoint.HostPort(f.Aim.URL)+" speaks plain HTTP",
		locally("forward to the HTTPS port, on a local port that is free", f.program()+" port-forward 9443:443 &"), s.wire())
}

func lookTLSPort(_ context.Context, f *Facts) Result {
	s := f.ownSighting(AnswersTLS)
	if s == nil {
		return passed("no port was found to speak TLS where plain HTTP is expected")
	}
	own := f.own()
	if !own.speaksTLS {
		return skipped("what is there does not speak TLS either")
	}
	return found(endpoint.HostPort(f.Aim.URL)+" speaks TLS, and the address begins with http",
		locally("write https in the address: "+strings.Replace(f.Aim.URL.String(), "http:", "https:", 1)), s.wire())
}

func lookDeadForward(_ context.Context, f *Facts) Result {
	s := f.ownSighting(HandshakeCut, AnswersTLS)
	own := f.own()
	if own == nil || s == nil {
		return passed("no connection is closed at once")
	}
	if s.Symptom == AnswersTLS && own.speaksTLS {
		return skipped("what is there speaks TLS")
	}
	if !endpoint.IsLoopback(own.Origin.Hostname()) {
		return skipped("the address is not of this computer")
	}
	well := f.tunnelWell(own.TLS)
	if well == nil {
		return skipped("the gateway itself does not answer either, or was not asked")
	}
	if own.endedWithUs {
		// kubectl's own forwarder ends so, see its handleConnection:
		// https://github.com/kubernetes/client-go/blob/v0.37.2/tools/portforward/portforward.go
		return found(fmt.Sprintf("what listened at %s closed the first connection and ended, as kubectl port-forward does when it leads to a pod that is gone or to a port that speaks TLS", endpoint.HostPort(f.Aim.URL)),
			locally("start a port-forward that outlives pods, to the plain port", f.forward()+" &"), s.wire(), evidence(well.Name, "", "answers")).
			as(func(x *Finding) { x.Confidence = Likely })
	}
	return found(fmt.Sprintf("what listens at %s closes connections, while the gateway answers on %s", endpoint.HostPort(f.Aim.URL), well.Name),
		locally("end what listens there, then start a port-forward that outlives pods", f.forward()+" &"), s.wire(), evidence(well.Name, "", "answers"))
}

func lookOtherProgram(_ context.Context, f *Facts) Result {
	own := f.own()
	if own == nil || !endpoint.IsLoopback(own.Origin.Hostname()) {
		return skipped("no address of this computer was named")
	}
	if symptom, _ := own.connection(); symptom != "" {
		if symptom == AnswersPlain && !own.plainIsGateway() {
			return found("another program than Kubeflow's gateway answers at "+endpoint.HostPort(f.Aim.URL),
				locally("take a local port that is free", f.program()+" port-forward 9443:443 &"),
				evidence(own.Name, "Server", own.plainServer)).as(func(x *Finding) { x.causes = []Symptom{AnswersPlain} })
		}
		return skipped("no connection came about")
	}
	well := f.tunnelWell(own.TLS)
	front := own.answer(frontPath)
	switch {
	case well != nil && own.TLS && len(own.Handshake.Chain) > 0 && !own.Handshake.Chain[0].Equal(well.Handshake.Chain[0]):
		return found(fmt.Sprintf("what answers at %s serves another certificate than the gateway", endpoint.HostPort(f.Aim.URL)),
			locally("take a local port that is free", f.program()+" port-forward 9443:443 &"),
			evidence(own.Name, "subject", own.Handshake.Chain[0].Subject.String()), evidence(well.Name, "subject", well.Handshake.Chain[0].Subject.String()))
	case f.ownSighting(OtherAnswer) != nil && front != nil && front.Header.Get("Server") != "istio-envoy":
		return found("another program than Kubeflow's gateway answers at "+endpoint.HostPort(f.Aim.URL),
			locally("take a local port that is free", f.program()+" port-forward 9443:443 &"),
			evidence(own.where(frontPath), "Server", front.Header.Get("Server")), evidence(own.where(frontPath), "", front.line()))
	}
	return passed("it is the gateway that answers")
}
