//go:build linux

package subnet

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestTwoClaimsNeverMeet(t *testing.T) {
	first, err := Claim(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Release()
	second, err := Claim(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Release()
	if first.String() == second.String() {
		t.Errorf("both got %s", first)
	}
	if got := first.At(11); got != first.String()+".11" {
		t.Errorf("address %s", got)
	}
	first.Release()
	third, err := Claim(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer third.Release()
	if third.String() != first.String() {
		t.Errorf("a released network is not taken again: %s, want %s", third, first)
	}
}

// listen opens a port that the system picks, and tells its number.
func listen(t *testing.T, address string) uint16 {
	t.Helper()
	listener, err := net.Listen("tcp4", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return uint16(listener.Addr().(*net.TCPAddr).Port)
}

func TestAPortHeldOnAllAddressesIsReported(t *testing.T) {
	port := listen(t, "0.0.0.0:0")
	_, err := Claim([]Port{{Host: 11, Port: port, For: "the gateway"}})
	var busy *BusyError
	if !errors.As(err, &busy) {
		t.Fatalf("error %v", err)
	}
	for _, part := range []string{strconv.Itoa(int(port)), "the gateway", "0.0.0.0", "process " + strconv.Itoa(os.Getpid())} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}

func TestAPortHeldOnOneAddressMovesTheTestbedOn(t *testing.T) {
	free, err := Claim(nil)
	if err != nil {
		t.Fatal(err)
	}
	free.Release()
	port := listen(t, free.At(11)+":0")
	got, err := Claim([]Port{{Host: 11, Port: port, For: "the gateway"}})
	if err != nil {
		t.Fatal(err)
	}
	defer got.Release()
	if got.String() == free.String() {
		t.Errorf("claimed %s, where port %d is held", got, port)
	}
}

const sockets = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0B47007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0
   1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000 100 0 0 10 0
   2: 0B47007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 4713 1 0000000000000000 100 0 0 10 0
   3: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4714 1 0000000000000000 100 0 0 10 0
   4: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4715 1 0000000000000000 100 0 0 10 0
`

func TestParseSockets(t *testing.T) {
	found, err := parseSockets(strings.NewReader(sockets), 8080)
	if err != nil {
		t.Fatal(err)
	}
	want := []Holder{{addr("127.0.71.11"), "4711"}, {addr("0.0.0.0"), "4712"}, {addr("::1"), "4714"}}
	if len(found) != len(want) {
		t.Fatalf("found %v", found)
	}
	for i := range want {
		if found[i] != want[i] {
			t.Errorf("found %v, want %v", found[i], want[i])
		}
	}
}

func FuzzParseSockets(f *testing.F) {
	f.Add(sockets)
	f.Fuzz(func(t *testing.T, table string) {
		found, err := parseSockets(strings.NewReader(table), 8080)
		if err == nil {
			for _, h := range found {
				if !h.Address.IsValid() {
					t.Errorf("invalid address from %q", table)
				}
			}
		}
	})
}

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }
