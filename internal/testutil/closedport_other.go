//go:build !unix

package testutil

import (
	"net"
	"testing"
)

// ClosedPort is an address of this computer that refuses connections, unless
// another program takes the port meanwhile.
func ClosedPort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
