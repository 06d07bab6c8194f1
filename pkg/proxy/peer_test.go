package proxy

import (
	"net/netip"
	"os"
	"strconv"
	"testing"

	"github.com/kftls/kubectl-kftls/internal/proctcp"
)

func TestIsClient(t *testing.T) {
	client, server := netip.MustParseAddrPort("127.0.0.1:52000"), netip.MustParseAddrPort("127.0.0.1:8443")
	for name, tc := range map[string]struct {
		socket proctcp.Socket
		want   bool
	}{
		"the client's end":     {proctcp.Socket{Local: client, Remote: server, Inode: "7"}, true},
		"our own end":          {proctcp.Socket{Local: server, Remote: client, Inode: "7"}, false},
		"another connection":   {proctcp.Socket{Local: netip.MustParseAddrPort("127.0.0.1:52001"), Remote: server, Inode: "7"}, false},
		"elsewhere":            {proctcp.Socket{Local: client, Remote: netip.MustParseAddrPort("127.0.0.2:8443"), Inode: "7"}, false},
		"held by nobody":       {proctcp.Socket{Local: client, Remote: server, Inode: "0"}, false},
		"a socket that waits":  {proctcp.Socket{Local: client, Remote: server, Inode: "7", Listening: true}, false},
		"the same port, IPv6":  {proctcp.Socket{Local: netip.MustParseAddrPort("[::1]:52000"), Remote: server, Inode: "7"}, false},
		"IPv4 in IPv6 sockets": {proctcp.Socket{Local: client, Remote: server, Inode: "8"}, true}, // proctcp unmaps
	} {
		if got := isClient(client, server)(tc.socket); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestPeer(t *testing.T) {
	for name, tc := range map[string]struct {
		peer peer
		ours bool
	}{
		"our user":     {peer{known: true, uid: strconv.Itoa(os.Geteuid())}, true},
		"another user": {peer{known: true, uid: "4294967"}, false},
		"not found":    {peer{known: true}, false},
		"not told":     {peer{}, true},
	} {
		if got := tc.peer.isOurs(); got != tc.ours {
			t.Errorf("%s: %t", name, got)
		}
	}
	if peerOf(t.Context()).isOurs() {
		t.Error("a request without a peer passes")
	}
}
