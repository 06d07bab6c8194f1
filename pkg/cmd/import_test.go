package cmd

import "testing"

// signedIn makes a session at the wall as a browser does.
func signedIn(wall *loginWall) string {
	wall.mu.Lock()
	defer wall.mu.Unlock()
	const value = "secretcookiebrowser|1795523632|sig=="
	wall.sessions[value] = annLogin
	return value
}

func TestImport(t *testing.T) {
	for name, pasted := range map[string]string{
		"value":  "%",
		"pair":   "oauth2_proxy_kubeflow=%\n",
		"header": "Cookie: other=1; oauth2_proxy_kubeflow=%\r\n",
		"curl":   "curl 'http://127.0.0.1/' \\\n  -H 'Accept: */*' \\\n  -b 'other=1; oauth2_proxy_kubeflow=%'",
	} {
		t.Run(name, func(t *testing.T) {
			wall, p := newLoginWall(t), newPerson(t)
			value := signedIn(wall)
			p.stdin = replacePercent(pasted, value)
			got := p.run(t, "cookie", "--import", "--url", wall.URL)
			got.expect(t, 0, "imported the session of ann@example.com at "+wall.URL)
			if got.out != "oauth2_proxy_kubeflow="+value {
				t.Errorf("got %q", got.out)
			}
			p.stdin = ""
			if again := p.run(t, "cookie", "--url", wall.URL); again.out != got.out {
				t.Errorf("it was not kept: %+v", again)
			}
			if wall.asked("POST") > 0 {
				t.Error("it logged in")
			}
		})
	}
}

func replacePercent(text, value string) string {
	for i := range text {
		if text[i] == '%' {
			return text[:i] + value + text[i+1:]
		}
	}
	return text
}

func TestImportOfNoSession(t *testing.T) {
	wall, p := newLoginWall(t), newPerson(t)
	for _, test := range []struct {
		stdin string
		code  int
		says  string
	}{
		{"", exitUsage, "nothing was pasted"},
		{"oauth2_proxy_kubeflow=secretcookieofanother|1|x", exitLogin, "hint: copy the cookie anew"},
		{"a=1; b=2", exitUsage, "none of the 2 cookies"},
	} {
		p.stdin = test.stdin
		p.run(t, "cookie", "--import", "--url", wall.URL).expect(t, test.code, test.says)
	}
	p.keepsNo(t, "secretcookie")
}

func TestPasteGoesOn(t *testing.T) {
	for text, want := range map[string]bool{
		"":                               false,
		"value|123|sig=":                 false,
		"name=value; other=value":        false,
		"Cookie: a=b":                    false,
		"curl 'https://x' \\":            true,
		"curl 'https://x' \\\n  -H 'a'":  false,
		"curl ^\"https://x^\" ^":         true,
		"# Netscape HTTP Cookie File":    true,
		"localhost\tFALSE\t/\tFALSE\t1":  true,
		"# Netscape HTTP Cookie File\n":  false,
		"GET / HTTP/1.1":                 true,
		"GET / HTTP/1.1\nHost: x":        true,
		"Host: x\ncookie: a=b":           false,
		"Host: x\n":                      false,
		"$session = New-Object x":        true,
		"$session = New-Object x\n-H @{": true,
	} {
		if got := pasteGoesOn(text); got != want {
			t.Errorf("%q: got %v", text, got)
		}
	}
}
