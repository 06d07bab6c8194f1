package pasted

import "testing"

func TestURL(t *testing.T) {
	for text, want := range map[string]string{
		"curl -v https://localhost:8443/pipeline/?a=b":                                       "https://localhost:8443/pipeline/",
		"curl -sk 'https://localhost:8443/a#b'":                                              "https://localhost:8443/a",
		"curl -k localhost:8080/pipeline":                                                    "http://localhost:8080/pipeline",
		"curl -u localhost:8080 https://127.0.0.1:8443":                                      "https://127.0.0.1:8443/",
		"curl -x http://proxy.example.com:3128 https://localhost:8443/x":                     "https://localhost:8443/x",
		"curl --cacert ca.crt \\\n  https://[::1]:8443/":                                     "https://[::1]:8443/",
		"curl https://user:word@localhost:8443/":                                             "https://localhost:8443/",
		"curl: (35) OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to localhost:8443 ": "https://localhost:8443/",
		"curl: (7) Failed to connect to localhost port 8443 after 0 ms: Couldn't connect":    "https://localhost:8443/",
		"curl: (7) Failed to connect to localhost port 8080 after 0 ms: Couldn't connect":    "http://localhost:8080/",
		pool + "SSLError())": "https://localhost:8443/pipeline/apis/v2beta1/healthz",
		"HTTPConnectionPool(host='::1', port=8080): Max retries exceeded with url: /?a=b (Caused":                                                  "http://[::1]:8080/",
		`Get "https://localhost:8443/pipeline/?a=b": EOF`:                                                                                          "https://localhost:8443/pipeline/",
		`Post "https://localhost:8443/dex/auth/local/login?state=x": EOF`:                                                                          "https://localhost:8443/dex/auth/local/login",
		"403 Client Error: Forbidden for url: https://localhost:8443/pipeline/":                                                                    "https://localhost:8443/pipeline/",
		"fatal: unable to access 'https://localhost:8443/x/': failed":                                                                              "https://localhost:8443/x/",
		"--2026-11-26 13:15:20--  https://localhost:8443/a":                                                                                        "https://localhost:8443/a",
		"* SSL connection using TLSv1.3\n> GET /pipeline/apis HTTP/1.1\n> Host: localhost:9999":                                                    "https://localhost:9999/pipeline/apis",
		"> GET / HTTP/1.1\n> Host: localhost:8080\n< HTTP/1.1 302 Found\n> GET /dex/auth?state=x HTTP/1.1\n> Host: localhost:8080\n< HTTP/1.1 404": "http://localhost:8080/dex/auth",
		"* Connected to localhost (127.0.0.1) port 8443 (#0)":                                                                                      "https://localhost:8443/",
		"curl https://localhost:8443/pipeline/apis/v2beta1/runs/0a1b2c3d-0000-4000-8000-0123456789ab":                                              "https://localhost:8443/pipeline/apis/v2beta1/runs/0a1b2c3d-0000-4000-8000-0123456789ab",
		// What cannot be told apart for sure gives no address, or half of the path.
		"curl https://user:12/34@localhost:8443/":                                   "",
		"curl https://user:12?34@localhost:8443/":                                   "",
		"curl https://localhost:8443/x/eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln/y": "https://localhost:8443/x/",
		"curl 'https://localhost:8443":                                              "",
		"spec:\n  host: kubeflow.example.com":                                       "",
		"nothing":                                                                   "",
		"Host: a b":                                                                 "",
		"curl ftp://localhost/":                                                     "",
	} {
		got := ""
		if u := Read([]byte(text)).URL; u != nil {
			got = u.String()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
