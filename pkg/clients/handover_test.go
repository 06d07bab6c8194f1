package clients

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

// Values as oauth2-proxy makes them have | and = in them.
const (
	plainValue = "djIuX29hdXRoMg==|1795437600|c2lnbmF0dXJl_-o="
	partZero   = "djIuX29hdXRoMl9wYXJ0X3plcm8"
	partOne    = "cGFydF9vbmU=|1795437600|c2ln="
)

var testNow = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// plain is a session in one cookie.
func plain() *session.Session {
	return &session.Session{
		Origin:  "https://localhost",
		User:    "user@example.com",
		Cookies: []session.Cookie{{Name: "oauth2_proxy_kubeflow", Value: plainValue}},
	}
}

// split is a session in two cookies.
func split() *session.Session {
	s := plain()
	s.Cookies = []session.Cookie{
		{Name: "oauth2_proxy_kubeflow_0", Value: partZero},
		{Name: "oauth2_proxy_kubeflow_1", Value: partOne},
	}
	return s
}

func handing(s *session.Session) Handover {
	return Handover{URL: "https://localhost:8443", Session: s, Secured: s != nil, Program: "kubectl kftls", Now: testNow}
}

func mustForm(t testing.TB, name string, h Handover, shell string) string {
	t.Helper()
	out, err := Form(name, h, shell)
	if err != nil {
		t.Fatalf("form %q: %v", name, err)
	}
	return string(out)
}

func TestTextForms(t *testing.T) {
	withCA := handing(split())
	withCA.CAFile = `/home/o"neil\x/ca.crt`
	kfp := handing(plain())
	kfp.Namespace = "kubeflow-user-example-com"
	for name, tt := range map[string]struct {
		form string
		in   Handover
		want string
	}{
		"value":          {"", handing(plain()), "oauth2_proxy_kubeflow=" + plainValue},
		"value, parts":   {"", handing(split()), "oauth2_proxy_kubeflow_0=" + partZero + "; oauth2_proxy_kubeflow_1=" + partOne},
		"header":         {"header", handing(plain()), "Cookie: oauth2_proxy_kubeflow=" + plainValue + "\n"},
		"no login":       {"", handing(nil), ""},
		"header of none": {"header", handing(nil), ""},
		"curl": {"curl", withCA, "# curl -K FILE https://localhost:8443/ (the cookie goes to every URL on that line)\n" +
			`header = "Cookie: oauth2_proxy_kubeflow_0=` + partZero + `; oauth2_proxy_kubeflow_1=` + partOne + `"` + "\n" +
			`cacert = "/home/o\"neil\\x/ca.crt"` + "\n"},
		"kfp":               {"kfp", kfp, "{\n  \"namespace\": \"kubeflow-user-example-com\",\n  \"client_authentication_cookie\": \"oauth2_proxy_kubeflow=" + plainValue + "\"\n}\n"},
		"kfp without login": {"kfp", handing(nil), "{\n  \"namespace\": \"\"\n}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := mustForm(t, tt.form, tt.in, ""); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestEveryFormEndsWithANewline(t *testing.T) {
	for _, form := range Forms() {
		for _, shell := range Shells() {
			if got := mustForm(t, form, handing(plain()), shell); !strings.HasSuffix(got, "\n") || strings.HasSuffix(got, "\n\n") {
				t.Errorf("%s for %s ends with %q", form, shell, got[len(got)-2:])
			}
		}
	}
}

func TestJSON(t *testing.T) {
	at := testNow.Add(time.Hour + 300*time.Millisecond).In(time.FixedZone("", 3600))
	full := plain()
	full.Expires = &at
	full.RedirectURL = "https://localhost/?a=b&c=d"
	full.DexLoginURL = "https://localhost/dex/auth/local/login"
	loggedIn := handing(full)
	loggedIn.LoggedIn = true
	cookie := "oauth2_proxy_kubeflow=" + plainValue
	unknown := plain()
	unknown.User = ""
	for name, tt := range map[string]struct {
		in   Handover
		want map[string]any
	}{
		"this run logged in": {loggedIn, map[string]any{
			"endpoint_url": "https://localhost:8443", "redirect_url": "https://localhost/?a=b&c=d",
			"dex_login_url": "https://localhost/dex/auth/local/login", "is_secured": true, "session_cookie": cookie,
			"user": "user@example.com", "expiry": "2026-11-24T13:00:00Z",
		}},
		"stored": {handing(full), map[string]any{
			"endpoint_url": "https://localhost:8443", "redirect_url": nil, "dex_login_url": nil, "is_secured": true,
			"session_cookie": cookie, "user": "user@example.com", "expiry": "2026-11-24T13:00:00Z",
		}},
		"imported, nothing known": {handing(unknown), map[string]any{
			"endpoint_url": "https://localhost:8443", "redirect_url": nil, "dex_login_url": nil, "is_secured": true,
			"session_cookie": cookie, "user": nil, "expiry": nil,
		}},
		"no login": {handing(nil), map[string]any{
			"endpoint_url": "https://localhost:8443", "redirect_url": nil, "dex_login_url": nil, "is_secured": false,
			"session_cookie": nil, "user": nil, "expiry": nil,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			text := mustForm(t, "json", tt.in, "")
			got := map[string]any{}
			if err := json.Unmarshal([]byte(text), &got); err != nil {
				t.Fatal(err)
			}
			tt.want["apiVersion"], tt.want["kind"] = "kftls.github.io/v1alpha1", "SessionCookie"
			for key, want := range tt.want {
				if value, there := got[key]; !there || value != want {
					t.Errorf("%s is %v (there: %t), want %v", key, value, there, want)
				}
			}
			if len(got) != len(tt.want) {
				t.Errorf("keys %v", got)
			}
		})
	}
}

func TestJSONKeepsItsOrder(t *testing.T) {
	text := mustForm(t, "json", handing(plain()), "")
	at := -1
	for _, key := range []string{"apiVersion", "kind", "endpoint_url", "redirect_url", "dex_login_url", "is_secured", "session_cookie", "user", "expiry"} {
		next := strings.Index(text, `"`+key+`"`)
		if next < at {
			t.Errorf("%s stands too early in\n%s", key, text)
		}
		at = next
	}
}

func TestNetscape(t *testing.T) {
	at := testNow.Add(time.Hour)
	known := plain()
	known.Expires = &at
	known.Cookies[0].Secure = true
	line := func(domain, secure, expires string) string {
		return domain + "\tFALSE\t/\t" + secure + "\t" + expires + "\toauth2_proxy_kubeflow\t" + plainValue + "\n"
	}
	const first, hour, day = "# Netscape HTTP Cookie File\n", "1795525200", "1795608000"
	for name, tt := range map[string]struct {
		url  string
		s    *session.Session
		want string
	}{
		"this computer, TLS":   {"https://localhost:8443", known, first + line("localhost", "TRUE", hour) + line("localhost.local", "TRUE", hour) + line("127.0.0.1", "TRUE", hour)},
		"this computer, plain": {"http://127.0.0.1:8080", known, first + line("localhost", "FALSE", hour) + line("localhost.local", "FALSE", hour) + line("127.0.0.1", "FALSE", hour)},
		"end not known":        {"https://Kubeflow.example.com/", plain(), first + line("kubeflow.example.com", "TRUE", day)},
		"a name without a dot": {"https://kubeflow", plain(), first + line("kubeflow", "TRUE", day) + line("kubeflow.local", "TRUE", day)},
		"no login":             {"https://localhost", nil, first},
	} {
		t.Run(name, func(t *testing.T) {
			h := handing(tt.s)
			h.URL = tt.url
			if got := mustForm(t, "netscape", h, ""); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestFormRefuses(t *testing.T) {
	withValue := func(name, value string) Handover {
		s := plain()
		s.Cookies = []session.Cookie{{Name: name, Value: value}}
		return handing(s)
	}
	at := func(url string) Handover {
		h := handing(plain())
		h.URL = url
		return h
	}
	lines := handing(plain())
	lines.CAFile = "/tmp/a\nurl = https://evil.example.com"
	for name, tt := range map[string]struct {
		form, shell string
		in          Handover
		reason      fault.Reason
	}{
		"unknown form":           {"yaml", "", handing(plain()), fault.Usage},
		"unknown shell":          {"env", "csh", handing(plain()), fault.Usage},
		"no URL":                 {"json", "", at(""), fault.Usage},
		"no scheme":              {"json", "", at("localhost:8443"), fault.Usage},
		"a domain":               {"netscape", "", at("https://.example.com"), fault.Usage},
		"beyond ASCII":           {"netscape", "", at("https://küche.example"), fault.Usage},
		"another scheme":         {"json", "", at("ftp://localhost"), fault.Usage},
		"a line in a value":      {"header", "", withValue("a", "SECRET\r\nX-Admin: 1"), fault.LoginFailed},
		"another cookie in it":   {"", "", withValue("a", "SECRET; b=c"), fault.LoginFailed},
		"a tab in a value":       {"netscape", "", withValue("a", "SECRET\tx"), fault.LoginFailed},
		"a name with =":          {"", "", withValue("a=b", "SECRET"), fault.LoginFailed},
		"no name":                {"", "", withValue("", "SECRET"), fault.LoginFailed},
		"lines in a path, curl":  {"curl", "", lines, fault.Usage},
		"lines in a path, shell": {"env", "posix", lines, fault.Usage},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := Form(tt.form, tt.in, tt.shell)
			if fault.ReasonOf(err) != tt.reason || out != nil {
				t.Fatalf("%q, %v; want the reason %s", out, err, tt.reason)
			}
			if strings.Contains(err.Error()+fault.HintOf(err), "SECRET") {
				t.Errorf("the value is in the error: %v", err)
			}
		})
	}
}
