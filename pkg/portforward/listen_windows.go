package portforward

import "golang.org/x/sys/windows"

// What the sockets of Windows say when a port cannot be opened. The constants
// of syscall are invented ones there, which no call returns.
const (
	errInUse      = windows.WSAEADDRINUSE
	errNotAllowed = windows.WSAEACCES
	errNoAddress  = windows.WSAEADDRNOTAVAIL
	errNoFamily   = windows.WSAEAFNOSUPPORT
)
