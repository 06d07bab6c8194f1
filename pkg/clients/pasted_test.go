package clients

import (
	"reflect"
	"strings"
	"testing"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

// authValue has the form of the AuthService's: base64 of time, key and MAC.
const authValue = "MTc5NTQzNzYwMHxOd3dBTkZSTFZFOVNWVVpFVGxWVlZ8a2V5LW1hYw=="

const jar = "# Netscape HTTP Cookie File\n" +
	"# https://curl.se/docs/http-cookies.html\n\n" +
	"localhost\tFALSE\t/\tTRUE\t0\tXSRF-TOKEN\tabc\r\n" +
	"#HttpOnly_localhost\tFALSE\t/\tTRUE\t1795608000\toauth2_proxy_kubeflow\t" + plainValue + "\r\n" +
	".example.com\tTRUE\t/\tTRUE\t1795608000\tauthservice_session\t" + authValue + "\n"

func TestParsePasted(t *testing.T) {
	one := []session.Cookie{{Name: "oauth2_proxy_kubeflow", Value: plainValue}}
	secure := []session.Cookie{{Name: "oauth2_proxy_kubeflow", Value: plainValue, Secure: true}}
	parts := split().Cookies
	auth := []session.Cookie{{Name: "authservice_session", Value: authValue}}
	for name, tt := range map[string]struct {
		text, host string
		want       []session.Cookie
	}{
		"value":                 {plainValue, "localhost", one},
		"value in quotes":       {" '" + plainValue + "'\r\n", "localhost", one},
		"AuthService's value":   {authValue + "\n", "localhost", auth},
		"pair":                  {plainHeader, "localhost", one},
		"AuthService's pair":    {"authservice_session=" + authValue, "", auth},
		"own name":              {"my_session=" + plainValue, "", []session.Cookie{{Name: "my_session", Value: plainValue}}},
		"header":                {"Cookie: " + plainHeader, "localhost", one},
		"header among others":   {"cookie: _ga=GA1.1; " + splitHeader + "; XSRF-TOKEN=x", "localhost", parts},
		"no name of the header": {"_ga=GA1.1; " + splitHeader + ";oauth2_proxy_kubeflow_csrf=x", "localhost", parts},
		"all headers":           {"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: a=b\r\nCookie: " + splitHeader + "\r\n\r\n", "localhost", parts},
		"crumbs of HTTP/2":      {"cookie: a=b\ncookie: oauth2_proxy_kubeflow_0=" + partZero + "\ncookie: oauth2_proxy_kubeflow_1=" + partOne, "", parts},
		"a table of headers":    {"Cookie\n" + splitHeader, "localhost", parts},
		"a line each":           {"oauth2_proxy_kubeflow_0=" + partZero + "\noauth2_proxy_kubeflow_1=" + partOne + "\n", "", parts},
		"the same name twice":   {plainHeader + "; oauth2_proxy_kubeflow=older", "", one},
		"byte order mark":       {"\ufeff" + plainHeader, "", one},
		"file":                  {jar, "localhost", secure},
		"file, another name":    {jar, "127.0.0.1", secure},
		"file, bracketed":       {jar, "[::1]", secure},
		"file, host below":      {jar, "Kubeflow.example.com", []session.Cookie{{Name: "authservice_session", Value: authValue, Secure: true}}},
		"file without comment":  {"localhost\tFALSE\t/\tFALSE\t0\toauth2_proxy_kubeflow\t" + plainValue, "localhost", one},
		"file, own host first": {
			"localhost.local\tFALSE\t/\tFALSE\t0\toauth2_proxy_kubeflow\tother\nlocalhost\tFALSE\t/\tFALSE\t0\toauth2_proxy_kubeflow\t" + plainValue,
			"localhost", one,
		},
	} {
		t.Run(name, func(t *testing.T) {
			wantParsed(t, tt.text, tt.host, tt.want)
		})
	}
}

func wantParsed(t testing.TB, text, host string, want []session.Cookie) {
	t.Helper()
	got, err := ParsePasted([]byte(text), host)
	if err != nil {
		t.Fatalf("%v (%s)", err, fault.HintOf(err))
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestParseCopiedRequests: commands in the quoting of the browsers, as their
// source writes it (devtools-frontend's NetworkLogView.ts of several years,
// Firefox' Curl.sys.mjs); no browser was run.
func TestParseCopiedRequests(t *testing.T) {
	bang := []session.Cookie{{Name: "oauth2_proxy_kubeflow", Value: "a!b|1795437600|c'="}}
	caretValue := strings.NewReplacer("|", "^|", "=", "=").Replace(plainValue)
	for name, tt := range map[string]struct {
		text string
		want []session.Cookie
	}{
		"Chrome, POSIX": {"curl 'https://localhost:8443/' \\\n  -H 'accept: text/html' \\\n  -b '_ga=1; " + splitHeader + "' \\\n  --compressed", split().Cookies},
		"Firefox, POSIX": {
			"curl 'https://localhost:8443/?a=b' --compressed -H 'User-Agent: Mozilla/5.0 (X11)' -H 'Cookie: " + splitHeader + "'",
			split().Cookies,
		},
		"Safari":                           {"curl 'https://localhost:8443/' \\\n-X 'GET' \\\n-H 'Cookie: " + plainHeader + "'", plain().Cookies},
		"Chrome, POSIX, characters for $'": {`curl 'https://localhost:8443/' -b $'oauth2_proxy_kubeflow=a\u0021b|1795437600|c\'='`, bang},
		"Chrome, cmd": {"curl ^\"https://localhost:8443/?a=b^&c=d^\" ^\r\n  -H ^\"accept: text/html^\" ^\r\n  -b ^\"_ga=^%^20; oauth2_proxy_kubeflow=" +
			caretValue + "^\" ^\r\n  -H ^\"sec-ch-ua: ^\\^\"Chromium^\\^\";v=^\\^\"150^\\^\"^\"", plain().Cookies},
		"Chrome of 2020, cmd":      {"curl \"https://localhost:8443/\" ^\n  -H \"Cookie: oauth2_proxy_kubeflow=" + caretValue + "\" ^\n  --compressed", plain().Cookies},
		"Firefox before 2020, cmd": {`curl "https://localhost:8443/" -H "Accept: ""*/*""" -H "Cookie: ` + plainHeader + `"`, plain().Cookies},
		"all requests": {
			"curl 'https://www.example.com/' -b 'oauth2_proxy_kubeflow=other' ;\ncurl 'https://localhost:8443/' -b '" + plainHeader + "'",
			plain().Cookies,
		},
		"PowerShell": {"$session = New-Object Microsoft.PowerShell.Commands.WebRequestSession\n$session.UserAgent = \"Mozilla\"\n" +
			`$session.Cookies.Add((New-Object System.Net.Cookie("_ga", "GA1.1", "/", ".example.com")))` + "\n" +
			"$session.Cookies.Add((New-Object System.Net.Cookie(\"oauth2_proxy_kubeflow\", \"a!b|1795437600|c'=\", \"/\", \"localhost\")))\n" +
			`Invoke-WebRequest -UseBasicParsing -Uri "https://localhost:8443/"`, bang},
	} {
		t.Run(name, func(t *testing.T) {
			wantParsed(t, tt.text, "localhost", tt.want)
		})
	}
}

func TestParsePastedRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		text, says string
	}{
		"nothing":                {" \n", "nothing was pasted"},
		"too much":               {strings.Repeat("a", pastedLimit+1), "that is no cookie"},
		"a sentence":             {"the SECRET cookie", "neither name=value nor"},
		"a name alone":           {"oauth2_proxy_kubeflow", "neither name=value nor"},
		"no value":               {"authservice_session=", "no value"},
		"a token":                {"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJTRUNSRVQifQ.SECRET", "bearer token"},
		"a part's value":         {strings.Repeat("SECRET01", 500), "neither name=value nor"},
		"others' cookies":        {"Cookie: SECRETname=SECRET; b=SECRET", "none of the 2 cookies"},
		"a part missing":         {"oauth2_proxy_kubeflow_1=SECRET", "oauth2_proxy_kubeflow_0 of the cookie is missing"},
		"a wrapped value":        {"oauth2_proxy_kubeflow=SECRET\nSECRET|1795437600|SECRET=", "2 lines"},
		"a space in it":          {"oauth2_proxy_kubeflow=SECRET SECRET", "no cookie has"},
		"a control in it":        {"oauth2_proxy_kubeflow=SECRET\x1b[31m", "no cookie has"},
		"half a command":         {"curl 'https://localhost' -b 'oauth2_proxy_kubeflow=SECRET", "within quotes"},
		"no cookie in it":        {"curl 'https://localhost' -H 'accept: */*'", "no cookie in the pasted"},
		"an empty file":          {"# Netscape HTTP Cookie File\n", "no cookie in the pasted"},
		"another host, file":     {"kubeflow.example.com\tFALSE\t/\tTRUE\t0\toauth2_proxy_kubeflow\tSECRET", `belong to ["kubeflow.example.com"], not to localhost`},
		"another host, curl":     {"curl 'https://kubeflow.example.com/' -b 'oauth2_proxy_kubeflow=SECRET'", "belong to"},
		"a host that ends alike": {"kubeflow.example.com.evil.org\tTRUE\t/\tTRUE\t0\toauth2_proxy_kubeflow\tSECRET", "belong to"},
		"controls as a domain":   {"\x1b[31mx\tFALSE\t/\tTRUE\t0\toauth2_proxy_kubeflow\tSECRET", `belong to ["\x1b[31mx"]`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParsePasted([]byte(tt.text), "localhost")
			if fault.ReasonOf(err) != fault.Usage || got != nil || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("%v, %v; want %q", got, err, tt.says)
			}
			if fault.HintOf(err) == "" || strings.Contains(err.Error()+fault.HintOf(err), "SECRET") {
				t.Errorf("%v (%s)", err, fault.HintOf(err))
			}
		})
	}
}

// TestFormsAreReadBack: what is written is what is read, in all forms that hold
// cookies by name.
func TestFormsAreReadBack(t *testing.T) {
	for _, s := range []*session.Session{plain(), split(), {Cookies: []session.Cookie{{Name: "authservice_session", Value: authValue}}}} {
		h := handing(s)
		h.URL = "http://localhost:8080"
		for _, form := range []string{"", "header", "netscape"} {
			wantParsed(t, mustForm(t, form, h, ""), "localhost", s.Cookies)
		}
	}
}
