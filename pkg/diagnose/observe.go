package diagnose

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

func itoa(n int) string { return strconv.Itoa(n) }

// observe turns what the wire showed into symptoms, in the order of the road:
// by hop, and within a hop the user's own road first.
func (f *Facts) observe() []Sighting {
	var seen []Sighting
	add := func(s Sighting) {
		s.Text = plain(s.Text)
		if !slices.ContainsFunc(seen, func(t Sighting) bool { return t.Symptom == s.Symptom && t.Via == s.Via }) {
			seen = append(seen, s)
		}
	}
	f.observeAccess(add)
	for _, r := range f.Roads {
		f.observeRoad(r, add)
	}
	f.observePods(add)
	f.observeSession(add)
	slices.SortStableFunc(seen, func(a, b Sighting) int {
		return cmp.Compare(a.Symptom.Hop().rank(), b.Symptom.Hop().rank())
	})
	return seen
}

// observeAccess tells what keeps the tunnel from being looked at.
func (f *Facts) observeAccess(add func(Sighting)) {
	const via = "the kubeconfig"
	failure := f.Access.Wanted
	err := f.Access.Err
	if err == nil && f.Objects != nil && f.Objects.Istio.Err != nil {
		err = f.Objects.Istio.Err
	}
	switch fault.ReasonOf(err) {
	case "":
	case fault.Usage:
		add(Sighting{Symptom: NoKubeconfig, Via: via, Text: err.Error(), Failure: failure})
		return
	case fault.Unauthorized:
		add(Sighting{Symptom: APIRefuses, Via: via, Text: err.Error(), Failure: failure})
		return
	case fault.Forbidden:
	default:
		add(Sighting{Symptom: NoAPIServer, Via: via, Text: err.Error(), Failure: failure})
		return
	}
	o := f.Objects
	if f.unpublished != nil && f.tlsCounts() {
		add(Sighting{Symptom: NoServer, Via: "the cluster", Text: f.unpublished.Error(), Failure: f.matters(&Road{TLS: true})})
	}
	if o == nil || f.hasTunnel() {
		return
	}
	switch {
	case o.Ingress.Absent() || o.Istio.OK() && len(o.Istio.Value) == 0 || o.Gateways.OK() && o.Door == nil && o.Ingress.OK():
		add(Sighting{Symptom: NoFrontDoor, Via: "the cluster", Text: "nothing that a tunnel could lead to", Failure: failure})
	case o.Ingress.OK() && len(o.Ingress.Value.Ready()) == 0:
		add(Sighting{Symptom: NoGatewayPod, Via: "the cluster", Text: "no ready pod behind the ingress Service", Failure: failure})
	}
}

func (f *Facts) hasTunnel() bool {
	return slices.ContainsFunc(f.Roads, func(r *Road) bool { return !r.Own })
}

// observeRoad tells the symptoms of one road: the connection, TLS, then what the
// answers are.
func (f *Facts) observeRoad(r *Road, add func(Sighting)) {
	tell := func(symptom Symptom, text string, failure bool) {
		add(Sighting{Symptom: symptom, Via: r.Name, Text: text, Failure: failure, own: r.Own, plain: !r.TLS})
	}
	matters := f.matters(r)
	if symptom, text := r.connection(); symptom != "" {
		if f.servesOtherwise(r) {
			return
		}
		if symptom == NoTunnel && f.Aim.URL != nil { // the user's own road does not lead through it
			matters = false
		}
		tell(symptom, text, matters)
		return
	}
	if h := r.Handshake; h != nil && h.Trust != nil {
		for _, symptom := range distrust(h.Trust) {
			tell(symptom, h.Trust.Error(), matters && f.mustTrust(r))
		}
	}
	front := r.answer(frontPath)
	if front == nil {
		return
	}
	symptom, failure := f.meaning(r, front)
	if symptom == StandsOpen || symptom == OtherAnswer || symptom == UpstreamDown || symptom == NoRoute {
		// The dashboard alone may be missing; the pipelines tell, too.
		if health := r.answer(healthPath); health != nil {
			if other, _ := f.meaning(r, health); other == NotLoggedIn {
				failure = false
			}
		}
	}
	// Who stands open does so whatever was asked for.
	tell(symptom, front.line(), failure && (matters || symptom == StandsOpen))
	f.observeLogin(r, tell, matters)
	f.observeHeaders(r, tell, matters)
}

// matters tells whether a failure of a road is in the user's way: the own road
// always is; of the tunnels those that are to work.
func (f *Facts) matters(r *Road) bool {
	if r.Own || f.Aim.URL == nil && f.Aim.Expect == ExpectNothing {
		return r.Own || f.hasServerFor(r)
	}
	if f.Aim.wantsHTTPS() {
		return r.TLS && !f.endsTLSElsewhere()
	}
	if f.Aim.URL != nil || f.Aim.Expect == ExpectHTTP {
		return !r.TLS
	}
	return f.hasServerFor(r)
}

// endsTLSElsewhere tells that TLS ends on the user's own road with a certificate
// that the gateway does not serve: a load balancer, or a port-forward with TLS of
// its own, stands in front, and what the gateway does about TLS is in nobody's way.
func (f *Facts) endsTLSElsewhere() bool {
	own := f.own()
	if own == nil || own.Handshake == nil || len(own.Handshake.Chain) == 0 {
		return false
	}
	for _, r := range f.Roads {
		if !r.Own && r.Handshake != nil && len(r.Handshake.Chain) > 0 && r.Handshake.Chain[0].Equal(own.Handshake.Chain[0]) {
			return false
		}
	}
	return true
}

// hasServerFor tells that somebody set up HTTPS, or that plain HTTP is asked for.
func (f *Facts) hasServerFor(r *Road) bool {
	return !r.TLS || f.Objects != nil && len(f.Objects.httpsServers()) > 0
}

// mustTrust tells whether a certificate has to be trusted: on the user's own road,
// with a CA file that was given, or below our CA. Whoever has another CA gives it
// to the clients.
func (f *Facts) mustTrust(r *Road) bool {
	return r.Own || f.Computer.CAFile != "" || f.Computer.Roots != nil || f.Aim.wantsHTTPS()
}

// connection is the symptom of a road that no request came through.
func (r *Road) connection() (Symptom, string) {
	if err := r.Dialled; err != nil {
		return dialSymptom(r, err), err.Error()
	}
	if h := r.Handshake; h != nil && h.Err != nil {
		text := h.Err.Error()
		switch {
		case h.Plain != "":
			return AnswersPlain, "the first bytes are no TLS: " + strconv.Quote(h.Plain)
		case h.WantsClient:
			return WantsClient, text
		case isRefusedInPod(h.Err):
			return PortRefused, text
		case h.TimedOut:
			return NoAnswer, text
		case h.Cut:
			return HandshakeCut, text
		}
		return NoCommonTLS, text
	}
	if a := r.Answers[frontPath]; a != nil && a.Err != nil {
		switch {
		case isRefusedInPod(a.Err):
			return PortRefused, a.Err.Error()
		case isTLSRecord(a.Err), !r.TLS && isCut(a.Err):
			return AnswersTLS, a.Err.Error()
		case isCut(a.Err):
			return HandshakeCut, a.Err.Error()
		}
		return dialSymptom(r, a.Err), a.Err.Error()
	}
	return "", ""
}

// isTLSRecord tells that a plain request was answered with a TLS alert, or with
// Go's words for it (net/http/transport.go).
func isTLSRecord(err error) bool {
	return strings.Contains(err.Error(), "malformed HTTP response \"\\x15")
}

func dialSymptom(r *Road, err error) Symptom {
	var name *net.DNSError
	wait, isNet := errors.AsType[net.Error](err)
	switch {
	case errors.As(err, &name) && !name.IsTimeout:
		return NameUnknown
	case !r.Own && fault.ReasonOf(err) != fault.Internal && fault.ReasonOf(err) != "":
		return NoTunnel
	case errors.Is(err, syscall.ECONNREFUSED):
		return RefusedHere
	case r.Proxy != "":
		return ProxyInTheWay
	case isNet && wait.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return NoAnswer
	case !r.Own:
		return NoTunnel
	}
	return NoAnswer
}

// distrust are the symptoms of a chain that is not accepted.
func distrust(err error) []Symptom {
	var (
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &authority):
		return []Symptom{Untrusted}
	case errors.As(err, &host):
		return []Symptom{WrongName}
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		if strings.Contains(err.Error(), "is before") {
			return []Symptom{NotYetValid}
		}
		return []Symptom{Expired}
	}
	return []Symptom{BadCertificate}
}

// meaning is what an answer to somebody without a session means, and whether it
// is in the way.
func (f *Facts) meaning(r *Road, a *Answer) (symptom Symptom, failure bool) {
	switch {
	case a.Status == http.StatusRequestHeaderFieldsTooLarge:
		return TooLarge, true
	case a.Status == http.StatusUnauthorized && a.says("Jw"):
		return BadToken, true
	case a.Status == http.StatusForbidden && len(bytes.TrimSpace(a.Body)) == 0:
		return NoAuthorizer, true
	case a.Wall == session.Denied && (a.says("RBAC: access denied") || a.byGateway()):
		return Denied, true
	case a.Status == http.StatusNotFound && a.byGateway():
		return NoRoute, true
	case a.Status >= 502 && a.Status <= 504:
		return UpstreamDown, true
	case a.Wall == session.SignIn || a.Wall == session.Unauthorized || a.Wall == session.ToDex:
		return NotLoggedIn, f.Aim.wantsSession() && !f.Aim.HasSession
	case a.Wall == session.ToHTTPS && r.TLS: // it is https already
		return Loop, true
	case a.Wall == session.ToHTTPS:
		return ToHTTPS, r.Own
	case a.Wall == session.Open && isKubeflow(a):
		return StandsOpen, f.loginIsMeant(r)
	}
	return OtherAnswer, true
}

// isKubeflow tells answers of Kubeflow's own: the health of the pipelines, and
// the dashboard.
func isKubeflow(a *Answer) bool {
	return session.IsHealth(a.Status, a.Header, a.Body) || session.IsDashboard(a.Status, a.Header, a.Body)
}

// loginIsMeant tells that parts of a login are installed: then a Kubeflow that
// answers without one stands open.
func (f *Facts) loginIsMeant(r *Road) bool {
	if dex := r.answer(dexPath); dex != nil && dex.Status == http.StatusOK && dex.isType("application/json") {
		return true
	}
	o := f.Objects
	return o != nil && o.hasLogin()
}

// hasLogin tells that a part of a login is there, as far as one may see.
func (o *Objects) hasLogin() bool {
	return o.Proxy.Exists() || o.Dex.Exists() || o.hasAuthnFilter()
}

// observeLogin tells what the parts of the login answer.
func (f *Facts) observeLogin(r *Road, tell func(Symptom, string, bool), matters bool) {
	if a := r.answer(proxyPath); a != nil && a.Status >= 502 && a.Status <= 504 {
		tell(LoginDown, a.line(), matters)
	}
	if a := r.answer(dexPath); a != nil && a.Status >= 502 && a.Status <= 504 {
		tell(DexDown, a.line(), matters)
	}
	if front, start := r.answer(frontPath), r.answer(startPath); front.isWall(session.SignIn) && start.isWall(session.Denied) && len(start.Body) > 0 {
		tell(LoginDenied, start.line(), matters)
	}
	if a := r.answer(r.Dex); a != nil && r.dexLives() && a.Status >= 400 && a.Status < 500 {
		tell(DexRefuses, a.line(), matters)
	}
}

// observePods tells whether the gateway pods serve the same certificate.
func (f *Facts) observePods(add func(Sighting)) {
	var first *Road
	for _, r := range f.Roads {
		if r.Own || r.Handshake == nil {
			continue
		}
		switch {
		case first == nil:
			first = r
		case !sameHandshake(first, r):
			add(Sighting{Symptom: PodsDiffer, Via: r.Name, Failure: f.matters(r), Text: "not what " + first.Pod + " serves"})
		}
	}
}

func sameHandshake(a, b *Road) bool {
	x, y := a.Handshake.Chain, b.Handshake.Chain
	if len(x) == 0 || len(y) == 0 {
		return len(x) == len(y)
	}
	return x[0].Equal(y[0])
}
