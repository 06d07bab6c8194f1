package portforward

import (
	"net/netip"
	"testing"

	"github.com/kftls/kubectl-kftls/internal/proctcp"
)

func TestStandsInTheWay(t *testing.T) {
	sockets := map[string]proctcp.Socket{
		"loopback":   {Local: netip.MustParseAddrPort("127.0.0.1:8443"), Listening: true},
		"connection": {Local: netip.MustParseAddrPort("127.0.0.1:8444")},
		"wildcard":   {Local: netip.MustParseAddrPort("[::]:8080"), Listening: true},
		"loopback 6": {Local: netip.MustParseAddrPort("[::1]:80"), Listening: true},
	}
	for address, want := range map[string]string{
		"127.0.0.1:8443": "loopback",
		"0.0.0.0:8443":   "loopback", // a wildcard meets every address
		"127.0.0.2:8443": "",
		"[::1]:8443":     "",
		"127.0.0.1:8444": "", // connected, not listening
		"127.0.0.1:8080": "wildcard",
		"[::1]:8080":     "wildcard",
		"[::1]:80":       "loopback 6",
		"127.0.0.1:80":   "",
	} {
		for name, socket := range sockets {
			if got := standsInTheWay(socket, netip.MustParseAddrPort(address)); got != (name == want) {
				t.Errorf("%s, asked for %s: %t", name, address, got)
			}
		}
	}
}
