package insync

import (
	"context"
	"net"
	"strconv"
)

// envoyListener is one listener of an Envoy.
type envoyListener struct {
	Name    string
	Warming any `json:"warming_state"`
	Active  struct {
		Listener struct {
			Address struct {
				Socket struct {
					Address string
					Port    int `json:"port_value"`
				} `json:"socket_address"`
			}
		}
	} `json:"active_state"`
}

// lacksListeners tells which listener of an Envoy does not take connections yet.
// One that waits for a Secret that cannot be had is left out: it is as far as it
// gets.
func (w waiter) lacksListeners(ctx context.Context, e Envoy, waits bool) (string, error) {
	var dump struct{ Configs []envoyListener }
	if err := w.get(ctx, dumpURL(e, "dynamic_listeners", ""), &dump); err != nil {
		return "", err
	}
	for _, l := range dump.Configs {
		if l.Warming != nil {
			if waits {
				continue
			}
			return e.Pod + ": listener " + l.Name + " is not ready", nil
		}
		socket := l.Active.Listener.Address.Socket
		if socket.Port == 0 {
			continue // it is being drained
		}
		// Envoy calls it active a moment before it listens.
		address := net.JoinHostPort(socket.Address, strconv.Itoa(socket.Port))
		connection, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return e.Pod + ": " + err.Error(), nil
		}
		connection.Close()
	}
	return "", nil
}
