//go:build integration && linux

package integration

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
)

// browser is somebody with a browser's cookies in front of the first gateway. It follows no redirects by itself.
type browser struct {
	*bed
	base   *url.URL
	client http.Client
	header []string
}

// browser opens a new browser; header are names and values that go with each request.
func (b *bed) browser(header ...string) *browser {
	b.t.Helper()
	base, err := url.Parse(b.status().Gateways[0])
	if err != nil {
		b.t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return &browser{bed: b, base: base, header: header, client: http.Client{
		Jar: jar, Timeout: answerLimit, Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answer is a response whose body was read.
type answer struct {
	*http.Response
	text string
}

func (v *browser) get(path string) answer { return v.ask(http.MethodGet, path, nil) }

func (v *browser) post(path string, form url.Values) answer {
	return v.ask(http.MethodPost, path, form)
}

func (v *browser) ask(method, path string, form url.Values) answer {
	v.t.Helper()
	target, err := v.base.Parse(path)
	if err != nil {
		v.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(v.t.Context(), method, target.String(), strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(v.header); i += 2 {
		request.Header.Set(v.header[i], v.header[i+1])
	}
	response, err := v.client.Do(request)
	if err != nil {
		v.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer{response, string(body)}
}

// logIn goes from a redirect to Dex to its form, fills it in, and returns the answer to that.
func (v *browser) logIn(wall answer) answer {
	v.t.Helper()
	for wall.StatusCode == http.StatusFound {
		form := location(v.t, wall).RequestURI()
		if wall = v.get(form); wall.StatusCode == http.StatusOK {
			return v.post(form, account)
		}
	}
	v.t.Fatalf("no form: %s", wall.Status)
	return answer{}
}

// location is where an answer leads to.
func location(t *testing.T, a answer) *url.URL {
	t.Helper()
	to, err := a.Location()
	if err != nil {
		t.Fatalf("%s %s: %s leads nowhere", a.Request.Method, a.Request.URL.Path, a.Status)
	}
	return to
}

// leadsTo checks the status and the begin of the Location as it was sent.
func (v *browser) leadsTo(a answer, status int, to string) {
	v.t.Helper()
	if got := a.Header.Get("Location"); a.StatusCode != status || !strings.HasPrefix(got, to) {
		v.t.Errorf("%s %s: %s to %.60q, want %d to %s", a.Request.Method, a.Request.URL.Path, a.Status, got, status, to)
	}
}

// has checks whether there is a cookie, and returns its value.
func (v *browser) has(name string, wanted bool) string {
	v.t.Helper()
	for _, c := range v.client.Jar.Cookies(v.base) {
		if c.Name == name {
			if !wanted {
				v.t.Errorf("there is a cookie %s", name)
			}
			return c.Value
		}
	}
	if wanted {
		v.t.Errorf("there is no cookie %s", name)
	}
	return ""
}

// sees checks that the browser is let in, as whom.
func (v *browser) sees(user string) {
	v.t.Helper()
	if page := v.get("/"); page.StatusCode != http.StatusOK || !strings.Contains(page.text, `id="user">`+user+`<`) {
		v.t.Errorf("not let in as %s: %s\n%s", user, page.Status, page.text)
	}
	if page := v.get(health); page.StatusCode != http.StatusOK || !strings.Contains(page.text, `"multi_user":true`) {
		v.t.Errorf("the pipelines' health as %s: %s\n%s", user, page.Status, page.text)
	}
}
