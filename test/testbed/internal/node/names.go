package node

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"regexp"
	"strconv"
)

// firstServiceOctet and endService are the last octets of the addresses of Services that a
// program dials by itself.
const firstServiceOctet, endService = 101, 200

// unprivileged is the first port that everybody may listen on.
const unprivileged = 1024

// dialled finds NAME.NAMESPACE.svc[.cluster.local]:PORT outside of URLs.
var dialled = regexp.MustCompile(`(^|[^/\w.-])([a-z0-9-]+\.[a-z0-9-]+\.svc(?:\.cluster\.local)?):(\d{1,5})\b`)

// nameDialled replaces the Services that a configuration names to be dialled, such as an
// LDAP server's, by addresses of this machine. Names in URLs stay: they are for HTTP, which
// goes through the name proxy, or for clients.
func (s *sandbox) nameDialled(text, where string) string {
	if s.serviceAddress == nil {
		return text
	}
	return dialled.ReplaceAllStringFunc(text, func(found string) string {
		part := dialled.FindStringSubmatch(found)
		port, err := strconv.ParseUint(part[3], 10, 16)
		if err != nil || port == 0 {
			return found
		}
		address, err := s.serviceAddress(part[2], int(port))
		if err != nil {
			s.differ("%s: %s:%s stays, which nobody resolves: %v", where, part[2], part[3], err)
			return found
		}
		s.differ("%s: %s:%s is %s, for no resolver of this machine knows the name", where, part[2], part[3], address)
		return part[1] + address
	})
}

// serviceFront is a Service's address on this machine, and the ports on which it is asked for.
type serviceFront struct {
	address netip.Addr
	ports   map[int]bool
}

// serviceAddress is where a program that dials by itself reaches a Service: kube-proxy's
// work. The address stays the same as long as the node lives, whichever pods are behind it.
func (n *Node) serviceAddress(host string, port int) (string, error) {
	name, namespace, ok := serviceName(host)
	if !ok {
		return "", errors.New("it is no Service's name")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	key := namespace + "/" + name
	front := n.serviceFronts[key]
	if front == nil {
		octet := firstServiceOctet + len(n.serviceFronts)
		if octet >= endService {
			return "", errors.New("all addresses for Services are taken")
		}
		front = &serviceFront{address: n.subnet.at(octet), ports: map[int]bool{}}
		n.serviceFronts[key] = front
	}
	local := port
	if local < unprivileged {
		local += 10000
	}
	listen := front.address.String() + ":" + itoa(local)
	if !front.ports[port] {
		front.ports[port] = true
		n.running.Go(func() { n.keepServiceFront(n.ctx, listen, host, port) })
	}
	return listen, nil
}

// keepServiceFront listens while a ready pod is behind the Service. Without one nothing
// listens, so that a connection is refused as in a cluster.
func (n *Node) keepServiceFront(ctx context.Context, listen, host string, port int) {
	var listener net.Listener
	for {
		_, ready := n.Resolve(host, port)
		switch {
		case ready && listener == nil:
			var err error
			if listener, err = listenTCP(ctx, listen); err != nil {
				n.logf("listen for %s:%d: %v", host, port, err)
				listener = nil
				break
			}
			accepting := listener
			n.running.Go(func() { n.accept(ctx, accepting, func() (string, bool) { return n.Resolve(host, port) }) })
		case !ready && listener != nil:
			listener.Close()
			listener = nil
		}
		if !sleep(ctx, retryPause) {
			if listener != nil {
				listener.Close()
			}
			return
		}
	}
}
