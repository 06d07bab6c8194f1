package gateway

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
)

// Verification is what a front door must show after a setup.
type Verification struct {
	Cluster *cluster.Cluster
	Door    *FrontDoor
	Dialer  portforward.Dialer
	// Port is our server's.
	Port int32
	// Leaf is the fingerprint of the certificate that must be served.
	Leaf string
	// Roots are what a client with our CA trusts.
	Roots *x509.CertPool
	// Names must each be accepted.
	Names []string
	// Plain are the plain door's answers, taken before the write.
	Plain []Answer
	// Now is the clock.
	Now func() time.Time
}

// Verdict is what was seen.
type Verdict struct {
	// Pods are the names of the gateway pods that were looked at.
	Pods []string
	// Guarded tells that the login was seen to guard the new door: on one pod
	// at least, and on none that it does not.
	Guarded bool
	// Answers are the HTTPS server's to requests without a session, of a pod
	// where it guards.
	Answers []Answer
}

// The first look comes at once and the next ones soon: a change is served 0.1
// to 0.3 s after the write, and a refusal costs little. The wait grows for a
// front door that is slow.
const (
	quickLooks  = 40
	quickPause  = 10 * time.Millisecond
	longestWait = 250 * time.Millisecond
)

// Verify waits until every ready gateway pod serves exactly the leaf, a client
// with the CA accepts each name, and the login guards the new door. It ends
// with ctx. The verdict is that of the last look, also beside an error. The
// error says what was seen last; its reason is Unguarded as soon as the login
// is seen not to guard, else Timeout or Interrupted.
func (v Verification) Verify(ctx context.Context) (*Verdict, error) {
	pause := quickPause
	var verdict *Verdict
	var err error
	for looks := 1; ; looks++ {
		seen, seenErr := v.look(ctx)
		isDecided := seenErr == nil || fault.ReasonOf(seenErr) == fault.Unguarded
		if isDecided || verdict == nil || ctx.Err() == nil { // a look that was cut short tells less than the one before
			verdict, err = seen, seenErr
		}
		if isDecided {
			return verdict, err
		}
		select {
		case <-ctx.Done():
			return verdict, ended(ctx, err)
		case <-time.After(pause):
		}
		if looks < quickLooks {
			continue
		}
		if pause = min(pause*3/2, longestWait); pause == longestWait {
			v.refresh(ctx)
		}
	}
}

// ended turns the end of a wait into an error around what was seen last.
func ended(ctx context.Context, last error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fault.New(fault.Timeout, fault.HintOf(last), "the front door was not seen to serve it in time: %w", last)
	}
	return fault.New(fault.Interrupted, "", "interrupted while waiting: %w", last)
}

// refresh reads the pods again: one may have been replaced meanwhile.
func (v Verification) refresh(ctx context.Context) {
	service, err := portforward.Resolve(ctx, v.Cluster.Core, v.Cluster.Discovery, v.Door.PodNamespace(), v.Door.Ingress.Object.Name)
	if err == nil {
		v.Door.Ingress.Pods = service.Pods
	}
}

// look checks all ready pods once, at the same time.
func (v Verification) look(ctx context.Context) (*Verdict, error) {
	pods := v.Door.ReadyPods()
	verdict := &Verdict{}
	if len(pods) == 0 {
		return verdict, fault.New(fault.NoReadyPod, "", "no gateway pod is ready")
	}
	answers, errs := make([][]Answer, len(pods)), make([]error, len(pods))
	// A door without a guard is reported at once: no other answer is waited for.
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var group errgroup.Group
	for i, pod := range pods {
		verdict.Pods = append(verdict.Pods, pod.Name)
		group.Go(func() (err error) {
			answers[i], err = v.lookAt(ctx, stop, pod)
			errs[i] = err
			return err
		})
	}
	err := group.Wait()
	if fault.ReasonOf(err) == fault.Verification {
		err = partly(pods, errs, err)
	}
	for _, answer := range answers {
		switch guard := Guard(v.Plain, answer); {
		case guard == nil && len(answer) == len(guardedPaths):
			verdict.Guarded, verdict.Answers = true, answer
		case fault.ReasonOf(guard) == fault.Unguarded:
			verdict.Guarded = false
			return verdict, guard // whatever else is not right yet
		}
	}
	return verdict, err
}

// partly says of a failure that it is not all pods', and which. Where others serve
// it, istiod has sent it out.
func partly(pods []portforward.Pod, errs []error, err error) error {
	var late []string
	for i, pod := range pods {
		if errs[i] != nil {
			late = append(late, pod.Name)
		}
	}
	if len(late) == 0 || len(late) == len(pods) {
		return err
	}
	hint := fmt.Sprintf("istiod has sent it to the others: this one is about to end, or does not hear from istiod, and then wants replacing: kubectl -n %s delete pod %s",
		pods[0].Namespace, strings.Join(late, " "))
	return fault.New(fault.Verification, hint, "%d of %d gateway pods serve it: %w", len(pods)-len(late), len(pods), err)
}

// lookAt checks one pod: the certificate under each name, and the guard. It
// calls stop when that is missing.
func (v Verification) lookAt(ctx context.Context, stop func(), pod portforward.Pod) ([]Answer, error) {
	road, err := v.Door.Tunnel(v.Dialer, pod, v.Port)
	if err != nil {
		return nil, err
	}
	// The first handshake goes alone: while the listener is not there, each
	// further one would only be refused as well.
	chain, err := v.handshake(ctx, road, pod.Name, v.Names[0])
	if err != nil {
		return nil, err
	}
	var answers []Answer
	var group errgroup.Group
	group.Go(func() (err error) {
		answers, err = Ask(ctx, road, true, SampleName(v.Names[0]))
		guard := Guard(v.Plain, answers)
		switch {
		case fault.ReasonOf(guard) == fault.Unguarded:
			stop()
		case err != nil:
			return fault.New(fault.Verification, "", "ask pod %s over HTTPS: %w", pod.Name, err)
		}
		return guard
	})
	group.Go(func() error { return v.judge(chain, pod.Name, v.Names[0]) })
	for _, name := range v.Names[1:] {
		group.Go(func() error {
			chain, err := v.handshake(ctx, road, pod.Name, name)
			if err != nil {
				return err
			}
			return v.judge(chain, pod.Name, name)
		})
	}
	err = group.Wait()
	return answers, err
}

func (v Verification) handshake(ctx context.Context, road Road, pod, name string) ([]*x509.Certificate, error) {
	chain, err := Handshake(ctx, road, SampleName(name))
	if errors.Is(err, portforward.ErrLost) {
		return nil, fault.New(fault.Verification, cutHint, "pod %s could not be asked: %w", pod, err)
	}
	if err != nil {
		return nil, fault.New(fault.Verification, notServedHint, "pod %s does not serve TLS on port %d yet: %w", pod, v.Port, err)
	}
	return chain, nil
}

// judge compares what was served for a name with what must be.
func (v Verification) judge(chain []*x509.Certificate, pod, name string) error {
	if served := ca.Fingerprint(chain[0]); served != v.Leaf {
		return fault.New(fault.Verification, notServedHint, "pod %s serves another certificate for %s (%s, SHA-256 %.12s…)",
			pod, name, chain[0].Subject, served)
	}
	if err := Accepts(chain, v.Roots, SampleName(name), v.Now()); err != nil {
		return fault.New(fault.Verification, "", "a client with the CA refuses what pod %s serves for %s: %w", pod, name, err)
	}
	return nil
}

const cutHint = "the API server, or a proxy before it, ends the connections to pods, such as after a time: ask who keeps it; " +
	"see whether kubectl gets through: kubectl -n istio-system port-forward svc/istio-ingressgateway 8443:443"

const notServedHint = "see what istiod says of it: kubectl -n istio-system logs deploy/istiod --tail 20"

// Tunnel is the road through the API server to a Gateway server's port of one
// pod. The error is that of PodPort.
func (d *FrontDoor) Tunnel(dialer portforward.Dialer, pod portforward.Pod, port int32) (Road, error) {
	podPort, err := d.PodPort(pod, port)
	if err != nil {
		return nil, err
	}
	target := portforward.Target{Namespace: pod.Namespace, Pod: pod.Name, Port: podPort}
	return func(ctx context.Context) (net.Conn, error) { return dialer.DialTarget(ctx, target) }, nil
}

// AskPlain takes the answers of the plain HTTP server to requests without a
// session, and none when the Gateway has no such server or its pods cannot
// listen there.
func (d *FrontDoor) AskPlain(ctx context.Context, dialer portforward.Dialer, host string) ([]Answer, error) {
	server, ok := d.PlainServer(host)
	if !ok {
		return nil, nil
	}
	var unanswered error
	// A pod that has died counts as ready for a while: another one may answer.
	for _, pod := range d.ReadyPods() {
		road, err := d.Tunnel(dialer, pod, server.Number)
		if fault.ReasonOf(err) == fault.NoServicePort {
			return nil, nil // istiod gives the pods no listener for it
		}
		if err != nil {
			return nil, err
		}
		answers, err := Ask(ctx, road, false, host)
		if err == nil {
			return answers, nil
		}
		unanswered = fmt.Errorf("ask the plain HTTP server on port %d: %w", server.Number, err)
	}
	return nil, unanswered
}
