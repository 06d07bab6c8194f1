//go:build !windows && !darwin

package state

import (
	"fmt"

	"github.com/godbus/dbus/v5"
)

// findKeyring fails where there is no session bus, on which a Secret Service
// would answer. Without this question the library starts a bus (dbus-launch),
// which has no keyring and stays behind when the program ends.
func findKeyring() error {
	conn, err := dbus.SessionBusPrivateNoAutoStartup()
	if err != nil {
		return fmt.Errorf("no session bus: %w", err)
	}
	return conn.Close()
}
