package ca

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

func mustNames(t testing.TB, in ...string) Names {
	t.Helper()
	n, err := ParseNames(in)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestParseNamesAccepts(t *testing.T) {
	long := strings.Repeat("a", 63) + "." + strings.Repeat("b", 63) + "." + strings.Repeat("c", 63) + "." + strings.Repeat("d", 61)
	for _, tt := range []struct {
		name string
		in   []string
		want []string
	}{
		{"nothing", nil, nil},
		{"order is kept, DNS first", []string{"10.0.0.1", "b.example", "a.example"}, []string{"b.example", "a.example", "10.0.0.1"}},
		{"duplicates", []string{"a.example", "A.Example", "10.0.0.1", "10.0.0.1"}, []string{"a.example", "10.0.0.1"}},
		{"one label", []string{"kubeflow"}, []string{"kubeflow"}},
		{"wildcard", []string{"*.example.com"}, []string{"*.example.com"}},
		{"wildcard of an international name", []string{"*.bücher.example"}, []string{"*.xn--bcher-kva.example"}},
		{"international name", []string{"bücher.example"}, []string{"xn--bcher-kva.example"}},
		{"international capital", []string{"BÜCHER.example"}, []string{"xn--bcher-kva.example"}},
		{"sharp s is not ss", []string{"faß.example"}, []string{"xn--fa-hia.example"}},
		{"ideographic full stop", []string{"例。example"}, []string{"xn--fsq.example"}},
		{"A-label", []string{"XN--bcher-kva.example"}, []string{"xn--bcher-kva.example"}},
		{"two hyphens", []string{"ab--cd.example"}, []string{"ab--cd.example"}},
		{"spaces around", []string{" a.example\n"}, []string{"a.example"}},
		{"longest", []string{long}, []string{long}},
		{"digits in the first labels", []string{"1.2.3.example", "7.svc"}, []string{"1.2.3.example", "7.svc"}},
		{"IPv6", []string{"::1"}, []string{"::1"}},
		{"IPv6 in brackets", []string{"[2001:DB8::1]"}, []string{"2001:db8::1"}},
		{"IPv4 in IPv6", []string{"::ffff:10.0.0.1"}, []string{"10.0.0.1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := mustNames(t, tt.in...).Strings(); !slices.Equal(got, tt.want) {
				t.Errorf("ParseNames(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestParseNamesRefuses(t *testing.T) {
	for _, tt := range []struct{ in, reason string }{
		{"", "is empty"},
		{"  ", "is empty"},
		{"https://kubeflow.example.com", "is a URL"},
		{"https://[::1]:8443/", "is a URL"},
		{"localhost:8443", "has a port"},
		{"10.0.0.1:443", "has a port"},
		{"[::1]:443", "has a port"},
		{"[::1", "neither a host name nor an IPv6 address"},
		{"[10.0.0.1]", "neither a host name nor an IPv6 address"},
		{"a:b", "neither a host name nor an IPv6 address"},
		{"2001:db8::g", "neither a host name nor an IPv6 address"},
		{"10.0.0.0/8", "range of addresses"},
		{"2001:db8::/32", "range of addresses"},
		{"kubeflow.example.com/pipeline", "holds a path"},
		{"me@example.com", "holds an @"},
		{"a.example,b.example", "comma"},
		{"a b.example", "space"},
		{"a_b.example", "underscore"},
		{"_dmarc.example", "underscore"},
		{"*", "stands for every name"},
		{"*.", "stands for every name"},
		{"*.com", "directly below a top-level name"},
		{"*.localhost", "directly below a top-level name"},
		{"*.10.0.0.1", "ends in a number"},
		{"*.*.example.com", "not the whole leftmost label"},
		{"a.*.example.com", "not the whole leftmost label"},
		{"*a.example.com", "not the whole leftmost label"},
		{"-a.example", "begins or ends with a hyphen"},
		{"a-.example", "begins or ends with a hyphen"},
		{"a..example", "empty label"},
		{".example", "empty label"},
		{".", "empty label"},
		{"example.com.", "write example.com"},
		{strings.Repeat("a", 64) + ".example", "label of 64 characters"},
		{strings.Repeat("ü", 60) + ".example", "label of "},
		{strings.Repeat("abcdefg.", 32) + "example", "is 263 characters long"},
		{"*." + strings.Repeat("abcdefg.", 31) + "comm", "is 254 characters long, at most"},
		{strings.Repeat("☃", 1000), "is 3000 characters long"},
		{"256.1.1.1", "ends in a number"},
		{"127.0.0.01", "ends in a number"},
		{"1２7.0.0.256", "ends in a number"},
		{"0.0.0.0", "unspecified"},
		{"::", "unspecified"},
		{"224.0.0.1", "multicast"},
		{"ff02::1", "multicast"},
		{"fe80::1%eth0", `zone "eth0"`},
		{"a!.example", `holds '!'`},
		{"a\x00.example", `holds '\x00'`},
		{"xn--0.example", "not a valid international name"},
		{"b\xffcher.example", "not valid UTF-8"},
		{"b\ufffdcher.example", "not a valid international name"},
		{"☃\ufe0e.\u202eexample", "not a valid international name"},
		{"a\u200db.example", "not a valid international name"},
	} {
		t.Run(tt.in, func(t *testing.T) {
			n, err := ParseNames([]string{"fine.example", tt.in})
			if err == nil {
				t.Fatalf("accepted as %q", n.Strings())
			}
			if !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("error %q does not say %q", err, tt.reason)
			}
			if strings.Contains(err.Error(), "fine.example") || !n.Empty() {
				t.Errorf("error %q, names %q: the valid name plays no part", err, n.Strings())
			}
			if fault.ReasonOf(err) != fault.Certificate || fault.HintOf(err) == "" {
				t.Errorf("reason %q, hint %q", fault.ReasonOf(err), fault.HintOf(err))
			}
		})
	}
}

func TestParseNamesListsEveryRefusal(t *testing.T) {
	_, err := ParseNames([]string{"a_b", "ok.example", "10.0.0.0/8"})
	want := `a certificate cannot be made for this name: "a_b" has an underscore, which host names may not have and clients refuse; ` +
		`"10.0.0.0/8" is a range of addresses: a certificate holds single addresses`
	if err == nil || err.Error() != want {
		t.Errorf("error is\n%v\nwant\n%s", err, want)
	}
}

func TestCovers(t *testing.T) {
	n := mustNames(t, "localhost", "*.example.com", "127.0.0.1", "::1")
	for name, want := range map[string]bool{
		"localhost": true, "LOCALHOST": true, "localhost.": true,
		"a.example.com": true, "A.Example.Com": true, "*.example.com": true,
		"127.0.0.1": true, "::1": true, "[::1]": true, "0:0::1": true, "::ffff:127.0.0.1": true,
		"example.com": false, "a.b.example.com": false, "*.b.example.com": false, ".example.com": false,
		"127.0.0.2": false, "": false, ".": false, "localhost.example": false,
	} {
		if got := n.Covers(name); got != want {
			t.Errorf("Covers(%q) = %v, want %v", name, got, want)
		}
	}
	if (Names{}).Covers("") {
		t.Error("no names cover the empty name")
	}
}

func TestUnionChangesNeither(t *testing.T) {
	a, b := mustNames(t, "a.example", "10.0.0.1"), mustNames(t, "b.example", "a.example", "::1", "10.0.0.1")
	a.DNS = append(make([]string, 0, 8), a.DNS...) // room in which a careless append would write
	u := a.Union(b)
	if want := []string{"a.example", "b.example", "10.0.0.1", "::1"}; !slices.Equal(u.Strings(), want) {
		t.Errorf("union is %q, want %q", u.Strings(), want)
	}
	_ = a.Union(mustNames(t, "c.example"))
	if !slices.Equal(u.DNS, []string{"a.example", "b.example"}) || len(a.DNS) != 1 || len(b.DNS) != 2 {
		t.Errorf("a union changed its operands: %q %q %q", u.DNS, a.DNS, b.DNS)
	}
}

func TestDefaultNames(t *testing.T) {
	if got, want := DefaultNames().Strings(), []string{"localhost", "127.0.0.1", "::1"}; !slices.Equal(got, want) {
		t.Errorf("default names are %q, want %q", got, want)
	}
}

func FuzzParseNames(f *testing.F) {
	for _, seed := range []string{
		"localhost", "*.example.com", "bücher.example", "xn--bcher-kva.example", "[::1]", "::ffff:1.2.3.4",
		"fe80::1%eth0", "https://a:1/b", "a_b", "*.com", "1.2.3", "例。example", "a\u200db", "ﬃ.example", "*.１.2.3.4",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		n, err := ParseNames([]string{value})
		if err != nil {
			if !n.Empty() {
				t.Errorf("names %q beside an error", n.Strings())
			}
			return
		}
		all := n.Strings()
		if len(all) != 1 {
			t.Fatalf("%q gave the names %q", value, all)
		}
		checkCanonical(t, n)
		again, err := ParseNames(all)
		if err != nil || !slices.Equal(again.Strings(), all) {
			t.Errorf("%q is canonical, but is read as %q, %v", all, again.Strings(), err)
		}
		if !n.Covers(all[0]) {
			t.Errorf("%q does not cover itself", all)
		}
	})
}

// checkCanonical holds every name against the rules, written another way.
func checkCanonical(t *testing.T, n Names) {
	t.Helper()
	for _, dns := range n.DNS {
		base := strings.TrimPrefix(dns, "*.")
		if len(dns) > 253 || net.ParseIP(base) != nil || strings.ContainsAny(base, "*_:/ ") {
			t.Errorf("%q is no host name", dns)
		}
		for _, label := range strings.Split(base, ".") {
			if len(label) == 0 || len(label) > 63 || label != strings.ToLower(label) || !isASCII(label) {
				t.Errorf("%q has the label %q", dns, label)
			}
		}
	}
	for _, ip := range n.IPs {
		if ip.Zone() != "" || ip.Is4In6() || ip == netip.IPv6Unspecified() {
			t.Errorf("%s is no address for a certificate", ip)
		}
	}
}
