// Package proctcp reads the Linux kernel's tables of TCP sockets. They tell
// which user and which process stand behind a local address.
package proctcp

import (
	"bufio"
	"encoding/hex"
	"errors"
	"io"
	"iter"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// Socket is what the kernel tells of a TCP socket.
type Socket struct {
	Local, Remote netip.AddrPort
	// Listening tells a server's socket from a connection.
	Listening bool
	// UID is the number of the user who opened it, and Inode its number among
	// /proc/PID/fd. A socket that no process holds any more has Inode "0", and
	// its UID says nothing.
	UID, Inode string
}

// listening is TCP_LISTEN of the kernel (include/net/tcp_states.h), in hex.
const listening = "0A"

var tables = []string{"/proc/net/tcp", "/proc/net/tcp6"}

// Find returns the first socket of this network namespace that matches. The
// error tells that no table could be read, as on everything but Linux.
func Find(matches func(Socket) bool) (found Socket, ok bool, err error) {
	var failed []error
	for _, table := range tables {
		found, ok, err := findIn(table, matches)
		if ok {
			return found, true, nil
		}
		if err != nil {
			failed = append(failed, err)
		}
	}
	if len(failed) == len(tables) { // a kernel without IPv6 has no tcp6
		return Socket{}, false, errors.Join(failed...)
	}
	return Socket{}, false, nil
}

func findIn(table string, matches func(Socket) bool) (Socket, bool, error) {
	file, err := os.Open(table)
	if err != nil {
		return Socket{}, false, err
	}
	defer func() { _ = file.Close() }()
	for socket := range Parse(file) {
		if matches(socket) {
			return socket, true, nil
		}
	}
	return Socket{}, false, nil
}

// Parse goes through a table of the form of /proc/net/tcp
// (https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html). Lines
// that are none of a socket are passed over.
func Parse(table io.Reader) iter.Seq[Socket] {
	return func(yield func(Socket) bool) {
		lines := bufio.NewScanner(table)
		for lines.Scan() {
			if socket, ok := parseLine(lines.Text()); ok && !yield(socket) {
				return
			}
		}
	}
}

func parseLine(line string) (Socket, bool) {
	// sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode
	fields := strings.Fields(line)
	if len(fields) < 10 {
		return Socket{}, false
	}
	local, okLocal := parseAddress(fields[1])
	remote, okRemote := parseAddress(fields[2])
	return Socket{
		Local: local, Remote: remote, Listening: fields[3] == listening, UID: fields[7], Inode: fields[9],
	}, okLocal && okRemote
}

// parseAddress reads "0100007F:20FB": the address as 32-bit words in the
// machine's byte order, little-endian on all machines that Kubernetes tools are
// built for but s390x, and the port in hex.
func parseAddress(text string) (netip.AddrPort, bool) {
	address, port, found := strings.Cut(text, ":")
	raw, err := hex.DecodeString(address)
	number, portErr := strconv.ParseUint(port, 16, 16)
	if !found || err != nil || portErr != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		raw[i], raw[i+1], raw[i+2], raw[i+3] = raw[i+3], raw[i+2], raw[i+1], raw[i]
	}
	ip, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(ip.Unmap(), uint16(number)), ok
}
