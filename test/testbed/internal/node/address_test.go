package node

import (
	"net/netip"
	"testing"
)

func TestParseSubnet(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"127.0.71.0/24", "127.0.71.0"},
		{"127.0.71", "127.0.71.0"},
		{"127.71.0", "127.71.0.0"},
		{"127.0.0.0/24", "127.0.0.0"},
		{"10.0.0.0/24", ""},
		{"127.0.71.0/16", ""},
		{"127.0.71.5/24", ""},
		{"127.0.71.5", ""},
		{"::1", ""},
		{"", ""},
	} {
		got, err := parseSubnet(test.text)
		if test.want == "" {
			if err == nil {
				t.Errorf("parseSubnet(%q) = %v, want an error", test.text, got.base)
			}
			continue
		}
		if err != nil || got.base.String() != test.want {
			t.Errorf("parseSubnet(%q) = %v, %v, want %s", test.text, got.base, err, test.want)
		}
	}
}

func TestAddresses(t *testing.T) {
	network, err := parseSubnet("127.0.71.0/24")
	if err != nil {
		t.Fatal(err)
	}
	all := newAddresses(network)
	take := func(gateway bool, want string) netip.Addr {
		t.Helper()
		got, err := all.take(gateway)
		if err != nil || got.String() != want {
			t.Fatalf("take(%v) = %v, %v, want %s", gateway, got, err, want)
		}
		return got
	}
	first := take(true, "127.0.71.11")
	take(true, "127.0.71.12")
	take(false, "127.0.71.21")
	all.free(first)
	take(true, "127.0.71.11")
	for octet := 13; octet < 20; octet++ {
		take(true, network.at(octet).String())
	}
	if got, err := all.take(true); err == nil {
		t.Errorf("take(true) = %v when all are taken, want an error", got)
	}
	take(false, "127.0.71.22")
}

func TestPodIP(t *testing.T) {
	network, err := parseSubnet("127.0.71")
	if err != nil {
		t.Fatal(err)
	}
	address := network.at(42)
	if got := podIP(address); got != "10.244.0.42" {
		t.Errorf("podIP(%v) = %s", address, got)
	}
	if back, err := network.loopback("10.244.0.42"); err != nil || back != address {
		t.Errorf("loopback = %v, %v, want %v", back, err, address)
	}
	for _, other := range []string{"", "10.244.1.42", "10.244.0.", "10.244.0.256", "127.0.71.1"} {
		if got, err := network.loopback(other); err == nil {
			t.Errorf("loopback(%q) = %v, want an error", other, got)
		}
	}
}
