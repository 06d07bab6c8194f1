// Package insync tells when every Envoy has taken what the API server holds.
//
// istiod takes objects from the API server by one watch for each kind, gathers
// changes for a moment, and then computes and pushes configuration. So the check
// has three parts: istiod has every object (its /debug/configz and registryz,
// compared by resourceVersion); a stamp that is written after that has reached
// every Envoy, in whose push then everything else was, too; and every Envoy
// holds the certificates of the Secrets that it asks for.
package insync

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/objects"
)

// Envoy is a gateway that is to be in sync.
type Envoy struct {
	// Pod and Namespace name its pod, ServiceAccount its identity.
	Pod, Namespace, ServiceAccount string
	// Admin is the URL of its admin interface, without a final slash.
	Admin string
}

// Checker knows whom to ask.
type Checker struct {
	Kubernetes kubernetes.Interface
	Dynamic    dynamic.Interface
	Kinds      objects.Kinds
	// Istiod is the URL of istiod's debug interface, without a final slash.
	Istiod string
	// Envoys lists the gateways that run now.
	Envoys func() []Envoy
	// Stamp writes a value into the cluster testbed-stamp, which every Envoy gets
	// from istiod.
	Stamp func(ctx context.Context, value string) error
}

const (
	// pollPeriod is how often is asked again.
	pollPeriod = 20 * time.Millisecond
	// stampLimit is how long a stamp may be under way before a new one is tried:
	// a later push that brought clusters alone hides the order of the first.
	stampLimit = 2 * time.Second
	// callLimit bounds one question to istiod or Envoy.
	callLimit = 5 * time.Second
)

// errRefused says that an Envoy refused a configuration. Waiting does not help.
var errRefused = errors.New("refused by Envoy")

// Wait returns when every Envoy has taken what the API server holds at the time
// of the call, and what came later and is in sync. If ctx ends before, or if an
// Envoy refuses its configuration, the error tells what is not so.
func (c Checker) Wait(ctx context.Context) error {
	client := &http.Client{Timeout: callLimit, Transport: &http.Transport{Proxy: nil}}
	defer client.CloseIdleConnections()
	w := waiter{Checker: c, http: client}
	if err := w.istiodHasObjects(ctx); err != nil {
		return err
	}
	for {
		err := w.stampArrives(ctx)
		if err == nil || ctx.Err() != nil || errors.Is(err, errRefused) {
			return err
		}
	}
}

// waiter is one Wait.
type waiter struct {
	Checker
	http *http.Client
}

// stampArrives writes a new stamp, and waits until every Envoy has it, and all
// that was pushed with it.
func (w waiter) stampArrives(ctx context.Context) error {
	limit, cancel := context.WithTimeout(ctx, stampLimit)
	defer cancel()
	written := time.Now()
	stamp := strconv.FormatInt(written.UnixNano(), 36)
	if err := until(ctx, func(ctx context.Context) (string, error) {
		if err := w.Stamp(ctx, stamp); err != nil {
			return err.Error(), nil // istiod's webhook may be away for a moment
		}
		return "", nil
	}); err != nil {
		return err
	}
	return until(limit, func(ctx context.Context) (string, error) {
		envoys := w.Envoys()
		if len(envoys) == 0 {
			return "no gateway pod runs", nil
		}
		proxies, err := w.syncz(ctx)
		if err != nil {
			return err.Error(), nil
		}
		for _, e := range envoys {
			lacks, err := w.lacks(ctx, e, proxies[e.Pod+"."+e.Namespace], stamp, written)
			if lacks != "" || err != nil {
				return lacks, err
			}
		}
		return "", nil
	})
}

// lacks tells what an Envoy lacks.
func (w waiter) lacks(ctx context.Context, e Envoy, p *proxy, stamp string, written time.Time) (string, error) {
	if p == nil {
		return "istiod has no connection to " + e.Pod, nil
	}
	if err := p.refusal(e.Pod); err != nil {
		return "", err
	}
	has, err := w.stampOf(ctx, e)
	if err != nil {
		return err.Error(), nil
	}
	if has != stamp {
		return fmt.Sprintf("%s has the stamp %q instead of %q", e.Pod, has, stamp), nil
	}
	if lacks := p.lacks(written); lacks != "" {
		return e.Pod + ": " + lacks, nil
	}
	lacks, waits, err := w.lacksSecrets(ctx, e, p)
	if err == nil && lacks == "" {
		lacks, err = w.lacksListeners(ctx, e, waits)
	}
	if err != nil {
		return err.Error(), nil // whom we asked may be away for a moment
	}
	return lacks, nil
}

// until asks a question until its answer is empty. On the end of ctx the error
// carries the last answer.
func until(ctx context.Context, question func(context.Context) (string, error)) error {
	last := ""
	for {
		answer, err := question(ctx)
		if err != nil {
			return err
		}
		if answer == "" {
			return nil
		}
		if ctx.Err() != nil && last != "" {
			answer = last // this one tells only that it was cut short
		}
		last = answer
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("time is up: %s", answer)
			}
			return fmt.Errorf("%w: %s", ctx.Err(), answer)
		case <-time.After(pollPeriod):
		}
	}
}
