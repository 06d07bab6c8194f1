package clients

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/kftls/kubectl-kftls/pkg/ca"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ground is a server on loopback with a CA of its own.
type ground struct {
	authority *ca.Authority
	caFile    string
	address   netip.AddrPort
}

func mustNames(t *testing.T, in ...string) ca.Names {
	t.Helper()
	names, err := ca.ParseNames(in)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func newGround(t *testing.T, o ca.AuthorityOptions) ground {
	t.Helper()
	a, err := ca.NewAuthority(o)
	if err != nil {
		t.Fatal(err)
	}
	caFile := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(caFile, a.CertificatePEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	leaf, err := a.NewLeaf(ca.LeafOptions{Names: o.Permit})
	if err != nil {
		t.Fatal(err)
	}
	return ground{authority: a, caFile: caFile, address: serve(t, leaf)}
}

func serve(t *testing.T, leaf *ca.Leaf) netip.AddrPort {
	t.Helper()
	address, err := Serve(t.Context(), leaf)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// check runs the cases and makes a test of each result.
func check(t *testing.T, table []Client, cases []Case) {
	t.Helper()
	for _, r := range Run(t.Context(), table, cases) {
		t.Run(r.Client+"/"+r.Case.Host, func(t *testing.T) {
			switch {
			case r.Verdict == NotRun:
				t.Skip(r)
			case !r.OK:
				t.Error(r)
			default:
				t.Log(r)
			}
		})
	}
}

// TestClients holds what pkg/ca makes against every real client: they accept
// it by each of its names, and refuse what they must.
func TestClients(t *testing.T) {
	if testing.Short() {
		t.Skip("it is left to make test-all; stories try the clients, too")
	}
	names := ca.DefaultNames().Union(mustNames(t, "kubeflow.example.com", "*.apps.example.com", "bücher.example.com"))
	own := newGround(t, ca.AuthorityOptions{Permit: names, PermitDNS: []string{"example.com"}})
	stranger := newGround(t, ca.AuthorityOptions{Permit: names})
	forged, err := Forge(own.authority, mustNames(t, "www.example.org"))
	if err != nil {
		t.Fatal(err)
	}
	cases := []Case{
		{Host: "localhost", Address: stranger.address, CAFile: own.caFile, Want: Refused},
		{Host: "other.example.com", Address: own.address, CAFile: own.caFile, Want: Refused},
		{Host: "127.0.0.2", Address: own.address, CAFile: own.caFile, Want: Refused},
		{Host: "www.example.org", Address: serve(t, forged), CAFile: own.caFile, Want: Refused, ByConstraints: true},
	}
	for _, host := range []string{
		"localhost", "127.0.0.1", "::1", "kubeflow.example.com", "notebook.apps.example.com", "xn--bcher-kva.example.com",
	} {
		cases = append(cases, Case{Host: host, Address: own.address, CAFile: own.caFile, Want: Accepted})
	}
	check(t, Table(), cases)
}

// TestAddressConstraints shows why they are off by default: BoringSSL refuses
// a leaf with any IP SAN below them, even when it is dialled by name.
func TestAddressConstraints(t *testing.T) {
	g := newGround(t, ca.AuthorityOptions{Permit: ca.DefaultNames(), ConstrainIPs: true})
	for _, client := range Table() {
		want := Case{Host: "localhost", Address: g.address, CAFile: g.caFile, Want: Accepted}
		if strings.Contains(client.Name, "BoringSSL") {
			want.Want = Refused
		}
		check(t, []Client{client}, []Case{want})
	}
}
