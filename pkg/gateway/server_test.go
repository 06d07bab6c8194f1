package gateway

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kftls/kubectl-kftls/internal/testutil"
)

func TestHostAdmits(t *testing.T) {
	tests := []struct {
		host, name string
		want       bool
	}{
		{"*", "localhost", true},
		{"*", "*.example.com", true},
		{"kubeflow.example.com", "kubeflow.example.com", true},
		{"Kubeflow.Example.COM", "kubeflow.example.com", true},
		{"kubeflow.example.com", "localhost", false},
		{"*.example.com", "kubeflow.example.com", true},
		{"*.example.com", "a.b.example.com", true},
		{"*.example.com", "example.com", false},
		{"*.example.com", "notexample.com", false},
		{"*.example.com", "*.example.com", true},
		{"*.example.com", "*.a.example.com", true},
		{"*.a.example.com", "*.example.com", false},
		{"kubeflow.example.com", "*.example.com", false},
		{"kubeflow/kubeflow.example.com", "kubeflow.example.com", true},
		{"./*.example.com", "kubeflow.example.com", true},
		{"*/*", "localhost", true},
		{"", "localhost", false},
	}
	for _, test := range tests {
		if got := hostAdmits(test.host, test.name); got != test.want {
			t.Errorf("hostAdmits(%q, %q) = %v, want %v", test.host, test.name, got, test.want)
		}
	}
}

func TestMatchesHost(t *testing.T) {
	tests := []struct {
		hosts []string
		name  string
		want  bool
	}{
		{[]string{"a.example.com", "b.example.com"}, "b.example.com", true},
		{[]string{"a.example.com", "b.example.com"}, "c.example.com", false},
		{[]string{"*"}, "127.0.0.1", true},
		{[]string{"kubeflow/*"}, "::1", true},
		{[]string{"127.0.0.1"}, "127.0.0.1", false}, // no client sends an address as SNI
		{[]string{"*.0.0.1"}, "127.0.0.1", false},
		{nil, "localhost", false},
	}
	for _, test := range tests {
		if got := (Server{Hosts: test.hosts}).MatchesHost(test.name); got != test.want {
			t.Errorf("%v matches %q: %v, want %v", test.hosts, test.name, got, test.want)
		}
	}
}

func TestOverlaps(t *testing.T) {
	tests := []struct {
		a, b []string
		want bool
	}{
		{[]string{"*"}, []string{"a.example.com"}, true},
		{[]string{"*.example.com"}, []string{"a.example.com"}, true},
		{[]string{"*.example.com"}, []string{"*.a.example.com"}, true},
		{[]string{"a.example.com"}, []string{"b.example.com"}, false},
		{[]string{"*.example.com"}, []string{"*.example.org"}, false},
		{[]string{"x/a.example.com"}, []string{"y/a.example.com"}, true},
		{[]string{"b.example.com", "a.example.com"}, []string{"c.example.com", "a.example.com"}, true},
		{nil, []string{"*"}, false},
	}
	for _, test := range tests {
		if got := overlaps(test.a, test.b); got != test.want {
			t.Errorf("overlaps(%v, %v) = %v, want %v", test.a, test.b, got, test.want)
		}
		if got := overlaps(test.b, test.a); got != test.want {
			t.Errorf("overlaps(%v, %v) = %v, want %v", test.b, test.a, got, test.want)
		}
	}
}

func TestParseServer(t *testing.T) {
	tests := []struct {
		name, entry string
		want        Server
	}{
		{
			"plain", `{"port":{"name":"http","number":80,"protocol":"HTTP"},"hosts":["*"]}`,
			Server{Name: "http", Number: 80, Protocol: "HTTP", Hosts: []string{"*"}},
		},
		{
			"a certificate, and fields that are not known",
			`{"port":{"name":"x","number":443,"protocol":"https","targetPort":1},"bind":"0.0.0.0","hosts":["a","b"],` +
				`"tls":{"mode":"SIMPLE","credentialName":"s","minProtocolVersion":"TLSV1_2"}}`,
			Server{Name: "x", Number: 443, Protocol: "HTTPS", Hosts: []string{"a", "b"}, Mode: "SIMPLE", CredentialName: "s"},
		},
		{"redirect", `{"port":{"protocol":"HTTP"},"tls":{"httpsRedirect":true}}`, Server{Protocol: "HTTP", HTTPSRedirect: true}},
		{"a number as a float", `{"port":{"number":8443.0}}`, Server{Number: 8443}},
		{"one field of a wrong type", `{"port":{"name":"x","number":"443"},"hosts":["*"]}`, Server{Name: "x", Hosts: []string{"*"}}},
		{"no object", `["port"]`, Server{}},
		{"nothing", `null`, Server{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var raw any
			if err := json.Unmarshal([]byte(test.entry), &raw); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, parseServer(raw)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestServerKinds(t *testing.T) {
	tests := []struct {
		server          Server
		tls, http, swap bool
	}{
		{Server{Protocol: "HTTP"}, false, true, false},
		{Server{Protocol: "HTTP2"}, false, true, false},
		{Server{Protocol: "GRPC"}, false, true, false},
		{Server{Protocol: "HTTPS", Mode: "SIMPLE"}, true, false, true},
		{Server{Protocol: "HTTPS", Mode: "MUTUAL"}, true, false, false},
		{Server{Protocol: "HTTPS", Mode: "PASSTHROUGH"}, true, false, false},
		{Server{Protocol: "HTTPS"}, true, false, false}, // istiod takes no mode for PASSTHROUGH
		{Server{Protocol: "TLS", Mode: "SIMPLE"}, true, false, false},
		{Server{Protocol: "TCP"}, false, false, false},
	}
	for _, test := range tests {
		if got := test.server.IsTLS(); got != test.tls {
			t.Errorf("%v: IsTLS %v", test.server, got)
		}
		if got := test.server.IsHTTP(); got != test.http {
			t.Errorf("%v: IsHTTP %v", test.server, got)
		}
		if got := test.server.isSwappable(); got != test.swap {
			t.Errorf("%v: isSwappable %v", test.server, got)
		}
	}
}

func TestServerString(t *testing.T) {
	server := parseServer(testutil.HTTPS("https", 443, "cert", "a", "b"))
	if got, want := server.String(), "443/HTTPS https hosts a,b Secret cert"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
