package mutate

import (
	"math/rand/v2"

	"github.com/kftls/kubectl-kftls/test/faults"
)

// Certificate is one with one thing that is not as usual, and what it is.
func Certificate(r *rand.Rand) (faults.Certificate, string) {
	all := []struct {
		what string
		made faults.Certificate
	}{
		{"names another host", faults.Certificate{Names: []string{"kubeflow.example.com"}}},
		{"names only the IP address", faults.Certificate{Names: []string{}, IPs: []string{"127.0.0.1"}}},
		{"names one host too many", faults.Certificate{Names: []string{"localhost", "kubeflow.example.com"}}},
		{"has a common name alone", faults.Certificate{Names: []string{}, IPs: []string{}, CommonName: "localhost"}},
		{"names all of a domain", faults.Certificate{Names: []string{"*.example.com"}}},
		{"has ended", faults.Certificate{Dates: "expired"}},
		{"has not begun", faults.Certificate{Dates: "future"}},
		{"is for clients", faults.Certificate{Usage: "client"}},
		{"says no usage", faults.Certificate{Usage: "none"}},
		{"comes alone", faults.Certificate{Chain: "leaf"}},
		{"comes after its CA", faults.Certificate{Chain: "reversed"}},
		{"has another's key", faults.Certificate{Key: "other"}},
		{"has an encrypted key", faults.Certificate{Key: "encrypted"}},
		{"has a weak key", faults.Certificate{Key: "weak"}},
		{"signs itself", faults.Certificate{SelfSigned: true}},
		{"is of an intermediate CA", faults.Certificate{Intermediate: true}},
		{"is of an intermediate CA that is not sent", faults.Certificate{Intermediate: true, Chain: "leaf"}},
		{"is of a new CA", faults.Certificate{NewCA: true}},
		{"is of a CA that has ended", faults.Certificate{CAExpired: true}},
		{"is of a CA that may not sign for it", faults.Certificate{Constraint: "example.com"}},
		{"is of a CA that may sign for it alone", faults.Certificate{Constraint: "localhost"}},
	}
	one := all[r.IntN(len(all))]
	return one.made, one.what
}

// Client is what the user has in hand.
type Client struct {
	URL, Path, CA, Cookie string
	Env                   map[string]string
}

// Slip changes one thing of what the user has in hand, and says what. The steps
// make what it takes. There is a tunnel to port 443 on $PORT; $OTHER is free;
// the CA is in ca.crt, a session in cookie.
func (c *Client) Slip(r *rand.Rand) (what string, steps []faults.Step) {
	run := func(line string) { steps = append(steps, faults.Step{Run: line}) }
	env := func(name, value string) { c.Env = map[string]string{name: value} }
	slips := []struct {
		what string
		do   func()
	}{
		{"the CA file is not there", func() { c.CA = "CA.crt" }},
		{"the CA file is empty", func() { run(": >bad.crt"); c.CA = "bad.crt" }},
		{"the CA file is cut off", func() { run("head -c 300 ca.crt >bad.crt"); c.CA = "bad.crt" }},
		{"the CA file has Windows line ends", func() { run("sed 's/$/\\r/' ca.crt >bad.crt"); c.CA = "bad.crt" }},
		{"the CA file holds another CA, too", func() {
			steps = append(steps, faults.Step{Run: "cp ca.crt mine.crt"}, faults.Step{Certificate: &faults.Certificate{NewCA: true}}, faults.Step{Run: "cat ca.crt mine.crt >bad.crt"})
			c.CA = "bad.crt"
		}},
		{"the CA file holds another CA alone", func() {
			steps = append(steps, faults.Step{Certificate: &faults.Certificate{NewCA: true}})
		}},
		{"no CA file", func() { c.CA = "" }},
		{"the cookie file is empty", func() { run(": >bad"); c.Cookie = "bad" }},
		{"the cookie is cut off", func() { run("head -c 400 cookie >bad"); c.Cookie = "bad" }},
		{"a letter of the cookie is another one", func() { run("sed 's/^\\(.\\{60\\}\\)./\\1_/' cookie >bad"); c.Cookie = "bad" }},
		{"the cookie's name is another one", func() { run("sed 's/oauth2_proxy_kubeflow/_oauth2_proxy/' cookie >bad"); c.Cookie = "bad" }},
		{"the cookie has no name", func() { run("sed 's/^[^=]*=//' cookie >bad"); c.Cookie = "bad" }},
		{"the cookie is there twice", func() { run("printf '%s; %s' \"$(cat cookie)\" \"$(cat cookie)\" >bad"); c.Cookie = "bad" }},
		{"another cookie is beside it", func() { run("printf 'theme=dark; %s' \"$(cat cookie)\" >bad"); c.Cookie = "bad" }},
		{"http for https", func() { c.URL = "http://localhost:$PORT" }},
		{"another port", func() { c.URL = "https://localhost:$OTHER" }},
		{"the IP address", func() { c.URL = "https://127.0.0.1:$PORT" }},
		{"a host that is not there", func() { c.URL = "https://kubeflow.invalid:$PORT" }},
		{"the IPv6 address", func() { c.URL = "https://[::1]:$PORT" }},
		{"a name for this computer that the certificate lacks", func() { c.URL = "https://127.0.0.2:$PORT" }},
		{"a path of the dashboard", func() { c.Path = "/_/pipeline" }},
		{"HTTPS_PROXY", func() { env("HTTPS_PROXY", "http://127.0.0.1:$OTHER") }},
		{"HTTP_PROXY alone", func() { env("HTTP_PROXY", "http://127.0.0.1:$OTHER") }},
		{"ALL_PROXY", func() { env("ALL_PROXY", "socks5://127.0.0.1:$OTHER") }},
		{"SSL_CERT_FILE beside a CA file", func() { env("SSL_CERT_FILE", "/nowhere/ca.crt") }},
		{"CURL_CA_BUNDLE beside a CA file", func() { env("CURL_CA_BUNDLE", "/nowhere/ca.crt") }},
		{"SSL_CERT_FILE in place of a CA file", func() { env("SSL_CERT_FILE", "ca.crt"); c.CA = "" }},
		{"CURL_CA_BUNDLE in place of a CA file", func() { env("CURL_CA_BUNDLE", "ca.crt"); c.CA = "" }},
		{"SSL_CERT_FILE that is not there, in place of a CA file", func() { env("SSL_CERT_FILE", "/nowhere/ca.crt"); c.CA = "" }},
		{"SSL_CERT_DIR that is not there", func() { env("SSL_CERT_DIR", "/nowhere") }},
	}
	one := slips[r.IntN(len(slips))]
	one.do()
	return one.what, steps
}
