package proxy

import (
	"context"
	"net"
	"net/netip"
	"os"
	"os/user"
	"strconv"

	"github.com/kftls/kubectl-kftls/internal/proctcp"
)

// KnowsPeers tells whether this computer says which user is behind a local
// connection. Where it does not, every user of the computer can use the
// endpoint.
func KnowsPeers() bool {
	_, _, err := proctcp.Find(func(proctcp.Socket) bool { return true })
	return err == nil
}

// peer is who is at the other end of a connection.
type peer struct {
	// known is false where this computer does not tell.
	known bool
	// uid is "" where the socket was not found: nobody holds it any more.
	uid string
}

// isOurs tells whether the peer may use the endpoint.
func (p peer) isOurs() bool { return !p.known || p.uid == strconv.Itoa(os.Geteuid()) }

// String names the peer for people.
func (p peer) String() string {
	if p.uid == "" {
		return "somebody who has left"
	}
	if known, err := user.LookupId(p.uid); err == nil {
		return "user " + known.Username
	}
	return "user " + p.uid
}

type peerKey struct{}

// withPeer looks the peer up while the connection is new: of a socket that its
// process has closed the kernel no longer tells the user. Where peers are known
// at all, one that could not be looked up is a stranger: too few files left to
// read the table may be his doing.
func (p *Proxy) withPeer(ctx context.Context, conn net.Conn) context.Context {
	found := peer{known: p.knowsPeers}
	if p.knowsPeers {
		found.uid = lookUp(conn)
	}
	return context.WithValue(ctx, peerKey{}, found)
}

// peerOf is the peer of a request; without one it is nobody of ours.
func peerOf(ctx context.Context) peer {
	if found, ok := ctx.Value(peerKey{}).(peer); ok {
		return found
	}
	return peer{known: true}
}

// lookUps is how often a socket is looked for: a table that changes while it is
// read may miss one.
const lookUps = 3

// lookUp returns the user number of a connection's client, "" where it is not
// found.
func lookUp(conn net.Conn) string {
	client, okClient := addrPort(conn.RemoteAddr())
	server, okServer := addrPort(conn.LocalAddr())
	if !okClient || !okServer {
		return ""
	}
	for range lookUps {
		if socket, found, err := proctcp.Find(isClient(client, server)); found && err == nil {
			return socket.UID
		}
	}
	return ""
}

// isClient matches the client's end of a connection that a process still holds.
func isClient(client, server netip.AddrPort) func(proctcp.Socket) bool {
	return func(s proctcp.Socket) bool {
		return s.Local == client && s.Remote == server && !s.Listening && s.Inode != "0"
	}
}

func addrPort(a net.Addr) (netip.AddrPort, bool) {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}, false
	}
	address := tcp.AddrPort()
	return netip.AddrPortFrom(address.Addr().Unmap(), address.Port()), true
}
