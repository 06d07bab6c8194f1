package portforward

import (
	"net/netip"
	"strings"
	"testing"
)

// Two lines of a real /proc/net/tcp, and three of a tcp6.
const kernelTable = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:20FB 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 11111 1 0000000000000000 100 0 0 10 0
   1: 0100007F:20FC 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 22222 1 0000000000000000 20 4 30 10 -1
   2: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 33333 1 0000000000000000 100 0 0 10 0
   3: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 44444 1 0000000000000000 100 0 0 10 0
   4: 0000000000000000FFFF00000100007F:0051 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 55555 1 0000000000000000 100 0 0 10 0
`

func TestFindListener(t *testing.T) {
	for address, inode := range map[string]string{
		"127.0.0.1:8443": "11111",
		"0.0.0.0:8443":   "11111", // a wildcard meets every address
		"127.0.0.2:8443": "",
		"[::1]:8443":     "",
		"127.0.0.1:8444": "", // connected, not listening
		"127.0.0.1:8080": "33333",
		"[::1]:8080":     "33333",
		"[::1]:80":       "44444",
		"127.0.0.1:80":   "",
		"127.0.0.1:81":   "55555",
	} {
		socket, found := findListener(strings.NewReader(kernelTable), netip.MustParseAddrPort(address))
		if found != (inode != "") || socket.inode != inode {
			t.Errorf("%s: inode %q, want %q", address, socket.inode, inode)
		}
	}
}

func FuzzFindListener(f *testing.F) {
	f.Add(kernelTable)
	f.Fuzz(func(_ *testing.T, table string) {
		findListener(strings.NewReader(table), netip.MustParseAddrPort("[::1]:8443"))
	})
}
