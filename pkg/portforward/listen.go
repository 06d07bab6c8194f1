package portforward

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

const (
	// firstBackoff and lastBackoff bound the pause after a failed Accept, as
	// net/http has them (server.go, Serve).
	firstBackoff = 5 * time.Millisecond
	lastBackoff  = time.Second
	// freePortTries is how often a free port is looked for that is free on
	// every address.
	freePortTries = 16
)

// Listener holds one local port open on one or more addresses.
type Listener struct {
	sockets []net.Listener
	tls     *tls.Config // nil: bytes are carried as they come
}

// Listen opens a local port on every address: "localhost" means 127.0.0.1 and
// ::1, whichever the computer has; anything else is an IP. Port 0 takes a free
// port, the same on all addresses. A port that somebody holds on one of the
// addresses is an error, since clients would reach a different server there.
// Errors are *fault.Error of reason Usage, PortInUse or Forbidden (a
// privileged port).
func Listen(ctx context.Context, addresses []string, port uint16) (*Listener, error) {
	ips, optional, err := parseAddresses(addresses)
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		l := &Listener{}
		err := l.bind(ctx, ips, optional, port)
		if err == nil {
			return l, nil
		}
		_ = l.Close()
		if port != 0 || try == freePortTries || !errors.Is(err, errInUse) {
			return nil, err
		}
	}
}

// parseAddresses lists the IPs to bind in order, without duplicates, and
// those whose family may be missing.
func parseAddresses(addresses []string) (ips []netip.Addr, optional map[netip.Addr]bool, err error) {
	optional = map[netip.Addr]bool{}
	for _, address := range addresses {
		if address == "localhost" {
			for _, ip := range []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()} {
				ips, optional[ip] = append(ips, ip), true
			}
			continue
		}
		ip, err := netip.ParseAddr(strings.Trim(address, "[]"))
		if err != nil {
			return nil, nil, fault.New(fault.Usage, "", "%q is not an address to listen on: give an IP or localhost", address)
		}
		ips = append(ips, ip.Unmap())
		delete(optional, ip.Unmap())
	}
	if len(ips) == 0 {
		return nil, nil, fault.New(fault.Usage, "", "no address to listen on")
	}
	return distinct(ips), optional, nil
}

// distinct drops duplicates, and what a family's wildcard covers.
func distinct(ips []netip.Addr) []netip.Addr {
	covered := func(ip netip.Addr) bool {
		return !ip.IsUnspecified() && slices.ContainsFunc(ips, func(other netip.Addr) bool {
			return other.IsUnspecified() && other.Is4() == ip.Is4()
		})
	}
	var kept []netip.Addr
	for _, ip := range ips {
		if !covered(ip) && !slices.Contains(kept, ip) {
			kept = append(kept, ip)
		}
	}
	return kept
}

func (l *Listener) bind(ctx context.Context, ips []netip.Addr, optional map[netip.Addr]bool, port uint16) error {
	for _, ip := range ips {
		socket, err := new(net.ListenConfig).Listen(ctx, network(ip), netip.AddrPortFrom(ip, port).String())
		if err != nil && optional[ip] && isFamilyMissing(err) {
			continue
		}
		if err != nil {
			return explainListen(err, netip.AddrPortFrom(ip, port))
		}
		l.sockets = append(l.sockets, socket)
		port = addrPort(socket).Port()
	}
	if len(l.sockets) == 0 {
		return fault.New(fault.Usage, "", "this computer has neither 127.0.0.1 nor ::1 to listen on")
	}
	return nil
}

// network keeps the wildcard of one family from taking both.
func network(ip netip.Addr) string {
	if ip.Is4() {
		return "tcp4"
	}
	return "tcp6"
}

func addrPort(l net.Listener) netip.AddrPort {
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// Addresses are the addresses that are bound, in the order asked for.
func (l *Listener) Addresses() []netip.AddrPort {
	bound := make([]netip.AddrPort, len(l.sockets))
	for i, socket := range l.sockets {
		bound[i] = addrPort(socket)
	}
	return bound
}

// Sockets are the sockets behind the addresses, for a server that accepts
// connections itself. They are closed with the Listener.
func (l *Listener) Sockets() []net.Listener { return slices.Clone(l.sockets) }

// Close closes the port. Connections that Serve carries go on.
func (l *Listener) Close() error {
	var all []error
	for _, socket := range l.sockets {
		all = append(all, socket.Close())
	}
	return errors.Join(all...)
}

// Serve carries each local connection to where dial leads, until ctx ends;
// then it closes the port and all connections and returns. A failed connection
// costs one call of report and nothing else. report may be called by several
// goroutines at once.
func (l *Listener) Serve(ctx context.Context, dial func(context.Context) (net.Conn, error), report func(error)) {
	defer func() { _ = l.Close() }()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	var work sync.WaitGroup
	for _, socket := range l.sockets {
		work.Go(func() {
			l.accept(ctx, socket, report, func(local net.Conn) {
				work.Go(func() {
					if err := l.carry(ctx, local, dial); err != nil && ctx.Err() == nil {
						report(err)
					}
				})
			})
		})
	}
	work.Wait()
}

func (l *Listener) carry(ctx context.Context, accepted net.Conn, dial func(context.Context) (net.Conn, error)) error {
	local, err := l.handshake(ctx, accepted)
	if local == nil || err != nil {
		return err
	}
	return carry(ctx, local, dial)
}

// accept takes connections until the socket is closed. Running out of files,
// or a client that left, is no reason to stop: client-go's loop ends there for
// good, with the port still open.
func (l *Listener) accept(ctx context.Context, socket net.Listener, report func(error), take func(net.Conn)) {
	backoff := firstBackoff
	for {
		conn, err := socket.Accept()
		if err == nil {
			backoff = firstBackoff
			take(conn)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		report(err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(backoff):
		}
		backoff = min(2*backoff, lastBackoff)
	}
}

func isFamilyMissing(err error) bool {
	return errors.Is(err, errNoAddress) || errors.Is(err, errNoFamily)
}

// explainListen says who holds a port, or why it may not be opened.
func explainListen(err error, address netip.AddrPort) error {
	switch {
	case errors.Is(err, errInUse):
		by := ""
		if holder := holderOf(address); holder != "" {
			by = " by " + holder
		}
		return fault.Wrap(fault.PortInUse, "choose another local port; none before the colon takes a free one, as in :443",
			&listenError{"port " + strconv.Itoa(int(address.Port())) + " of " + address.Addr().String() + " is in use" + by, err})
	case errors.Is(err, errNotAllowed):
		return fault.Wrap(fault.Forbidden, "choose a local port from 1024 on, as in 8443:443",
			&listenError{"port " + strconv.Itoa(int(address.Port())) + " may be opened by root only", err})
	case isFamilyMissing(err):
		return fault.Wrap(fault.Usage, "", &listenError{"listen on " + address.Addr().String() + ": this computer has no such address", err})
	}
	return fault.New(fault.Usage, "", "listen on %s: %w", address, err)
}

// listenError is an error with a text of its own, in place of net's.
type listenError struct {
	text  string
	cause error
}

func (e *listenError) Error() string { return e.text }
func (e *listenError) Unwrap() error { return e.cause }
