package session

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"
)

// seedPages gives a fuzz target the pages of the real programs.
func seedPages(f *testing.F) {
	f.Helper()
	files, err := recorded.ReadDir("testdata")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		if !file.IsDir() {
			f.Add([]byte(recordedPage(file.Name(), "@ACTION@", "/dex/auth/local/login?back=&amp;state=s", "@PROMPT@", "Username")))
		}
	}
}

// FuzzForm: whatever a page holds, the password is sent nowhere that was not
// allowed, and nothing that a terminal acts on gets into messages.
func FuzzForm(f *testing.F) {
	seedPages(f)
	f.Add([]byte(`<form method=post action="//evil.example.com"><input type=password name=p></form>`))
	f.Add([]byte(strings.Repeat("<div>", 600)))
	f.Fuzz(func(t *testing.T, body []byte) {
		c := &Client{Door: Door{Origin: &url.URL{Scheme: "https", Host: "kf.example.com"}}}
		w := c.newWalk(&Credentials{"login", "password"})
		a := &answer{
			call:   call{stage: stageForm, method: "GET", url: c.path("/dex/auth/local/login")},
			status: 200, header: http.Header{"Content-Type": {"text/html"}}, body: body, page: new(page),
		}
		c.read(a)
		requirePrintable(t, a.words())
		if a.kind != kindForm {
			return
		}
		next, err := w.fill(a)
		if err != nil {
			requirePrintable(t, err.Error())
			return
		}
		if next.url.Scheme != "https" || next.url.Hostname() != "kf.example.com" {
			t.Errorf("the password goes to %s", next.url)
		}
		requirePrintable(t, w.form.prompt())
	})
}

func FuzzConnectorPage(f *testing.F) {
	seedPages(f)
	f.Add([]byte(`<a href="/dex/auth/%zz?client_id=a">x</a><a href="//evil.example.com/dex/auth/local?client_id=a">x</a>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		c := &Client{Door: Door{Origin: &url.URL{Scheme: "https", Host: "kf.example.com"}}}
		a := &answer{call: call{stage: stageAuth, method: "GET", url: c.path("/dex/auth")}, status: 200, body: body, page: parsePage(body)}
		offered, links := a.page.connectors(a.call.url)
		if len(offered) != len(links) {
			t.Fatalf("%d connectors, %d links", len(offered), len(links))
		}
		if len(offered) == 0 {
			return
		}
		requirePrintable(t, list(offered))
		next, err := c.newWalk(nil).choose(a)
		if err == nil && !c.isHome(next.url) && !c.takesPassword(next.url) {
			t.Errorf("goes to %s", next.url)
		}
	})
}

func FuzzLocation(f *testing.F) {
	for _, location := range []string{
		"/dex/auth?client_id=kubeflow-oidc-authservice&redirect_uri=%2Foauth2%2Fcallback&response_type=code&scope=profile+email&state=s%3A%2F",
		"/dex/auth/local?req=abc", "/dex/auth/local/login?back=&state=abc", "/dex/auth/corp%2Fldap?client_id=a",
		"/dex/approval?req=a&hmac=b", "/oauth2/callback?code=c&state=s", "/login/oidc?error=x&state=s",
		"https://github.com/login/oauth/authorize?client_id=a", "//evil.example.com/dex/auth/local/login?state=a",
		"http://[::1", "https:///x", "javascript:alert(1)", "http://kf.example.com/", "https://kf.example.com@evil.example.com/",
	} {
		f.Add(location, true)
		f.Add(location, false)
	}
	f.Fuzz(func(t *testing.T, location string, tunnel bool) {
		c := &Client{Door: Door{Origin: &url.URL{Scheme: "https", Host: "kf.example.com"}, Tunnel: tunnel}}
		w := c.newWalk(&Credentials{"login", "password"})
		w.connector = "local"
		a := &answer{
			call:   call{stage: stageConnector, method: "GET", url: c.path("/dex/auth/local")},
			status: 302, header: http.Header{"Location": {location}}, page: new(page),
		}
		c.read(a)
		requirePrintable(t, a.step().Recognised)
		if a.location == nil {
			return
		}
		next, err := w.follow(a)
		switch {
		case err != nil:
			requirePrintable(t, err.Error())
		case next.url.Scheme != "https" || next.url.Hostname() != "kf.example.com":
			t.Errorf("%q leads to %s", location, next.url)
		case next.form != nil && !c.isHome(next.url):
			t.Errorf("%q gets the password unseen", next.url)
		}
	})
}

func FuzzSetCookie(f *testing.F) {
	for _, set := range []string{
		"oauth2_proxy_kubeflow_csrf=djIu|1764000000|sig; Path=/; Expires=Tue, 24 Nov 2026 12:15:00 GMT; HttpOnly",
		"oauth2_proxy_kubeflow=a|b|c==; Path=/; Max-Age=86400; HttpOnly; Secure", "oauth2_proxy_kubeflow=; Path=/; Max-Age=0",
		"authservice_session=x; Path=/; Expires=Wed, 25 Nov 2026 12:00:00 GMT; Max-Age=86400; SameSite=Lax",
		"oidc_state_csrf=x; Max-Age=1200000000000", "=; ;", "a=\"b\"; Max-Age=-9223372036854775808",
	} {
		f.Add(set, "Tue, 24 Nov 2026 12:00:00 GMT")
	}
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, set, date string) {
		header := http.Header{"Set-Cookie": {set}, "Date": {date}}
		j := newJar([]Cookie{{Name: "oauth2_proxy_kubeflow", Value: "old"}})
		j.keep(header, now)
		clears(header, now)
		for _, cookie := range j.cookies {
			if cookie.Value == "" || strings.ContainsAny(cookie.Name+cookie.Value, "\r\n;") {
				t.Errorf("kept %+v", cookie)
			}
		}
		if end := j.end(sessionCookies(j.cookies)); end != nil && end.Sub(now) > longest {
			t.Errorf("ends %v", end)
		}
	})
}

func FuzzIDToken(f *testing.F) {
	f.Add(fakeToken(time.Now()))
	f.Add("a.e30.c")
	f.Fuzz(func(t *testing.T, raw string) {
		c := &Client{Door: Door{Origin: &url.URL{Scheme: "https", Host: "kf.example.com"}}}
		if token, err := c.parseIDToken(raw, 0); err == nil {
			requirePrintable(t, token.User+token.Issuer)
		}
	})
}

func requirePrintable(t *testing.T, s string) {
	t.Helper()
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("%q is not for terminals", s)
	}
}
