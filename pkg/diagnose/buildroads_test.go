package diagnose

import (
	"context"
	"crypto/x509"
	"net/http"
	"net/url"

	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

// tunnelRoad is a road through the API server on which all is well.
func tunnelRoad(pod string, isTLS bool) *Road {
	r := &Road{
		Name: "the tunnel to istio-system/" + pod + ":8080 (http)", Pod: pod, Port: 8080,
		Origin: &url.URL{Scheme: "http", Host: "localhost"}, Answers: eraToday(),
	}
	if isTLS {
		r.Name, r.Port, r.TLS = "the tunnel to istio-system/"+pod+":8443 (https)", 8443, true
		r.Origin.Scheme = "https"
		r.Handshake = &Handshake{Chain: ourLeaf.chain()}
	}
	return r
}

// to names the user's own road, on which all is well.
func to(address string) change {
	return func(f *Facts) {
		u, err := url.Parse(address)
		if err != nil {
			panic(err)
		}
		f.Aim.URL, f.Aim.Host, f.Aim.Expect, f.Aim.Model = u, u.Hostname(), ExpectNothing, modelAim(u, "")
		own := &Road{
			Name: u.Scheme + "://" + u.Host + " from this computer", Own: true, TLS: u.Scheme == "https",
			Origin: &url.URL{Scheme: u.Scheme, Host: u.Host}, Answers: eraToday(),
		}
		if own.TLS {
			own.Handshake = &Handshake{Chain: ourLeaf.chain()}
		}
		for _, tunnel := range f.Roads {
			tunnel.Origin.Host = gateway.URLHost(u.Hostname())
		}
		f.Roads = append([]*Road{own}, f.Roads...)
	}
}

// each changes roads that are of a kind.
func each(fits func(*Road) bool, edit func(*Road)) change {
	return func(f *Facts) {
		for _, r := range f.Roads {
			if fits(r) {
				edit(r)
			}
		}
	}
}

func isOwn(r *Road) bool { return r.Own }
func isTLS(r *Road) bool { return r.TLS }
func isAny(*Road) bool   { return true }

// dialled makes a road one to which no connection comes about.
func dialled(err error) func(*Road) {
	return func(r *Road) { r.Dialled, r.Answers, r.Handshake = err, map[string]*Answer{}, nil }
}

// broken makes a road one whose handshake fails.
func broken(h Handshake) func(*Road) {
	return func(r *Road) { r.Handshake, r.Answers = &h, map[string]*Answer{} }
}

// failed makes a plain road one on which the first request fails.
func failed(err error) func(*Road) {
	return func(r *Road) {
		r.Answers = map[string]*Answer{frontPath: {Method: "GET", Path: frontPath, Header: http.Header{}, Err: err}}
	}
}

// serves lets the TLS roads serve a chain, and judges it as a client with the
// computer's roots does.
func serves(chain ...*x509.Certificate) change {
	return func(f *Facts) {
		for _, r := range f.Roads {
			if r.TLS {
				r.Handshake = &Handshake{Chain: chain, Trust: accepts(chain, f.Computer.Roots, r.Origin.Hostname(), f.Now)}
			}
		}
	}
}

// answers replaces what all roads answer.
func (f *Facts) answers(era func() map[string]*Answer) {
	for _, r := range f.Roads {
		r.Answers = era()
	}
}

// says replaces the answer for a path on all roads.
func says(path string, a *Answer) change {
	return each(isAny, func(r *Road) {
		answer := *a
		answer.Path = path
		r.Answers[path] = &answer
	})
}

// answer is what a server says; more are header names and values.
func answer(status int, kind, body string, more ...string) *Answer {
	a := &Answer{Method: http.MethodGet, Path: frontPath, Status: status, Header: http.Header{}, Body: []byte(body)}
	if kind != "" {
		a.Header.Set("Content-Type", kind)
	}
	for i := 0; i+1 < len(more); i += 2 {
		a.Header.Set(more[i], more[i+1])
	}
	a.Wall = session.Classify(status, a.Header, a.Body)
	return a
}

// byEnvoy are the headers by which an answer of the gateway itself is known.
var byEnvoy = []string{"Server", "istio-envoy"}

func eraToday() map[string]*Answer {
	signIn := answer(403, "text/html; charset=utf-8", "<title>Sign In</title>", byEnvoy...)
	return map[string]*Answer{
		frontPath:  signIn,
		healthPath: answer(401, "application/json", "{}", byEnvoy...),
		dexPath:    answer(200, "application/json", `{"issuer":"`+dexIssuer+`"}`),
		proxyPath:  answer(401, "text/plain", "Unauthorized"),
		startPath: answer(302, "text/html", "", "Location",
			"/dex/auth?client_id=kubeflow-oidc-authservice&code_challenge_method=S256&prompt=none&redirect_uri=%2Foauth2%2Fcallback&response_type=code&scope=openid&state=s"),
	}
}

// eraFirst is Kubeflow 1.9.0's: oauth2-proxy without its page.
func eraFirst() map[string]*Answer {
	toDex := func() *Answer {
		return answer(302, "text/html", "", "Location", "/dex/auth?approval_prompt=force&client_id=kubeflow-oidc-authservice&redirect_uri=%2Foauth2%2Fcallback&response_type=code")
	}
	all := eraToday()
	all[frontPath], all[healthPath], all[startPath] = toDex(), toDex(), toDex()
	return all
}

// eraAuthService is that of Kubeflow 1.3 to 1.8.
func eraAuthService() map[string]*Answer {
	toDex := func() *Answer {
		return answer(302, "text/html", `<a href="/dex/auth?client_id=kubeflow-oidc-authservice">Found</a>.`,
			"Location", "/dex/auth?client_id=kubeflow-oidc-authservice&redirect_uri=%2Fauthservice%2Foidc%2Fcallback&response_type=code&scope=openid&state=s")
	}
	all := eraToday()
	all[frontPath], all[healthPath], all[proxyPath], all[startPath] = toDex(), toDex(), toDex(), toDex()
	return all
}

// given adds a session, sent over the first road, and what it was answered.
func given(names []string, health *Answer) change {
	return func(f *Facts) {
		f.Aim.HasSession = true
		f.Computer.CookieFile, f.Computer.CookieNames = "cookies.txt", names
		health.Path = healthPath
		f.Session = &SessionFacts{
			Names: names, Era: session.EraOfCookie(names[0]), Via: f.Roads[0],
			Front: answer(200, "text/html", "<title>Kubeflow Central Dashboard</title>"), Health: health,
			User: answer(200, "application/json", `{"email":"user@example.com"}`),
		}
	}
}

var pipelinesHealth = `{"multi_user":true, "pipeline_store":null}`

// seen replaces what the wire showed.
func seen(symptoms ...Symptom) change {
	return func(f *Facts) {
		for _, s := range symptoms {
			f.Seen = append(f.Seen, Sighting{Symptom: s, Via: "the tunnel", Text: "text", Failure: true})
		}
	}
}

// complete adds what gathering leaves no facts without: the sightings of the roads,
// unless seen has set them, and an answer for each Secret that is named.
func (f *Facts) complete() {
	if f.Seen == nil {
		f.Seen = f.observe()
	}
	if f.Objects == nil {
		return
	}
	for _, server := range f.Objects.httpsServers() {
		name, named := f.Objects.secretOf(server)
		if _, asked := f.Objects.Secrets[name]; named && !asked {
			f.Objects.Secrets[name] = absent[*SecretFacts](name.Name)
		}
	}
}

// lookBy is how one check ends.
func (f *Facts) lookBy(code string) Result {
	f.complete()
	for _, c := range Checks() {
		if c.Code == code {
			return run(context.Background(), c, f)
		}
	}
	return Result{Status: "no such check"}
}

// judged is what all checks make of the facts.
func (f *Facts) judged() (judged, []outcome) {
	f.complete()
	r := newRound(f, nil, nil)
	r.look(context.Background(), StageWire)
	outcomes := r.outcomes()
	return judge(outcomes, f.Seen), outcomes
}

// as lets the auth proxy say whose the session is.
func as(user string) change {
	return func(f *Facts) { f.Session.User = answer(200, "application/json", `{"email":"`+user+`"}`) }
}

// owners are those of Kubeflow's profiles.
func owners(names ...string) change {
	return func(f *Facts) { f.Objects.Profiles = ok(names) }
}
