package pasted

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	password = "hunter2secret"
	token    = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJlbWFpbCI6InVzZXJAZXhhbXBsZS5jb20ifQ.c2lnbmF0dXJlc2lnbmF0dXJl"
	cookie   = "Zm9vYmFyYmF6cXV4|1795437600|5nN0aGVzaWc="
	dexState = "qwertzuiopasdfghjklyxcvbn"
)

// planted are secrets at all places where the programs show them.
var planted = []string{
	"curl -v -u user@example.com:" + password + " -b 'oauth2_proxy_kubeflow=" + cookie + "' -H 'Authorization: Bearer " + token + "' 'https://user:" + password + "@localhost:8443/pipeline/?state=" + dexState + "&code=" + dexState + "'",
	"* Server auth using Basic with user 'user@example.com'\n> GET /oauth2/callback?code=" + dexState + "&state=" + dexState + " HTTP/1.1\n> Host: localhost:8443\n" +
		"> Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("user@example.com:"+password)) + "\n> Cookie: oauth2_proxy_kubeflow=" + cookie + "; authservice_session=" + cookie + "\n" +
		"< HTTP/1.1 403 Forbidden\n< set-cookie: oauth2_proxy_kubeflow=" + cookie + "; Path=/\n< location: /dex/approval?req=" + dexState + "&hmac=" + dexState + "\nRBAC: access denied",
	"> GET /x HTTP/1.1\n> Host: user:" + password + "@localhost\n> Authorization: Bearer " + token + "\n< HTTP/1.1 401 Unauthorized\nJwt verification fails" + token,
	"curl: (6) Could not resolve host: " + token, "curl: (6) Could not resolve host: " + password + "@localhost", "curl: (6) Could not resolve host: " + password,
	"Failed to connect to " + token + " port 443 after 0 ms: Couldn't connect to server",
	"Failed to connect to " + password + " port 443: Connection refused",
	`<a href="/dex/auth?client_id=kubeflow-oidc-authservice&amp;client_secret=` + password + `&amp;state=` + dexState + `">Found</a>.`,
	"HTTPSConnectionPool(host='localhost', port=8443): Max retries exceeded with url: /dex/auth/local/login?back=&state=" + dexState + "&login=user&password=" + password + " (Caused by SSLError(SSLEOFError(8, 'EOF occurred in violation of protocol')))",
	"HTTPSConnectionPool(host='user:" + password + "@localhost', port=8443): Max retries exceeded with url: / (Caused",
	`Get "https://user:` + password + `@localhost:8443/dex/approval?req=` + dexState + `&hmac=` + dexState + `": EOF`,
	`Get "https://localhost:8443/x/` + token + `": x509: certificate is valid for ` + token + `, not ` + token,
	"requests.exceptions.HTTPError: 403 Client Error: Forbidden for url: https://localhost:8443/oauth2/callback?code=" + dexState + "&state=" + dexState,
	"fatal: unable to access 'https://user:" + password + "@localhost:8443/x/': server certificate verification failed. CAfile: none CRLfile: none",
	"SSL: certificate subject name (" + password + ") does not match target host name '" + password + "'",
	"Referenced credentialName not found: \"" + token + "\"", "secret " + token + " not found",
	"failed to fetch key and certificate for kubernetes://" + token + ": secret " + token + " not found",
	"cookies = {'authservice_session': '" + cookie + "'}\n{}\n(401)", "CSRF cookie with name '" + cookie + "' was not found",
	"wget --user=user --password=" + password + " https://localhost:8443/\nERROR 403: Forbidden.",
	"curl -u user:" + password + "\nno quote's end\nRBAC: access denied",
	"curl -H 'Cookie: a=" + cookie + "\nhttps://localhost:8443/?x=" + token,
	"curl localhost:8443/" + token + " -d password=" + password + "\nEmpty reply from server",
	"x509: certificate is valid for 10.0.0.1, not " + password, "connect ECONNREFUSED " + token, "dial tcp: lookup " + token + " on",
}

func TestNoSecret(t *testing.T) {
	// Forms of the secrets, and of pairs with them, that Basic and cookies take.
	var secrets []string
	for _, secret := range []string{password, token, cookie, dexState} {
		secrets = append(secrets, secret)
		for _, plain := range []string{secret, "user:" + secret, "user@example.com:" + secret} {
			secrets = append(secrets, base64.StdEncoding.EncodeToString([]byte(plain)), base64.URLEncoding.EncodeToString([]byte(plain)))
		}
	}
	for part := range strings.FieldsFuncSeq(token+"."+cookie, func(r rune) bool { return r == '.' || r == '|' }) {
		secrets = append(secrets, part)
	}
	texts := append(slices.Clone(planted), strings.Join(planted, "\n"), strings.Join(planted, " "), strings.Join(planted, "\r\n> "))
	for _, text := range texts {
		got := Read([]byte(text))
		out, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		shown := string(out)
		if got.URL != nil {
			shown += got.URL.String()
			if got.URL.User != nil || got.URL.RawQuery != "" || got.URL.Fragment != "" || got.URL.RawPath != "" {
				t.Errorf("%q: %#v", text, got.URL)
			}
		}
		for _, secret := range secrets {
			if strings.Contains(shown, secret) {
				t.Errorf("%q lets %q out:\n%s", text, secret, shown)
			}
		}
		if text == planted[0] && (got.URL == nil || got.URL.String() != "https://localhost:8443/pipeline/") {
			t.Errorf("the URL is not found: %v", got.URL)
		}
	}
}

// FuzzRead: whatever is pasted, the reading is small, printable, and quotes
// nothing that looks like a token.
func FuzzRead(f *testing.F) {
	for _, text := range planted {
		f.Add([]byte(text))
	}
	f.Add([]byte("curl 'https://localhost:8443/\\\n' -u a:b\n{}\n401"))
	f.Add([]byte("\xff\xfec\x00u\x00r\x00l\x00"))
	f.Add([]byte("\x1b[31mx509: certificate is valid for a, not 127.0.0.1\x1b]0;"))
	for _, table := range tables() {
		for _, x := range table.texts {
			f.Add([]byte(x.pattern))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got := Read(text)
		for i, m := range got.Meanings {
			if m.Program == "" || m.Versions == "" || m.Says == "" || m.Quote == "" {
				t.Fatalf("something is missing: %+v", m)
			}
			if len(m.Quote) > quoteLimit || !utf8.ValidString(m.Quote) || strings.ContainsFunc(m.Quote, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				t.Fatalf("quote %q", m.Quote)
			}
			if looksSecret(m.Quote) {
				t.Fatalf("quote %q of %q", m.Quote, text)
			}
			for _, o := range got.Meanings[:i] {
				if o.Program == m.Program && o.Says == m.Says {
					t.Fatalf("twice: %+v", m)
				}
			}
		}
		if u := got.URL; u != nil {
			if u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Host == "" || looksSecret(u.Path) || looksSecret(u.Host) || len(u.String()) > 1500 {
				t.Fatalf("URL %q of %q", u, text)
			}
		}
	})
}

// looksSecret finds long words with capitals, digits and small letters mixed,
// that no program's own words are.
func looksSecret(s string) bool {
	if strings.Contains(s, "eyJ") || strings.Contains(s, "@") {
		return true
	}
	word := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	}
	for w := range strings.FieldsFuncSeq(s, word) {
		if len(w) > 24 && strings.ContainsAny(w, "0123456789") {
			return true
		}
	}
	return false
}
