package endpoint

import (
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

func TestParseURL(t *testing.T) {
	tests := []struct {
		address   string
		allowHTTP bool
		want      string
		says      string
	}{
		{address: "https://kubeflow.example.com", want: "https://kubeflow.example.com"},
		{address: "https://Kubeflow.Example.com/_/pipeline/?ns=a#/runs", want: "https://kubeflow.example.com"},
		{address: "https://kubeflow.example.com:443/", want: "https://kubeflow.example.com"},
		{address: "https://kubeflow.example.com:8443", want: "https://kubeflow.example.com:8443"},
		{address: "http://localhost:8080", want: "http://localhost:8080"},
		{address: "http://127.0.71.11:8080/", want: "http://127.0.71.11:8080"},
		{address: "http://[::1]:8080", want: "http://[::1]:8080"},
		{address: "http://kubeflow.localhost", want: "http://kubeflow.localhost"},
		{address: "http://kubeflow.example.com", says: "in the clear"},
		{address: "http://kubeflow.example.com:80", allowHTTP: true, want: "http://kubeflow.example.com"},
		{address: "http://localhost.example.com", says: "in the clear"},
		{address: "kubeflow.example.com", says: "begins with neither"},
		{address: "ftp://kubeflow.example.com", says: "begins with neither"},
		{address: "https://", says: "names no host"},
		{address: "https://me:secret@kubeflow.example.com", says: "may not hold a user name"},
		{address: "https://me:secret@kubeflow.example.com:x", says: "not a URL"},
	}
	for _, test := range tests {
		t.Run(test.address, func(t *testing.T) {
			origin, err := ParseURL(test.address, test.allowHTTP)
			if test.says != "" {
				if fault.ReasonOf(err) != fault.Usage || !strings.Contains(err.Error(), test.says) {
					t.Fatalf("got %v, %v, want a usage error that says %q", origin, err, test.says)
				}
				if strings.Contains(err.Error(), "secret") {
					t.Errorf("the error shows the password: %v", err)
				}
				return
			}
			if err != nil || origin.String() != test.want {
				t.Errorf("got %v, %v, want %s", origin, err, test.want)
			}
		})
	}
}

// TestDirectVerifies reaches a server of an unknown CA with and without its
// certificate.
func TestDirectVerifies(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "ca.crt")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		trust Trust
		isOK  bool
	}{
		{"nothing said", Trust{}, false},
		{"its CA", Trust{CAFile: file}, true},
		{"nothing verified", Trust{Insecure: true}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			origin, err := ParseURL(server.URL, false)
			if err != nil {
				t.Fatal(err)
			}
			way, err := Direct(origin, test.trust)
			if err != nil {
				t.Fatal(err)
			}
			defer way.Close()
			if body, err := get(t, way, "/"); (err == nil) != test.isOK || test.isOK && body != "hello" {
				t.Errorf("got %q, %v", body, err)
			}
			if way.TLSConfig().ServerName != "127.0.0.1" {
				t.Errorf("the server name is %q", way.TLSConfig().ServerName)
			}
		})
	}
}

func TestCAFileIsChecked(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.crt")
	if err := os.WriteFile(empty, []byte("nothing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, says := range map[string]string{empty: "no certificate", empty + ".not": "no such file"} {
		_, err := Direct(&url.URL{Scheme: "https", Host: "localhost"}, Trust{CAFile: file})
		if fault.ReasonOf(err) != fault.Usage || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want %q", file, err, says)
		}
	}
}

// get asks for a path of an endpoint's origin.
func get(t *testing.T, way *Endpoint, path string) (string, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, way.Origin.String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := way.Transport.RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}
