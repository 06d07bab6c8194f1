package pki

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
)

func parse(t *testing.T, data []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(data)
	if block == nil {
		t.Fatal("no PEM")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func newPlane(t *testing.T) *Plane {
	t.Helper()
	plane, err := NewPlane(filepath.Join(t.TempDir(), "pki"), Addresses{Control: "127.0.71.1", ServiceIP: "10.96.0.1"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return plane
}

func TestServersAreWhoTheySay(t *testing.T) {
	plane := newPlane(t)
	for _, test := range []struct{ cert, ca, name string }{
		{"apiserver", "ca", "127.0.71.1"},
		{"apiserver", "ca", "10.96.0.1"},
		{"apiserver", "ca", "kubernetes.default.svc"},
		{"etcd", "internal-ca", "127.0.71.1"},
	} {
		t.Run(test.cert+" as "+test.name, func(t *testing.T) {
			cert, ca := read(t, plane, test.cert), read(t, plane, test.ca)
			roots := x509.NewCertPool()
			roots.AddCert(ca)
			if _, err := cert.Verify(x509.VerifyOptions{DNSName: test.name, Roots: roots}); err != nil {
				t.Error(err)
			}
		})
	}
}

func read(t *testing.T, plane *Plane, name string) *x509.Certificate {
	t.Helper()
	data, err := os.ReadFile(plane.Path(name + ".crt"))
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, data)
}

func TestUsersCannotAskTheKubeletOrEtcd(t *testing.T) {
	plane := newPlane(t)
	pair, err := plane.users.Client(User{Name: "alice"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	internal := x509.NewCertPool()
	internal.AddCert(read(t, plane, "internal-ca"))
	usage := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	alice := parse(t, pair.Cert)
	if _, err := alice.Verify(x509.VerifyOptions{Roots: internal, KeyUsages: usage}); err == nil {
		t.Error("etcd and the kubelet take a user's certificate")
	}
	if _, err := alice.Verify(x509.VerifyOptions{Roots: plane.KubeletClients, KeyUsages: usage}); err == nil {
		t.Error("the kubelet takes a user's certificate")
	}
	if _, err := read(t, plane, "kubelet-client").Verify(x509.VerifyOptions{Roots: plane.KubeletClients, KeyUsages: usage}); err != nil {
		t.Errorf("the kubelet does not take the API server: %v", err)
	}
}

func TestKubeconfigCarriesUserAndGroups(t *testing.T) {
	opened, err := OpenPlane(newPlane(t).Dir)
	if err != nil {
		t.Fatal(err)
	}
	data, err := opened.Kubeconfig("https://127.0.71.1:6443", User{Name: "alice", Groups: []string{"devs", "ops"}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(data)
	if err != nil {
		t.Fatal(err)
	}
	subject := parse(t, config.CertData).Subject
	slices.Sort(subject.Organization) // a SET in DER has an order of its own
	if config.Host != "https://127.0.71.1:6443" || subject.CommonName != "alice" || !slices.Equal(subject.Organization, []string{"devs", "ops"}) {
		t.Errorf("%s as %s", config.Host, subject)
	}
}

func TestKeysAreForTheOwnerAlone(t *testing.T) {
	plane := newPlane(t)
	if err := plane.WriteKubeconfig(plane.Path("k"), "https://127.0.71.1:6443", User{Name: "alice"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(plane.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", entry.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(plane.Dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v, %v", info.Mode(), err)
	}
}
