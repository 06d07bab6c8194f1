package diagnose

import (
	"crypto/x509"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kftls/kubectl-kftls/internal/testutil"
)

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"":                              "",
		"one line":                      "one line",
		"two\r\n  lines\t":              "two lines",
		"\x1b[31mred\x1b[0m":            "[31mred [0m",
		"right\u202eto left":            "right to left",
		"\xff\xfe":                      "�",
		strings.Repeat("é", longest):    strings.Repeat("é", longest),
		strings.Repeat("é", longest+1):  strings.Repeat("é", longest) + "…",
		"bell\a, nul\x00, C1\u0085 end": "bell , nul , C1 end",
	} {
		if got := plain(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestSetting(t *testing.T) {
	for _, tc := range []struct{ text, name, want string }{
		{proxyConfig, "oidc_issuer_url", dexIssuer},
		{proxyConfig, "redirect_url", "/oauth2/callback"},
		{proxyConfig, "cookie_name", "oauth2_proxy_kubeflow"},
		{proxyConfig, "insecure_oidc_allow_unverified_email", "true"},
		{proxyConfig, "name", ""},
		{"# redirect_url = 'x'\n  redirect_url = 'y'  \r\n", "redirect_url", "y"},
		{"redirect_url", "redirect_url", ""},
		{`redirect_url = "https://x/?a=b"`, "redirect_url", "https://x/?a=b"},
		{"", "", ""},
	} {
		if got := setting(tc.text, tc.name); got != tc.want {
			t.Errorf("%s of %q: %q, want %q", tc.name, tc.text, got, tc.want)
		}
	}
}

func TestMeshProviders(t *testing.T) {
	for text, want := range map[string][]string{
		mesh("oauth2-proxy", "other").Data["mesh"]: {"oauth2-proxy", "other"},
		"accessLogFile: /dev/stdout":               nil,
		"":                                         nil,
		"extensionProviders: {}":                   nil,
		"\tno YAML":                                nil,
	} {
		var got []string
		for _, provider := range meshProviders(text) {
			got = append(got, provider.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestJSONString(t *testing.T) {
	for text, want := range map[string]string{
		`{"issuer":"x"}`: "x", `{"issuer":1}`: "", `{"issuer":null}`: "", `[]`: "", ``: "", `{"issuer":"x"`: "",
	} {
		if got := jsonString([]byte(text), "issuer"); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestAnswerLine(t *testing.T) {
	for want, a := range map[string]*Answer{
		"403 Forbidden, text/html":                                 eraToday()[frontPath],
		"403 Forbidden, text/plain: RBAC: access denied":           rbacDenied,
		"403 Forbidden, empty":                                     emptyDenied,
		"302 Found, text/html, to /dex/auth":                       eraToday()[startPath],
		"302 Found, to login.example.com/authorize":                answer(302, "", "", "Location", "https://u:p@login.example.com/authorize?state=secret"),
		"401 Unauthorized, text/plain: Jwt expired [31m":           answer(401, "text/plain; charset=utf-8", "Jwt expired\x1b[31m"),
		"200 OK, application/json":                                 answer(200, "application/json", `{"token":"secret"}`),
		"799, empty":                                               answer(799, "", ""),
		"302 Found, empty":                                         answer(302, "", "", "Location", "%zz"),
		"503 Service Unavailable, text/plain: no healthy upstream": noHealthy,
	} {
		if got := a.line(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// clean tells that a terminal does nothing with a text but show it.
func clean(t *testing.T, text string) {
	t.Helper()
	for _, r := range text {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			t.Errorf("%U in %q", r, text)
		}
	}
	if !utf8.ValidString(text) {
		t.Errorf("no UTF-8: %q", text)
	}
}

func FuzzPlain(f *testing.F) {
	for _, text := range []string{
		"curl: (35) OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to localhost:8443",
		"x509: certificate signed by unknown authority (possibly because of \"x509: ECDSA verification failure\")",
		"upstream connect error or disconnect/reset before headers", "\x1b]0;title\a", "a\u2028b\u200fc", "\xc3", strings.Repeat("x ", 400),
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := plain(text)
		clean(t, got)
		if utf8.RuneCountInString(got) > longest+1 {
			t.Errorf("%d characters", utf8.RuneCountInString(got))
		}
		if again := plain(got); again != got && len([]rune(got)) <= longest {
			t.Errorf("%q becomes %q", got, again)
		}
	})
}

func FuzzSettings(f *testing.F) {
	f.Add(proxyConfig, "redirect_url")
	f.Add(mesh("oauth2-proxy").Data["mesh"], "name")
	f.Add(dexConfig, "issuer")
	f.Add(`{"issuer":"`+dexIssuer+`","token_endpoint":"/dex/token"}`, "issuer")
	f.Fuzz(func(t *testing.T, text, name string) {
		if got := setting(text, name); got != "" && !strings.Contains(text, got) {
			t.Errorf("%q is not in the text", got)
		}
		for _, provider := range meshProviders(text) {
			if provider.Name != "" && strings.TrimSpace(text) == "" {
				t.Errorf("%q of nothing", provider.Name)
			}
		}
		if got := jsonString([]byte(text), name); got != "" && !json.Valid([]byte(text)) {
			t.Errorf("%q of no JSON", got)
		}
	})
}

// FuzzPEM: what a Secret or a CA file holds breaks nothing, and an error shows
// nothing of it.
func FuzzPEM(f *testing.F) {
	f.Add(ourLeaf.pem(), ourLeaf.keyPEM())
	f.Add(ourLeaf.pem(), []byte(encryptedKey))
	f.Add([]byte(curve), []byte(curve))
	f.Add(block("CERTIFICATE", []byte("x")), block("EC PRIVATE KEY", []byte("x")))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"), []byte("\x30\x82"))
	f.Fuzz(func(t *testing.T, certificates, key []byte) {
		chain, err := parseCertificates(certificates)
		if len(chain) == 0 && err == nil {
			t.Error("neither a certificate nor an error")
		}
		for _, c := range chain {
			clean(t, plain(served(c)))
			clean(t, plain(names(c)))
		}
		private, err := parsePrivateKey(key)
		if (private == nil) != (err != nil) {
			t.Errorf("%v and %v", private, err)
		}
		if len(chain) > 0 && private != nil {
			_ = belongs(private, chain[0])
		}
		var s SecretFacts
		s.read(certificates, key)
		if s.Fits && (len(s.Chain) == 0 || s.KeyErr != nil) {
			t.Errorf("fits: %+v", s)
		}
	})
}

// TestForeignTexts: what servers and objects say reaches a terminal clean.
func TestForeignTexts(t *testing.T) {
	const evil = "\x1b]0;owned\a\u202e"
	f := healthy(
		says(frontPath, answer(403, "text/plain", "RBAC: access denied"+evil, "Server", "istio-envoy")),
		func(f *Facts) {
			f.Objects.Login.Proxy.Value = ProxySettings{Issuer: "http://x/" + evil, RedirectURL: "/cb" + evil}
			f.Objects.Mesh = ok(mesh(evil))
		},
		says("/dex/auth/local", answer(400, "text/html", "Unregistered redirect_uri"+evil)),
		each(isAny, func(r *Road) { r.Dex = "/dex/auth/local" }),
		serves(below(newCA("CA"+evil), func(c *x509.Certificate) { c.Subject.CommonName = "x" + evil }).chain()...),
	)
	got, outcomes := f.judged()
	for _, x := range slices.Concat(got.findings, got.alsoNoticed) {
		for _, text := range append([]string{x.Cause, x.Fix.Text}, x.Fix.Commands...) {
			clean(t, text)
		}
		for _, ev := range x.Evidence {
			clean(t, ev.Source+ev.Field+ev.Value)
		}
	}
	for _, o := range outcomes {
		clean(t, o.result.Detail)
	}
	for _, s := range f.Seen {
		clean(t, s.Text+s.Via)
	}
}

// TestPastedCommands: whoever can write a Gateway does not get a word into the
// shell of whoever pastes a fix.
func TestPastedCommands(t *testing.T) {
	const evil = `x'; touch owned; $(touch owned) "`
	evilSecret := types.NamespacedName{Namespace: "istio-system", Name: evil}
	for name, with := range map[string][]change{
		"a mode":          {https(ours(tlsField("credentialName", evil), tlsField("mode", "MUTUAL"))), each(isTLS, broken(Handshake{Err: errReset, WantsClient: true}))},
		"rights":          {https(ours(tlsField("credentialName", evil))), cut, func(f *Facts) { f.Objects.GatewayReadsSecrets = ok(false) }},
		"a port's name":   {https(serverNamed(evil)), cut},
		"a missing one":   {https(ours(tlsField("credentialName", evil))), cut, func(f *Facts) { f.Objects.Secrets[evilSecret] = absent[*SecretFacts]("x") }},
		"another's hosts": {https(ours(hosts("a'b.example.com"))), cut},
	} {
		read := func(f *Facts) { f.Objects.Secrets[evilSecret] = ok(readSecret(tlsSecret(ourLeaf))) }
		got, _ := healthy(append([]change{read}, with...)...).judged()
		for _, x := range slices.Concat(got.findings, got.alsoNoticed) {
			for _, command := range x.Fix.Commands {
				if outside := unquotedParts(command); strings.Contains(outside, "owned") || strings.Contains(outside, "'") {
					t.Errorf("%s: %s: %s", name, x.Code, command)
				}
			}
		}
	}
	for word, want := range map[string]string{"": "''", "a-b.c/d": "a-b.c/d", "a b": "'a b'", "it's": `'it'\''s'`, "$(x)": "'$(x)'", "é": "'é'"} {
		if got := quoted(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}

func serverNamed(name string) map[string]any {
	return testutil.HTTPS(name, 443, "kftls-gateway", "kubeflow.example.com")
}

// unquotedParts is what a shell sees outside of single quotes.
func unquotedParts(command string) string {
	var out strings.Builder
	for i, part := range strings.Split(strings.ReplaceAll(command, `\'`, ""), "'") {
		if i%2 == 0 {
			out.WriteString(part)
		}
	}
	return out.String()
}
