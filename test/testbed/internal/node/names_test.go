package node

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestNameDialled(t *testing.T) {
	s := sandboxOf(t, corev1.Container{})
	if got := s.nameDialled("host: ldap.auth.svc:389", "file"); got != "host: ldap.auth.svc:389" {
		t.Errorf("for a program with a proxy: %q", got)
	}
	s.serviceAddress = func(host string, port int) (string, error) {
		if strings.HasPrefix(host, "none.") {
			return "", errors.New("all are taken")
		}
		return fmt.Sprintf("<%s|%d>", host, port), nil
	}
	for _, test := range []struct{ text, want string }{
		{"host: ldap.auth.svc.cluster.local:1389", "host: <ldap.auth.svc.cluster.local|1389>"},
		{"host: ldap.auth.svc:389\nnext: 1", "host: <ldap.auth.svc|389>\nnext: 1"},
		{`"ldap.auth.svc:389"`, `"<ldap.auth.svc|389>"`},
		{"issuer: http://dex.auth.svc.cluster.local:5556/dex", "issuer: http://dex.auth.svc.cluster.local:5556/dex"},
		{"host: ldap.example.com:389", "host: ldap.example.com:389"},
		{"host: ldap.auth.svc", "host: ldap.auth.svc"},
		{"host: ldap.auth.svc:99999", "host: ldap.auth.svc:99999"},
		{"host: a.ldap.auth.svc:389", "host: a.ldap.auth.svc:389"},
		{"host: none.auth.svc:389", "host: none.auth.svc:389"},
	} {
		if got := s.nameDialled(test.text, "file"); got != test.want {
			t.Errorf("%q became %q, want %q", test.text, got, test.want)
		}
	}
	if told := strings.Join(s.differences, "\n"); !strings.Contains(told, "ldap.auth.svc:389 is <ldap.auth.svc|389>") || !strings.Contains(told, "all are taken") {
		t.Errorf("told %s", told)
	}
}

func TestRuns(t *testing.T) {
	for image, want := range map[string]bool{
		"ghcr.io/dexidp/dex:v2.45.0": true, "kftls-testbed/ldap": true, "quay.io/jetstack/cert-manager-controller:v1.20.2": false,
	} {
		if got := Runs(corev1.PodSpec{Containers: []corev1.Container{{Image: image}}}); got != want {
			t.Errorf("%s runs: %t", image, got)
		}
	}
	if Runs(corev1.PodSpec{}) {
		t.Error("a pod without containers runs")
	}
}
