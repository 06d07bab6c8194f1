//go:build linux

package controlplane

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
)

// readyPeriod is how often the API server is asked whether it is ready.
const readyPeriod = 30 * time.Millisecond

// WaitReady waits until the API server says that it is ready, which needs etcd.
// On the end of ctx the error tells what it said last.
func (c Config) WaitReady(ctx context.Context, config *rest.Config) error {
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	for {
		body, err := client.RESTClient().Get().AbsPath("/readyz").Do(ctx).Raw()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("kube-apiserver is not ready: %s", failing(string(body), err))
		case <-time.After(readyPeriod):
		}
	}
}

// failing picks the checks that fail out of what /readyz says, or the error if
// it says nothing.
func failing(readyz string, err error) string {
	var checks []string
	for line := range strings.Lines(readyz) {
		if check, ok := strings.CutPrefix(strings.TrimSpace(line), "[-]"); ok {
			checks = append(checks, check)
		}
	}
	if len(checks) == 0 {
		return err.Error()
	}
	return strings.Join(checks, ", ")
}
