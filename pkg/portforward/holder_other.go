//go:build !linux

package portforward

import "net/netip"

// holderOf is empty: only Linux tells without a program of its own.
func holderOf(netip.AddrPort) string { return "" }
