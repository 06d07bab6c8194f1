package diagnose

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

// TestMeaning: what the real programs of all eras answer to somebody without a
// session, and what it means.
func TestMeaning(t *testing.T) {
	noObjects := func(f *Facts) { f.Objects = nil }
	noDex := says(dexPath, noRoute)
	for name, tc := range map[string]struct {
		with    []change
		a       *Answer
		want    Symptom
		failure bool
	}{
		"1.9.1, the sign-in page":                {nil, eraToday()[frontPath], NotLoggedIn, false},
		"1.9.1, the sign-in page, a session":     {[]change{func(f *Facts) { f.Aim.Expect = ExpectCookie }}, eraToday()[frontPath], NotLoggedIn, true},
		"1.9.1, a path of programs":              {nil, eraToday()[healthPath], NotLoggedIn, false},
		"1.9.0":                                  {nil, eraFirst()[frontPath], NotLoggedIn, false},
		"1.7 and 1.8, the AuthService":           {nil, eraAuthService()[frontPath], NotLoggedIn, false},
		"1.3 to 1.6, the AuthService":            {nil, answer(302, "", "", "Location", "/dex/auth?client_id=kubeflow-oidc-authservice&redirect_uri=%2Flogin%2Foidc&response_type=code&scope=profile+email+groups+openid&state=s"), NotLoggedIn, false},
		"an external provider":                   {nil, answer(302, "", "", "Location", "https://login.example.com/authorize?client_id=x&response_type=code"), NotLoggedIn, false},
		"a host without a route":                 {nil, rbacDenied, Denied, true},
		"a policy behind the gateway, no Envoy":  {nil, answer(403, "text/plain", "RBAC: access denied"), Denied, true},
		"oauth2-proxy or AuthService down":       {nil, emptyDenied, NoAuthorizer, true},
		"a 403 of a load balancer":               {nil, answer(403, "text/html", "<h1>403 Forbidden</h1>", "Server", "awselb/2.0"), OtherAnswer, true},
		"istiod never got Dex's keys":            {nil, badKeys, BadToken, true},
		"Dex has new keys":                       {nil, answer(401, "text/plain", "Jwks doesn't have key to match kid or alg from Jwt", byEnvoy...), BadToken, true},
		"no route, AuthService era":              {nil, noRoute, NoRoute, true},
		"a 404 of a program behind the gateway":  {nil, answer(404, "text/html", "Cannot GET /", "Server", "istio-envoy", "X-Envoy-Upstream-Service-Time", "2"), OtherAnswer, true},
		"a program is down":                      {nil, upstream, UpstreamDown, true},
		"a program has no endpoints":             {nil, noHealthy, UpstreamDown, true},
		"a cluster is not known":                 {nil, answer(503, "", "", byEnvoy...), UpstreamDown, true},
		"a bad gateway":                          {nil, answer(502, "text/html", "<h1>502 Bad Gateway</h1>"), UpstreamDown, true},
		"headers too large":                      {nil, tooLarge, TooLarge, true},
		"the dashboard, and a login":             {nil, dashboard, StandsOpen, true},
		"the dashboard, Dex on the wire alone":   {[]change{noObjects}, dashboard, StandsOpen, true},
		"the dashboard, nothing of a login":      {[]change{noObjects, noDex}, dashboard, StandsOpen, false},
		"the pipelines, kfp 2":                   {nil, answer(200, "application/json", pipelinesHealth), StandsOpen, true},
		"the pipelines, kfp 1":                   {nil, answer(200, "application/json", `{"commit_sha":"x", "apiServerReady":true}`), StandsOpen, true},
		"another program's JSON":                 {nil, answer(200, "application/json", `{"status":"ok"}`), OtherAnswer, true},
		"no JSON in spite of its type":           {nil, answer(200, "application/json", `<html>`), OtherAnswer, true},
		"another program's page":                 {nil, welcome, OtherAnswer, true},
		"the AuthService waits for Dex":          {nil, answer(503, "text/plain", "OIDC Setup is not complete yet."), UpstreamDown, true},
		"a redirect to another page":             {nil, answer(302, "", "", "Location", "/welcome"), OtherAnswer, true},
		"httpsRedirect over the HTTPS server":    {nil, toHTTPS, Loop, true},
		"a status that nobody knows":             {nil, answer(418, "text/plain", "teapot"), OtherAnswer, true},
		"an internal error of a program":         {nil, answer(500, "text/html", "Oops! Something went wrong."), OtherAnswer, true},
		"a sign-in page of Istio's on the plain": {[]change{plainOnly}, eraToday()[frontPath], NotLoggedIn, false},
	} {
		f := healthy(tc.with...)
		r := f.Roads[len(f.Roads)-1]
		symptom, failure := f.meaning(r, tc.a)
		if symptom != tc.want || failure != tc.failure {
			t.Errorf("%s: %q, in the way %t; want %q, %t", name, symptom, failure, tc.want, tc.failure)
		}
	}
	plain := healthy(to("http://localhost:8080"))
	if symptom, failure := plain.meaning(plain.Roads[0], toHTTPS); symptom != ToHTTPS || !failure {
		t.Errorf("a redirect on the user's own plain road: %q, %t", symptom, failure)
	}
}

func TestDistrust(t *testing.T) {
	stranger := newCA("stranger")
	constrained := newCA("constrained", func(c *x509.Certificate) {
		c.PermittedDNSDomainsCritical, c.PermittedDNSDomains = true, []string{"example.com"}
	})
	roots := Computer{Roots: pool([]*x509.Certificate{ourCA.certificate, constrained.certificate})}
	for name, tc := range map[string]struct {
		chain []*x509.Certificate
		want  Symptom
	}{
		"well":                     {ourLeaf.chain(), ""},
		"an unknown CA":            {below(stranger).chain(), Untrusted},
		"self-signed":              {sign(nil, newKey(), leafTemplate()).chain(), Untrusted},
		"the CA's namesake":        {below(newCA("kftls CA")).chain(), Untrusted},
		"expired":                  {below(ourCA, until(now.Add(-time.Hour))).chain(), Expired},
		"not yet valid":            {below(ourCA, from(now.Add(time.Hour))).chain(), NotYetValid},
		"another name":             {below(ourCA, named("kubeflow.example.com")).chain(), WrongName},
		"a common name alone":      {below(ourCA, named()).chain(), WrongName},
		"not for servers":          {below(ourCA, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }).chain(), BadCertificate},
		"outside its CA's names":   {below(constrained).chain(), BadCertificate},
		"no certificate":           {nil, BadCertificate},
		"expired and unknown":      {below(stranger, until(now.Add(-time.Hour))).chain(), Expired},
		"an expired CA above it":   {below(newCA("old", until(now.Add(-time.Hour)))).chain(), Expired},
		"another name and unknown": {below(stranger, named("example.com")).chain(), WrongName},
	} {
		err := accepts(tc.chain, roots.Roots, "localhost", now)
		if tc.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if got := distrust(err); !slices.Equal(got, []Symptom{tc.want}) {
			t.Errorf("%s: %v of %v, want %v", name, got, err, tc.want)
		}
	}
}

func TestConnection(t *testing.T) {
	tunnel := func(edit func(*Road)) *Road { r := tunnelRoad("gateway-a", true); edit(r); return r }
	plain := func(err error) *Road { r := tunnelRoad("gateway-a", false); failed(err)(r); return r }
	own := func(edit func(*Road)) *Road { f := healthy(to(local)); edit(f.Roads[0]); return f.Roads[0] }
	throughProxy := func(r *Road) { dialled(errReset)(r); r.Proxy = "proxy.example.com:3128" }
	for name, tc := range map[string]struct {
		r    *Road
		want Symptom
	}{
		"well":                               {tunnel(func(*Road) {}), ""},
		"no name":                            {own(dialled(errNoName)), NameUnknown},
		"a DNS server that does not answer":  {own(dialled(&timeoutError{})), NoAnswer},
		"refused":                            {own(dialled(errRefused)), RefusedHere},
		"no answer":                          {own(dialled(context.DeadlineExceeded)), NoAnswer},
		"something else":                     {own(dialled(errors.New("no route to host"))), NoAnswer},
		"a proxy that resets":                {own(throughProxy), ProxyInTheWay},
		"a proxy that is not there":          {own(func(r *Road) { dialled(errRefused)(r); r.Proxy = "p:1" }), RefusedHere},
		"no right to forward":                {tunnel(dialled(fault.New(fault.Forbidden, "", "forbidden"))), NoTunnel},
		"an API server that does not answer": {tunnel(dialled(fault.New(fault.Timeout, "", "late"))), NoTunnel},
		"a tunnel that breaks":               {tunnel(dialled(errors.New("spdy"))), NoTunnel},
		"reset in the handshake":             {tunnel(broken(Handshake{Err: errReset, Cut: true})), HandshakeCut},
		"silence in the handshake":           {tunnel(broken(Handshake{Err: context.DeadlineExceeded, TimedOut: true})), NoAnswer},
		"plain HTTP in the handshake":        {tunnel(broken(Handshake{Err: errors.New("tls"), Plain: "HTTP/"})), AnswersPlain},
		"a client certificate":               {tunnel(broken(Handshake{Err: errReset, Cut: true, WantsClient: true})), WantsClient},
		"no listener in the pod":             {tunnel(broken(Handshake{Err: fmt.Errorf("read: %w", errInPod), Cut: true})), PortRefused},
		"no common version":                  {tunnel(broken(Handshake{Err: errors.New("remote error: tls: handshake failure")})), NoCommonTLS},
		"a plain road that is refused":       {plain(errInPod), PortRefused},
		"a plain road that is cut":           {plain(errReset), AnswersTLS},
		"a plain road with a TLS alert":      {plain(errors.New(`net/http: HTTP/1.x transport connection broken: malformed HTTP response "\x15\x03\x01\x00\x02\x02\x16"`)), AnswersTLS},
		"a plain road that is lost":          {plain(portforward.ErrLost), AnswersTLS},
		"a TLS road cut behind the shake":    {tunnel(failed(errReset)), HandshakeCut},
		"a plain road that says nothing":     {plain(context.DeadlineExceeded), NoAnswer},
	} {
		if got, text := tc.r.connection(); got != tc.want || got != "" && text == "" {
			t.Errorf("%s: %q (%s), want %q", name, got, text, tc.want)
		}
	}
}

type timeoutError struct{}

func (*timeoutError) Error() string   { return "lookup x: i/o timeout" }
func (*timeoutError) Timeout() bool   { return true }
func (*timeoutError) Temporary() bool { return true }

// TestObserve: which sightings the roads of an aim give, in the order of the road.
func TestObserve(t *testing.T) {
	nothing := func(f *Facts) { f.Aim.Expect = ExpectNothing }
	for name, tc := range map[string]struct {
		with []change
		want string // symptom!, with a mark where it is in the way
	}{
		"well":                           {nil, "a login is wanted"},
		"an answer is told once by road": {[]change{to(local)}, "a login is wanted"},
		"the dashboard is missing, a login stands": {[]change{says(frontPath, upstream)}, "503 by the gateway"},
		"both do not answer":                       {[]change{allSay(upstream)}, "503 by the gateway!"},
		"no HTTPS, expected":                       {[]change{each(isTLS, broken(Handshake{Err: errInPod}))}, "nothing listens on the gateway pod's port! / a login is wanted"},
		"no HTTPS, of a server that stands":        {[]change{nothing, each(isTLS, broken(Handshake{Err: errInPod}))}, "nothing listens on the gateway pod's port! / a login is wanted"},
		"the plain road, where HTTPS is expected":  {[]change{each(func(r *Road) bool { return !r.TLS }, failed(errInPod))}, "nothing listens on the gateway pod's port / a login is wanted"},
		"untrusted, and nobody said whom to trust": {[]change{nothing, func(f *Facts) { f.Computer.Roots = nil }, serves(below(newCA("x")).chain()...)}, "the certificate's issuer is not trusted / a login is wanted"},
		"untrusted, with a CA file":                {[]change{nothing, func(f *Facts) { f.Computer.CAFile = "ca.crt" }, serves(below(newCA("x")).chain()...)}, "the certificate's issuer is not trusted! / a login is wanted"},
		"Dex and the auth proxy are down":          {[]change{says(dexPath, upstream), says(proxyPath, noHealthy)}, "a login is wanted / the auth proxy does not answer! / Dex does not answer!"},
		"pods differ":                              {[]change{each(func(r *Road) bool { return r.Pod == "gateway-b" }, func(r *Road) { r.Handshake.Chain = below(ourCA).chain() })}, "gateway pods serve different certificates! / a login is wanted"},
		"no kubeconfig, an address":                {[]change{to(local), withoutCluster, func(f *Facts) { f.Access.Err = fault.New(fault.Usage, "", "none") }}, "no cluster is named / a login is wanted"},
		"the API server refuses": {[]change{func(f *Facts) {
			f.Objects.Istio = Known[[]string]{Err: fault.New(fault.Unauthorized, "", "no")}
			f.Roads = nil
		}}, "the API server does not take the credentials!"},
		"the API server is away": {[]change{func(f *Facts) {
			f.Objects.Istio = Known[[]string]{Err: fault.New(fault.Unreachable, "", "no")}
			f.Roads = nil
		}}, "the API server does not answer!"},
		"no ready pod":  {[]change{func(f *Facts) { f.Objects.Ingress.Value.Pods, f.Roads = nil, nil }}, "no gateway pod to ask!"},
		"no front door": {[]change{gateways(), func(f *Facts) { f.Roads = nil }}, "no front door of a Kubeflow is found!"},
		"rights for nothing": {[]change{func(f *Facts) {
			f.Objects = &Objects{Istio: unread[[]string](), Ingress: unread[*ingressService](), Gateways: unread[[]unstructuredObject]()}
			f.Roads = nil
		}}, ""},
		"a session that is refused":         {[]change{given([]string{"oauth2_proxy_kubeflow"}, answer(403, "text/html", "<title>Sign In</title>"))}, "a login is wanted / the session is not accepted!"},
		"a session that Dex must renew":     {[]change{given([]string{"authservice_session"}, answer(302, "", "", "Location", "/dex/auth?client_id=x"))}, "a login is wanted / the session is not accepted!"},
		"a session whose token has expired": {[]change{given([]string{"oauth2_proxy_kubeflow"}, answer(401, "text/plain", "Jwt is expired"))}, "a login is wanted / 401 Jwt …!"},
		"a session that is too large":       {[]change{given([]string{"oauth2_proxy_kubeflow"}, tooLarge)}, "a login is wanted / headers are too large!"},
		"no auth proxy at the dashboard": {[]change{given([]string{"oauth2_proxy_kubeflow"}, answer(200, "application/json", pipelinesHealth)), func(f *Facts) {
			front := *emptyDenied
			front.Path, f.Session.Front = frontPath, &front
		}}, "a login is wanted / 403 with an empty body!"},
		"a session and no auth proxy":   {[]change{given([]string{"oauth2_proxy_kubeflow"}, emptyDenied)}, "a login is wanted / 403 with an empty body!"},
		"a session that is denied":      {[]change{given([]string{"oauth2_proxy_kubeflow"}, rbacDenied)}, "a login is wanted / the session's user is denied!"},
		"a session and no pipelines":    {[]change{given([]string{"oauth2_proxy_kubeflow"}, upstream)}, "a login is wanted / the pipelines API does not answer!"},
		"a session and a page":          {[]change{given([]string{"oauth2_proxy_kubeflow"}, dashboard)}, "a login is wanted / the pipelines API answers something else!"},
		"a session that gets no answer": {[]change{given([]string{"oauth2_proxy_kubeflow"}, &Answer{Err: errReset})}, "a login is wanted"},
	} {
		f := healthy(tc.with...)
		var got []string
		for _, s := range f.observe() {
			at := slices.IndexFunc(got, func(text string) bool { return strings.TrimSuffix(text, "!") == string(s.Symptom) })
			if at < 0 {
				at, got = len(got), append(got, string(s.Symptom))
			}
			if s.Failure { // on one of several roads
				got[at] = string(s.Symptom) + "!"
			}
			if s.Via == "" || s.Text == "" {
				t.Errorf("%s: %+v", name, s)
			}
		}
		if strings.Join(got, " / ") != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", name, strings.Join(got, " / "), tc.want)
		}
	}
}

// TestSymptomsHaveAPlace: every cause of a check is a symptom with a hop, and
// every symptom that can be seen has a check that accounts for it.
func TestSymptomsHaveAPlace(t *testing.T) {
	explained := map[Symptom]bool{}
	for _, c := range Checks() {
		for _, s := range c.Causes {
			explained[s] = true
			if s.Hop().rank() >= len(Hops()) {
				t.Errorf("%s: %q has no place on the road", c.Code, s)
			}
		}
	}
	for _, s := range []Symptom{
		NoKubeconfig, NoAPIServer, APIRefuses, NoFrontDoor, NoTunnel, NoGatewayPod, ProxyInTheWay, NameUnknown, RefusedHere, NoAnswer,
		PortRefused, NoServer, HandshakeCut, AnswersPlain, AnswersTLS, WantsClient, NoCommonTLS, Untrusted, Expired, NotYetValid, WrongName,
		BadCertificate, PodsDiffer, Denied, NoAuthorizer, BadToken, NoRoute, UpstreamDown, TooLarge, Loop, ToHTTPS, StandsOpen, OtherAnswer,
		NotLoggedIn, LoginDenied, LoginDown, DexDown, DexRefuses, LoginBreaks, SessionRefused, SessionDenied, DashboardDown, DashboardOther, PipelinesDown, PipelinesOther, Misconfigured,
	} {
		if !explained[s] {
			t.Errorf("%q is explained by no check", s)
		}
	}
}

func TestEra(t *testing.T) {
	for name, tc := range map[string]struct {
		era  func() map[string]*Answer
		want session.Era
	}{
		"today":        {eraToday, session.EraOAuth2Proxy},
		"1.9.0":        {eraFirst, session.EraOAuth2Proxy},
		"1.3 to 1.8":   {eraAuthService, session.EraAuthService},
		"not to tell":  {func() map[string]*Answer { return map[string]*Answer{frontPath: upstream} }, session.EraUnknown},
		"not answered": {func() map[string]*Answer { return nil }, session.EraUnknown},
	} {
		f := healthy()
		f.answers(tc.era)
		if got := f.era(); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// TestTLSEndsElsewhere: a load balancer in front has a certificate of its own, and
// the gateway behind it serves plain HTTP alone.
func TestTLSEndsElsewhere(t *testing.T) {
	for name, tc := range map[string]struct {
		with []change
		want []string
	}{
		"the load balancer is well":         {[]change{to(far)}, nil},
		"its certificate is not trusted":    {[]change{to(far), each(isOwn, func(r *Road) { r.Handshake.Trust = x509.UnknownAuthorityError{} })}, []string{"KFT501"}},
		"something else answers behind it":  {[]change{to(far), each(isOwn, func(r *Road) { r.Answers[frontPath] = answer(502, "text/html", "Bad Gateway") })}, []string{"KFT605"}},
		"a port-forward ends TLS by itself": {[]change{to(local)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := healthy(append([]change{https(), plainOnly, func(f *Facts) { f.Objects.CA = absent[*corev1ConfigMap]("x") }}, tc.with...)...)
			got, _ := f.judged()
			var codes []string
			for _, x := range got.findings {
				codes = append(codes, x.Code)
			}
			if !slices.Equal(codes, tc.want) {
				t.Errorf("got %v, want %v\nseen %+v", codes, tc.want, f.Seen)
			}
		})
	}
}

// TestNoTunnelIsNoFailureOfAnAddress: who may not open tunnels, and names an
// address, is told of the address.
func TestNoTunnelIsNoFailureOfAnAddress(t *testing.T) {
	noTunnel := each(func(r *Road) bool { return !r.Own }, dialled(fault.New(fault.Forbidden, "", "pods is forbidden")))
	f := healthy(to(local), each(isOwn, dialled(errRefused)), noTunnel)
	if got, _ := f.judged(); len(got.findings) == 0 || got.findings[0].Code != "KFT101" {
		t.Errorf("with an address: %+v", tell(got))
	}
	f = healthy(noTunnel, func(f *Facts) { f.Objects.MayForward = ok(false) })
	if got, _ := f.judged(); len(got.findings) == 0 || got.findings[0].Code != "KFT204" {
		t.Errorf("without one: %+v", tell(got))
	}
}
