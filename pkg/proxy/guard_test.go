package proxy_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestGuard(t *testing.T) {
	asked := 0
	s := open(t, func(http.ResponseWriter, *http.Request) { asked++ }, nil)
	port := s.URL()[strings.LastIndexByte(s.URL(), ':'):]
	for name, tc := range map[string]struct {
		method, host string
		header       http.Header
		status       int
	}{
		"localhost":                  {host: "localhost" + port, status: 200},
		"in capitals":                {host: "LOCALHOST" + port, status: 200},
		"127.0.0.1":                  {host: "127.0.0.1" + port, status: 200},
		"::1":                        {host: "[::1]" + port, status: 200},
		"own page":                   {header: http.Header{"Origin": {s.URL()}, "Sec-Fetch-Site": {"same-origin"}}, status: 200},
		"own page, by address":       {header: http.Header{"Origin": {"http://127.0.0.1" + port}}, status: 200},
		"address typed in":           {header: http.Header{"Sec-Fetch-Site": {"none"}}, status: 200},
		"rebound name":               {host: "evil.test" + port, status: 421},
		"no port":                    {host: "localhost", status: 421},
		"another port":               {host: "localhost:1", status: 421},
		"a name within":              {host: "localhost.evil.test" + port, status: 421},
		"another loopback address":   {host: "127.0.0.2" + port, status: 421},
		"any address":                {host: "0.0.0.0" + port, status: 421},
		"used as a proxy":            {method: http.MethodConnect, status: 405},
		"an echo of the request":     {method: http.MethodTrace, status: 405},
		"another site":               {header: http.Header{"Origin": {"https://evil.test"}}, status: 403},
		"a sandboxed page":           {header: http.Header{"Origin": {"null"}}, status: 403},
		"a page of another port":     {header: http.Header{"Origin": {"http://localhost:1"}}, status: 403},
		"a page of another scheme":   {header: http.Header{"Origin": {"https://localhost" + port}}, status: 403},
		"two origins":                {header: http.Header{"Origin": {s.URL(), "https://evil.test"}}, status: 403},
		"a picture on another site":  {header: http.Header{"Sec-Fetch-Site": {"cross-site"}}, status: 403},
		"the name of Kubeflow's own": {host: s.Origin.Host, status: 421},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.method == "" {
				tc.method = http.MethodGet
			}
			before := asked
			answer := s.ask(t, tc.method, "/", tc.host, tc.header)
			if answer.StatusCode != tc.status {
				t.Fatalf("status %d, want %d: %s", answer.StatusCode, tc.status, answer.body)
			}
			if passed := asked > before; passed != (tc.status == 200) {
				t.Errorf("passed on: %t", passed)
			}
			if tc.status != 200 && !strings.HasPrefix(answer.body, "kftls: ") {
				t.Errorf("no clear text: %q", answer.body)
			}
		})
	}
}
