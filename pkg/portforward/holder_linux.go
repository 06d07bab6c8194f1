package portforward

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

// holderOf names the process that listens on an address: its name and pid, or
// its user where the process belongs to somebody else, or "".
func holderOf(address netip.AddrPort) string {
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		file, err := os.Open(table)
		if err != nil {
			continue
		}
		socket, found := findListener(file, address)
		_ = file.Close()
		if found {
			return socket.owner()
		}
	}
	return ""
}

// listeningSocket is what the kernel tells of a socket.
type listeningSocket struct{ uid, inode string }

// tcpListen is TCP_LISTEN of the kernel (include/net/tcp_states.h), in hex.
const tcpListen = "0A"

// findListener looks for a listening socket that stands in the way of address
// in a table of the form of /proc/net/tcp
// (https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html).
func findListener(table io.Reader, address netip.AddrPort) (listeningSocket, bool) {
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		// sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 || fields[3] != tcpListen {
			continue
		}
		local, ok := parseKernelAddress(fields[1])
		if ok && local.Port() == address.Port() && inTheWay(local.Addr(), address.Addr()) {
			return listeningSocket{uid: fields[7], inode: fields[9]}, true
		}
	}
	return listeningSocket{}, false
}

// inTheWay says whether a socket bound to one address keeps another from being
// bound. The wildcard :: usually takes IPv4 too.
func inTheWay(bound, wanted netip.Addr) bool {
	if bound.IsUnspecified() || wanted.IsUnspecified() {
		return bound.Is4() == wanted.Is4() || bound.IsUnspecified() && bound.Is6()
	}
	return bound == wanted
}

// parseKernelAddress reads "0100007F:20FB": the address as 32-bit words in the
// machine's byte order, little-endian on all machines that Kubernetes tools are
// built for but s390x, and the port in hex.
func parseKernelAddress(text string) (netip.AddrPort, bool) {
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

// owner is "name (pid 1234)", or the user where the process may not be seen.
func (s listeningSocket) owner() string {
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return ""
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target == "socket:["+s.inode+"]" {
			return processName(strings.Split(link, "/")[2])
		}
	}
	if owner, err := user.LookupId(s.uid); err == nil {
		return "a process of user " + owner.Username
	}
	return "a process of user " + s.uid
}

func processName(pid string) string {
	name, err := os.ReadFile("/proc/" + pid + "/comm")
	if err != nil {
		return "pid " + pid
	}
	return fmt.Sprintf("%s (pid %s)", strings.TrimSpace(string(name)), pid)
}
