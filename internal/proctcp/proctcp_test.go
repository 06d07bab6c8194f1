package proctcp

import (
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Two lines of a real /proc/net/tcp, and three of a tcp6.
const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:20FB 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 11111 1 0000000000000000 100 0 0 10 0
   1: 0100007F:20FC 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 22222 1 0000000000000000 20 4 30 10 -1
   2: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 33333 1 0000000000000000 100 0 0 10 0
   3: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 44444 1 0000000000000000 100 0 0 10 0
   4: 0000000000000000FFFF00000100007F:CC51 0000000000000000FFFF00000100007F:0051 01 00000000:00000000 00:00000000 00000000   501        0 55555 1 0000000000000000 100 0 0 10 0
`

func TestParse(t *testing.T) {
	address := netip.MustParseAddrPort
	want := []Socket{
		{address("127.0.0.1:8443"), address("0.0.0.0:0"), true, "1000", "11111"},
		{address("127.0.0.1:8444"), address("127.0.0.1:8080"), false, "0", "22222"},
		{address("[::]:8080"), address("[::]:0"), true, "0", "33333"},
		{address("[::1]:80"), address("[::]:0"), true, "0", "44444"},
		{address("127.0.0.1:52305"), address("127.0.0.1:81"), false, "501", "55555"}, // IPv4 in an IPv6 socket
	}
	var got []Socket
	for socket := range Parse(strings.NewReader(table)) {
		got = append(got, socket)
	}
	same := cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestParsePassesOverWhatIsNone(t *testing.T) {
	for _, text := range []string{
		"", "\n\n", "0: 1 2 3 4 5 6 7 8 9",
		"0: 0100007F 00000000:0000 0A 0 0 0 1000 0 1",           // no port
		"0: 0100007:20FB 00000000:0000 0A 0 0 0 1000 0 1",       // an odd digit
		"0: 0100007F:20FBB 00000000:0000 0A 0 0 0 1000 0 1",     // no such port
		"0: 0100007F00:20FB 00000000:0000 0A 0 0 0 1000 0 1",    // no whole words
		"0: 0100007F0100007F:20FB 00000000:0000 0A 0 0 0 1 0 1", // no address is so long
	} {
		for socket := range Parse(strings.NewReader(text)) {
			t.Errorf("%q was read as %+v", text, socket)
		}
	}
}

func TestFindOwnConnection(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Logf("NOT RUN find a socket in /proc: only Linux has it")
		return
	}
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	client, err := net.Dial("tcp", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	local, remote := addrPort(client.LocalAddr()), addrPort(client.RemoteAddr())
	socket, found, err := Find(func(s Socket) bool { return s.Local == local && s.Remote == remote })
	if err != nil || !found || socket.Listening || socket.UID != strconv.Itoa(os.Geteuid()) {
		t.Errorf("%+v, %t, %v; want a connection of user %d", socket, found, err, os.Geteuid())
	}
}

func addrPort(a net.Addr) netip.AddrPort { return a.(*net.TCPAddr).AddrPort() }

func FuzzParse(f *testing.F) {
	f.Add(table)
	f.Fuzz(func(_ *testing.T, table string) {
		for range Parse(strings.NewReader(table)) {
		}
	})
}
