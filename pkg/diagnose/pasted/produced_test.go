//go:build linux

package pasted_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/diagnose/pasted"
)

// failure is one way in which a request fails.
type failure struct {
	name string
	// codes are the findings, one of which has to be among those that the first
	// meaning of what a program writes names.
	codes string
	trial trial
	// without names programs that say nothing of it.
	without string
}

// isPointed tells of what a browser is not told: it takes no file and no proxy.
func (f failure) isPointed() bool { return f.trial.proxy != "" || f.trial.bad }

// nameCode is the finding about names, which want a server that knows that they
// are none.
const nameCode = "KFT102"

func (f failure) isName() bool { return f.codes == nameCode }

func looksUpNames(t *testing.T) bool {
	t.Helper()
	_, err := (&net.Resolver{}).LookupHost(t.Context(), unknownName)
	unknown, ok := errors.AsType[*net.DNSError](err)
	return ok && unknown.IsNotFound
}

// unknownName is one that nobody can have (RFC 6761).
const unknownName = "kubeflow.invalid"

// saying is what one program wrote of one failure.
type saying struct {
	failure failure
	program program
	text    string
}

// TestTextsOfRealPrograms lets the programs of this machine fail in every way
// that a server on this computer can make, and holds against it what the tables
// and the findings say that they write.
func TestTextsOfRealPrograms(t *testing.T) {
	all := programs(t)
	ways, trusted := failures(t)
	isOpen := func(p program, _ string) bool { return !p.is() }
	if !looksUpNames(t) {
		t.Logf("NOT RUN %s, names that are unknown: no server for names answers here", t.Name())
		ways = slices.DeleteFunc(ways, failure.isName)
		isOpen = func(p program, codes string) bool { return !p.is() || strings.Contains(codes, nameCode) }
	}
	said := sayAll(t, ways, all)
	if windows := openBrowsers(t, trusted); len(windows) > 0 {
		all = append(all, windows...)
		said = append(said, sayAll(t, slices.DeleteFunc(ways, failure.isPointed), windows)...)
	}
	for _, s := range said {
		checkReading(t, s)
	}
	t.Run("tables", func(t *testing.T) { checkTables(t, all, said, isOpen) })
	t.Run("findings", func(t *testing.T) { checkFindings(t, all, said, isOpen) })
}

// sayAll lets a few fail at a time.
func sayAll(t *testing.T, failures []failure, programs []program) []saying {
	t.Helper()
	var said []saying
	var mu sync.Mutex
	var group sync.WaitGroup
	slots := make(chan struct{}, 4)
	for _, p := range programs {
		for _, f := range failures {
			if slices.Contains(strings.Split(f.without, ", "), p.name) {
				continue
			}
			group.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				text := p.say(t, f.trial)
				mu.Lock()
				defer mu.Unlock()
				said = append(said, saying{f, p, text})
			})
		}
	}
	group.Wait()
	return said
}

// checkReading wants what a program wrote to be recognised, whatever its version.
func checkReading(t *testing.T, s saying) {
	t.Helper()
	meanings := pasted.Read([]byte(s.text)).Meanings
	if len(meanings) == 0 {
		t.Errorf("%s, %s (%s): not recognised:\n%s", s.failure.name, s.program.name, s.program.version, s.text)
		return
	}
	for _, code := range strings.Fields(s.failure.codes) {
		if slices.Contains(meanings[0].Codes, code) {
			return
		}
	}
	t.Errorf("%s, %s (%s): %q (%s) comes first, want one of %s:\n%s", s.failure.name, s.program.name, s.program.version,
		meanings[0].Quote, meanings[0].Codes, s.failure.codes, s.text)
}

// is tells whether the program here has the version whose texts were taken.
func (p program) is() bool { return strings.Contains(p.version, p.measured) }

func failures(t *testing.T) (list []failure, trusted string) {
	t.Helper()
	root := issue(t, nil, asCA("test root"))
	again := issue(t, nil, asCA("test root"))
	stranger := issue(t, nil, asCA("stranger"))
	limited := issue(t, nil, func(c *x509.Certificate) {
		asCA("limited root")(c)
		c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{"localhost"}, true
	})
	excluding := issue(t, nil, func(c *x509.Certificate) {
		asCA("excluding root")(c)
		c.ExcludedDNSDomains, c.PermittedDNSDomainsCritical = []string{"localhost"}, true
	})
	good := issue(t, root, nil)
	ended := func(c *x509.Certificate) { c.NotBefore, c.NotAfter = at(-48*time.Hour), at(-24*time.Hour) }
	oldRoot := issue(t, nil, func(c *x509.Certificate) {
		asCA("old root")(c)
		ended(c)
	})
	between := issue(t, stranger, asCA("an intermediate"))
	noCA := issue(t, nil, func(c *x509.Certificate) { c.Subject.CommonName = "no CA" })
	itself := issue(t, nil, func(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, c.KeyUsage|x509.KeyUsageCertSign })
	unknown := issue(t, stranger, nil)
	trusted = writePEM(t, "CERTIFICATE", root.cert.Raw, limited.cert.Raw, excluding.cert.Raw,
		oldRoot.cert.Raw, between.cert.Raw, noCA.cert.Raw, itself.cert.Raw)
	key, err := x509.MarshalPKCS8PrivateKey(good.key)
	if err != nil {
		t.Fatal(err)
	}
	hello := answers(http.StatusOK, "text/plain", "hello\n")
	by := func(config *tls.Config, list ...*entity) string {
		if config == nil {
			config = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		config.Certificates = []tls.Certificate{chain(list...)}
		return secure(t, config, hello)
	}
	leaf := func(edit func(*x509.Certificate)) string { return by(nil, issue(t, root, edit)) }
	to := func(port string) trial { return trial{url: "https://localhost:" + port + "/"} }
	ca := func(port string) trial { return trial{url: "https://localhost:" + port + "/", caFile: trusted} }
	plain := func(port string) trial { return trial{url: "http://localhost:" + port + "/"} }
	page := plain(web(t, answers(http.StatusOK, "text/html", "<!doctype html><title>Log in</title>")))
	page.fetch = true
	circle := web(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/again", http.StatusFound) })
	round := plain(circle)
	round.fetch = true
	fetched := func(x trial) trial { x.fetch = true; return x }
	file := func(path string) trial {
		return trial{url: "https://localhost:" + by(nil, good, root) + "/", caFile: path, bad: true}
	}
	proxied := func(proxy string) trial {
		return trial{url: "https://kubeflow.example.com/", proxy: "http://127.0.0.1:" + proxy}
	}
	list = []failure{
		{"nothing listens", "KFT101", to(nobody(t)), "Firefox"},
		{"the name is unknown", nameCode, trial{url: "https://" + unknownName + "/"}, "Firefox"},
		{"no answer", "KFT114 KFT301", to(listen(t, silent)), "git, Node, Chromium, Firefox"},
		{"no answer, http", "KFT114", plain(listen(t, silent)), "git, Node, Chromium, Firefox"},
		{"closed in the handshake", "KFT301", to(listen(t, closes)), ""},
		{"cut in the handshake", "KFT303", to(listen(t, resets)), ""},
		{"closed without an answer", "KFT109", plain(listen(t, closes)), "Firefox"},
		{"cut without an answer", "KFT303 KFT109", plain(listen(t, resets)), "Firefox"},
		{"https to http", "KFT108", to(web(t, hello)), ""},
		{"https to http by fetch", "KFT108", fetched(to(web(t, hello))), ""},
		{"http to https", "KFT109", plain(by(nil, good)), "wget, git, Chromium, Firefox"},
		{"redirects in a circle", "KFT606", round, "git, Firefox"},
		{"a page for JSON", "KFT903", page, "curl, wget, git, Chromium, Firefox"},
		{"a proxy that refuses", "KFT103", proxied(web(t, answers(http.StatusBadGateway, "", ""))), "Node"},
		{"a proxy that is not there", "KFT103 KFT101", proxied(nobody(t)), "Node"},
		{"RBAC", "KFT601", plain(web(t, answers(http.StatusForbidden, "text/plain", "RBAC: access denied"))), "wget, Chromium, Firefox"},
		{"403", "KFT702 KFT703", plain(web(t, answers(http.StatusForbidden, "", ""))), "Go, Node, Chromium, Firefox"},
		{"401", "KFT702", plain(web(t, answers(http.StatusUnauthorized, "application/json", "{}"))), "Chromium, Firefox, git"},
		{"a CA file that is not there", "KFT104 KFT501", file(filepath.Join(t.TempDir(), "nope.pem")), "Go"},
		{"a CA file without a certificate", "KFT104 KFT112", file(writePEM(t, "PRIVATE KEY", key)), "Go, Node, wget, git"},
		{"no client certificate", "KFT515", ca(listen(t, refuses(&tls.Config{MinVersion: tls.VersionTLS12, ClientAuth: tls.RequireAnyClientCert, Certificates: []tls.Certificate{chain(good, root)}}))), ""},
		{"TLS that is too old", "KFT517", ca(by(&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, good, root)), "wget, git"},
		{"TLS that is too old, by fetch", "KFT517", fetched(ca(by(&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, good, root))), "wget, git"},
		{"no common cipher", "KFT517", ca(by(&tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}}, good, root)), ""},
		{"an unknown CA that is sent along", "KFT501", to(by(nil, unknown, stranger)), ""},
		{"an unknown CA that is not", "KFT502", to(by(nil, unknown)), ""},
		{"self-signed", "KFT503", to(by(nil, issue(t, nil, nil))), ""},
		{"a CA made anew", "KFT509", ca(by(nil, issue(t, again, nil))), "curl, Python requests, wget, git, Node, Chromium"},
		{"expired", "KFT507", ca(leaf(ended)), ""},
		{"not yet valid", "KFT508", ca(leaf(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = at(24*time.Hour), at(48*time.Hour) })), ""},
		{"another name", "KFT505", ca(leaf(func(c *x509.Certificate) { c.DNSNames = []string{"kubeflow.example.com"} })), ""},
		{"no address", "KFT506", trial{url: "https://127.0.0.1:" + leaf(func(c *x509.Certificate) { c.IPAddresses = nil }) + "/", caFile: trusted}, ""},
		{"another address", "KFT506", trial{url: "https://127.0.0.1:" + leaf(func(c *x509.Certificate) { c.IPAddresses = []net.IP{{10, 0, 0, 1}} }) + "/", caFile: trusted}, ""},
		{"a common name alone", "KFT504 KFT505", ca(leaf(func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = nil, nil })), "curl, wget, git, Node"},
		{"no name", "KFT504 KFT505", ca(leaf(func(c *x509.Certificate) { c.Subject.CommonName, c.DNSNames, c.IPAddresses = "", nil, nil })), ""},
		{"not for servers", "KFT510", ca(leaf(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })), "wget, git"},
		{"outside the constraints", "KFT513", ca(by(nil, issue(t, limited, func(c *x509.Certificate) { c.DNSNames = []string{"localhost", "kubeflow.example.com"} }), limited)), ""},
		{"an expired CA", "KFT507 KFT518", ca(by(nil, issue(t, oldRoot, nil), oldRoot)), ""},
		// Most programs take the next three, or say what they say of an unknown CA.
		{"an intermediate trusted alone", "KFT502", ca(by(nil, issue(t, between, nil))), "curl, Node, wget, git, Go, Chromium, Firefox"},
		{"an issuer that is no CA", "KFT501", ca(by(nil, issue(t, noCA, nil), noCA)), "Node, wget, git, Go, Chromium, Firefox"},
		{"a CA's certificate as the server's", "KFT503", ca(by(nil, itself)), "curl, Python requests, Node, wget, git, Go, Chromium"},
		{"excluded", "KFT513", ca(by(nil, issue(t, excluding, nil), excluding)), ""},
	}
	return list, trusted
}

func at(d time.Duration) time.Time { return time.Now().Add(d) }

func writePEM(t *testing.T, kind string, list ...[]byte) string {
	t.Helper()
	var text []byte
	for _, der := range list {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})...)
	}
	path := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
