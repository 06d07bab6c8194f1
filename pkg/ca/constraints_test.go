package ca

import (
	"strings"
	"testing"
)

// forge signs for names against the authority's own constraints, as somebody
// with a stolen key would.
func forge(t *testing.T, a *Authority, names Names) *Leaf {
	t.Helper()
	open := *a.Certificate
	open.PermittedDNSDomains, open.ExcludedDNSDomains = nil, nil
	open.PermittedIPRanges, open.ExcludedIPRanges = nil, nil
	leaf := mustLeaf(t, &Authority{Certificate: &open, Key: a.Key}, LeafOptions{Names: names})
	leaf.Issuers[0] = a.Certificate
	return leaf
}

// TestConstraintsAsClientsSeeThem holds Permits against crypto/x509 and openssl:
// all three must agree on each leaf.
func TestConstraintsAsClientsSeeThem(t *testing.T) {
	base := []string{"localhost", "*.example.com", "127.0.0.1", "::1"}
	dnsOnly := AuthorityOptions{Permit: mustNames(t, base...)}
	exact := AuthorityOptions{Permit: mustNames(t, base...), ConstrainIPs: true}
	noIPs := AuthorityOptions{Permit: mustNames(t, "localhost"), ConstrainIPs: true}
	v4Only := AuthorityOptions{Permit: mustNames(t, "localhost", "10.0.0.1"), ConstrainIPs: true}
	open := AuthorityOptions{Permit: mustNames(t, base...), Unconstrained: true}
	for _, tt := range []struct {
		name    string
		options AuthorityOptions
		names   []string // the first is dialled
		want    bool
	}{
		{"DNS only, all names", dnsOnly, base, true},
		{"DNS only, by address", dnsOnly, []string{"127.0.0.1", "localhost"}, true},
		{"DNS only, by IPv6 address", dnsOnly, []string{"::1", "localhost"}, true},
		{"DNS only, another address", dnsOnly, []string{"203.0.113.1", "localhost"}, true},
		{"DNS only, below the wildcard", dnsOnly, []string{"a.example.com"}, true},
		{"DNS only, two levels below", dnsOnly, []string{"a.b.example.com"}, true},
		{"DNS only, the wildcard's parent", dnsOnly, []string{"example.com"}, true},
		{"DNS only, below localhost", dnsOnly, []string{"kubeflow.localhost"}, true},
		{"DNS only, another name", dnsOnly, []string{"www.example.org"}, false},
		{"DNS only, a longer name", dnsOnly, []string{"badexample.com"}, false},
		{"DNS only, another name beside", dnsOnly, []string{"localhost", "www.example.org"}, false},
		{"DNS only, a wildcard above", dnsOnly, []string{"localhost", "*.example.org"}, false},
		{"exact addresses, all names", exact, base, true},
		{"exact addresses, by address", exact, []string{"127.0.0.1", "localhost"}, true},
		{"exact addresses, by IPv6 address", exact, []string{"::1", "localhost"}, true},
		{"exact addresses, the next", exact, []string{"127.0.0.2", "localhost"}, false},
		{"exact addresses, another IPv6", exact, []string{"2001:db8::1", "localhost"}, false},
		{"exact addresses, another name", exact, []string{"www.example.org"}, false},
		{"no addresses, names", noIPs, []string{"localhost"}, true},
		{"no addresses, IPv4", noIPs, []string{"127.0.0.1", "localhost"}, false},
		{"no addresses, IPv6", noIPs, []string{"::1", "localhost"}, false},
		{"one IPv4 address, itself", v4Only, []string{"10.0.0.1", "localhost"}, true},
		{"one IPv4 address, IPv6", v4Only, []string{"localhost", "::1"}, false},
		{"unconstrained, another name", open, []string{"www.example.org", "203.0.113.1"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := mustAuthority(t, tt.options)
			names := mustNames(t, tt.names...)
			if err := a.Permits(names); (err == nil) != tt.want {
				t.Errorf("Permits says %v, want permitted: %v", err, tt.want)
			}
			v := ask(t, a.Certificate, forge(t, a, names), tt.names[0], noon)
			if (v.goError == nil) != tt.want || (v.openssl == "") != tt.want {
				t.Errorf("Go: %v\nopenssl: %s\nwant accepted: %v", v.goError, v.openssl, tt.want)
			}
			if !tt.want && !strings.Contains(v.openssl, "subtree violation") {
				t.Errorf("openssl refuses for another reason: %s", v.openssl)
			}
		})
	}
}

func TestPermitsNamesWhatIsOutside(t *testing.T) {
	a := mustAuthority(t, AuthorityOptions{Permit: mustNames(t, "localhost", "*.example.com", "10.0.0.1"), ConstrainIPs: true})
	err := a.Permits(mustNames(t, "localhost", "b.example", "*.example.org", "10.0.0.1", "10.0.0.2"))
	mustRefuse(t, err, "do not permit b.example, *.example.org, 10.0.0.2")
	if !strings.Contains(err.Error(), "(permitted: localhost, example.com, 10.0.0.1/32)") {
		t.Errorf("error %q does not say what is permitted", err)
	}
}

// TestPermitsForeignConstraints covers what this package does not make, but an
// authority that somebody brings may have.
func TestPermitsForeignConstraints(t *testing.T) {
	a := mustAuthority(t, AuthorityOptions{Permit: mustNames(t, "example.com"), Unconstrained: true})
	c := a.Certificate
	c.PermittedDNSDomains, c.ExcludedDNSDomains = []string{".Example.com"}, []string{"secret.example.com"}
	for name, want := range map[string]bool{
		"example.com": true, "a.example.com": true, "*.a.example.com": true,
		"secret.example.com": false, "a.secret.example.com": false, "*.secret.example.com": false,
		"*.example.com": false, // stands for secret.example.com too
	} {
		if err := a.Permits(Names{DNS: []string{name}}); (err == nil) != want {
			t.Errorf("%s: %v, want permitted: %v", name, err, want)
		}
	}
	if a.Constrained() {
		t.Error("constraints that are not critical bind nobody")
	}
	c.PermittedDNSDomains, c.ExcludedDNSDomains = []string{""}, nil
	if err := a.Permits(mustNames(t, "any.example")); err != nil {
		t.Errorf("the empty subtree holds every name, but: %v", err)
	}
}
