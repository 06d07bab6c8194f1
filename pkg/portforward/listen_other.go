//go:build !windows

package portforward

import "syscall"

// What sockets say when a port cannot be opened.
const (
	errInUse      = syscall.EADDRINUSE
	errNotAllowed = syscall.EACCES
	errNoAddress  = syscall.EADDRNOTAVAIL
	errNoFamily   = syscall.EAFNOSUPPORT
)
