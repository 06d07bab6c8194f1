//go:build linux

// Package subnet gives each testbed a loopback network of its own.
package subnet

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"syscall"
)

// A testbed owns 127.0.N.0/24 for the first free N in this range.
const firstOctet, lastOctet = 71, 254

// Port is a TCP port that the testbed needs on one of its addresses.
type Port struct {
	// Host is the address's last octet.
	Host int
	Port uint16
	// For is who listens there, for messages.
	For string
}

// Subnet is a loopback /24 that belongs to this process alone, until Release or
// the end of the process.
type Subnet struct {
	prefix string
	claim  net.Listener
}

// Claim takes the first free network on which every port can be opened. A
// network is taken by an abstract Unix socket: the kernel gives it back when
// the process ends, and it is as wide as the loopback addresses are, the
// network namespace.
//
// A port that another program holds on all addresses blocks every network; the
// error then is a *BusyError.
func Claim(ports []Port) (*Subnet, error) {
	for octet := firstOctet; octet <= lastOctet; octet++ {
		s, err := claim("127.0."+strconv.Itoa(octet), ports)
		if err != nil {
			return nil, err
		}
		if s != nil {
			return s, nil
		}
	}
	return nil, fmt.Errorf("no loopback network from 127.0.%d.0/24 to 127.0.%d.0/24 is free", firstOctet, lastOctet)
}

// claim takes one network; nil if somebody else has it.
func claim(prefix string, ports []Port) (*Subnet, error) {
	listener, err := net.Listen("unix", "@kftls-testbed/"+prefix)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("claim the network %s.0/24: %w", prefix, err)
	}
	s := &Subnet{prefix: prefix, claim: listener}
	for _, port := range ports {
		free, err := s.free(port)
		if err != nil || !free {
			s.Release()
			return nil, err
		}
	}
	return s, nil
}

// free tells whether a port can be opened, by opening it for a moment.
func (s *Subnet) free(port Port) (bool, error) {
	listener, err := net.Listen("tcp4", net.JoinHostPort(s.At(port.Host), strconv.Itoa(int(port.Port))))
	if err == nil {
		return true, listener.Close()
	}
	if !errors.Is(err, syscall.EADDRINUSE) {
		return false, fmt.Errorf("open port %d of %s for %s: %w", port.Port, s.At(port.Host), port.For, err)
	}
	holders, lookErr := Holders(port.Port)
	if lookErr != nil {
		return false, errors.Join(err, lookErr)
	}
	if i := slices.IndexFunc(holders, Holder.everywhere); i >= 0 {
		return false, &BusyError{Port: port, Holder: holders[i]}
	}
	return false, nil
}

// String is the network's first three octets: 127.0.71.
func (s *Subnet) String() string { return s.prefix }

// At is the address with this last octet.
func (s *Subnet) At(octet int) string { return s.prefix + "." + strconv.Itoa(octet) }

// Release gives the network back.
func (s *Subnet) Release() { s.claim.Close() }

// BusyError says that a program holds a port on all of the machine's addresses.
type BusyError struct {
	Port   Port
	Holder Holder
}

// Error names the port, what it is needed for, and the holder.
func (e *BusyError) Error() string {
	return fmt.Sprintf("port %d, needed for %s, is held on all addresses (%s) by %s: end that program, or let it listen on 127.0.0.1",
		e.Port.Port, e.Port.For, e.Holder.Address, e.Holder.Process())
}
