//go:build unix

package testutil

import (
	"net"
	"strconv"
	"syscall"
	"testing"
)

// ClosedPort is an address of this computer that refuses connections until the
// test ends: its port is taken, so that nobody else gets it, and not listened on.
func ClosedPort(t testing.TB) string {
	t.Helper()
	syscall.ForkLock.RLock()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(socket)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(socket) })
	loopback := [4]byte{127, 0, 0, 1}
	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Addr: loopback}); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(socket)
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort(net.IP(loopback[:]).String(), strconv.Itoa(name.(*syscall.SockaddrInet4).Port))
}
