package proxy_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kftls/kubectl-kftls/pkg/proxy"
)

// TestOtherUser asks as another user. The kernel notes of a socket the file
// system uid of the thread that opens it, which root may change alone.
func TestOtherUser(t *testing.T) {
	if !proxy.KnowsPeers() {
		t.Fatal("Linux does not tell who is behind a socket")
	}
	if os.Geteuid() != 0 {
		fmt.Println("NOT RUN a request of another user: only root can play one")
		return
	}
	const nobody = 65534
	asked := false
	s := open(t, func(http.ResponseWriter, *http.Request) { asked = true }, nil)
	conn := dialAs(t, nobody, int(s.Port))
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: localhost:%d\r\n\r\n", s.Port)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusForbidden || asked {
		t.Errorf("status %d, passed on: %t", response.StatusCode, asked)
	}
	if said := s.said(); !strings.Contains(said, "acts for its own user alone") {
		t.Errorf("reported %s", said)
	}
}

// dialAs connects to a port of 127.0.0.1 as another user.
func dialAs(t *testing.T, uid, port int) net.Conn {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Setfsuid(uid); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if restoreErr := unix.Setfsuid(os.Geteuid()); restoreErr != nil || err != nil {
		t.Fatal(err, restoreErr)
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "client")
	defer func() { _ = file.Close() }()
	conn, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}
