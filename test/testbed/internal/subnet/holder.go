//go:build linux

package subnet

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Holder is a listening TCP socket.
type Holder struct {
	Address netip.Addr
	inode   string
}

func (h Holder) everywhere() bool { return h.Address.IsUnspecified() }

// Holders finds who listens on a port, on any address.
func Holders(port uint16) ([]Holder, error) {
	var all []Holder
	for _, name := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		file, err := os.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // no IPv6 here
		}
		if err != nil {
			return nil, fmt.Errorf("look who listens: %w", err)
		}
		found, err := parseSockets(file, port)
		file.Close()
		if err != nil {
			return nil, fmt.Errorf("look who listens, in %s: %w", name, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

// listening is TCP_LISTEN in the column st of /proc/net/tcp (proc(5)).
const listening = "0A"

// parseSockets reads /proc/net/tcp or tcp6.
func parseSockets(table io.Reader, port uint16) ([]Holder, error) {
	var found []Holder
	scanner := bufio.NewScanner(table)
	for scanner.Scan() {
		fields := strings.Fields(scanner.Text())
		if len(fields) < 10 || fields[3] != listening {
			continue
		}
		addressHex, portHex, _ := strings.Cut(fields[1], ":")
		number, err := strconv.ParseUint(portHex, 16, 16)
		if err != nil || number != uint64(port) {
			continue
		}
		address, err := parseAddress(addressHex)
		if err != nil {
			return nil, err
		}
		found = append(found, Holder{Address: address, inode: fields[9]})
	}
	return found, scanner.Err()
}

// parseAddress reads an address as proc(5) writes it: 32-bit words in the
// machine's byte order, which is little-endian wherever the testbed runs.
func parseAddress(text string) (netip.Addr, error) {
	bytes, err := hex.DecodeString(text)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("read the address %q: %w", text, err)
	}
	for word := range slices.Chunk(bytes, 4) {
		slices.Reverse(word)
	}
	address, ok := netip.AddrFromSlice(bytes)
	if !ok {
		return netip.Addr{}, fmt.Errorf("read the address %q: %d bytes", text, len(bytes))
	}
	return address, nil
}

// Process names the process that has the socket, as far as this user may see:
// its id and command line.
func (h Holder) Process() string {
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return "an unknown process"
	}
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil || target != "socket:["+h.inode+"]" {
			continue
		}
		pid := strings.Split(link, "/")[2]
		command, err := os.ReadFile("/proc/" + pid + "/cmdline")
		if err != nil {
			return "process " + pid
		}
		words := strings.ReplaceAll(strings.TrimRight(string(command), "\x00"), "\x00", " ")
		return fmt.Sprintf("process %s (%.80s)", pid, words)
	}
	return "a process of another user"
}
