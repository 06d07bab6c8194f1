package portforward

import (
	"fmt"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/kftls/kubectl-kftls/internal/proctcp"
)

// holderOf names the process that listens on an address: its name and pid, or
// its user where the process belongs to somebody else, or "".
func holderOf(address netip.AddrPort) string {
	socket, found, err := proctcp.Find(func(s proctcp.Socket) bool { return standsInTheWay(s, address) })
	if err != nil || !found {
		return ""
	}
	return owner(socket)
}

// standsInTheWay says whether a socket keeps an address from being bound.
func standsInTheWay(s proctcp.Socket, wanted netip.AddrPort) bool {
	return s.Listening && s.Local.Port() == wanted.Port() && inTheWay(s.Local.Addr(), wanted.Addr())
}

// inTheWay says whether a socket bound to one address keeps another from being
// bound. The wildcard :: usually takes IPv4 too.
func inTheWay(bound, wanted netip.Addr) bool {
	if bound.IsUnspecified() || wanted.IsUnspecified() {
		return bound.Is4() == wanted.Is4() || bound.IsUnspecified() && bound.Is6()
	}
	return bound == wanted
}

// owner is "name (pid 1234)", or the user where the process may not be seen.
func owner(s proctcp.Socket) string {
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return ""
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target == "socket:["+s.Inode+"]" {
			return processName(strings.Split(link, "/")[2])
		}
	}
	if owner, err := user.LookupId(s.UID); err == nil {
		return "a process of user " + owner.Username
	}
	return "a process of user " + s.UID
}

func processName(pid string) string {
	name, err := os.ReadFile("/proc/" + pid + "/comm")
	if err != nil {
		return "pid " + pid
	}
	return fmt.Sprintf("%s (pid %s)", strings.TrimSpace(string(name)), pid)
}
