//go:build linux

package supervisor

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/control"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/controlplane"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/manifests"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/node"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/objects"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/pki"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/programs"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/subnet"
)

// Options say what testbed is started.
type Options struct {
	Layout Layout
	// Profile is the profile's name, Objects its files.
	Profile string
	Objects fs.FS
	// Manifests is a folder of rendered manifests in place of a profile; "" means none.
	Manifests string
	// Variants are laid over the profile's objects.
	Variants []string
	// Replicas is the number of gateway pods.
	Replicas int
	// ReadinessLag is how late the cluster learns that a pod is, or is no more, ready.
	ReadinessLag time.Duration
	Audit        bool
	Programs     *programs.Set
	// Self is this program's file, which also plays what lies behind the gateway.
	Self string
	// StartLimit is how long the start may take.
	StartLimit time.Duration
	// Done is called when a step of the start is done, with how long it took. It
	// may be nil.
	Done func(step string, took time.Duration)
	// Note is called with what was left out of the manifests, a line each. It may be nil.
	Note func(text string)
	// Ready is called once, when everything runs. It may be nil.
	Ready func(control.Status)
	// Logf takes what goes wrong with no one to return it to; it goes into the
	// testbed's log in any case. It may be nil.
	Logf func(format string, args ...any)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Supervisor is a testbed that runs in this process.
type Supervisor struct {
	Options
	id      string
	log     *os.File
	started time.Time
	subnet  *subnet.Subnet
	plane   *pki.Plane
	config  controlplane.Config
	rest    *rest.Config
	client  kubernetes.Interface
	store   objects.Store
	node    *node.Node

	additions []*unstructured.Unstructured
	shipped   []*unstructured.Unstructured
	// crds are Istio's, and those of the manifests.
	crds []*unstructured.Unstructured
	// notes are what was left out of the manifests, guarded by mu.
	notes manifests.Notes
	// applied are the shipped objects with the variants that were applied last, guarded by
	// mu.
	applied []*unstructured.Unstructured
	// baseline and firstPods are what reset goes back to.
	baseline  objects.Picture
	firstPods map[types.UID]bool

	mu    sync.Mutex
	phase control.Phase
	parts map[string]*part
	died  chan error
	// running is closed when everything runs.
	running chan struct{}
}

// Run starts a testbed, and keeps it until ctx ends, somebody calls for its end
// by the control socket, or a part of the control plane ends by itself. Then
// nothing of it is left but its logs.
func Run(ctx context.Context, o Options) error {
	if o.Now == nil {
		o.Now = time.Now
	}
	lock, err := o.Layout.Lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := errors.Join(o.Layout.remove(secrets), o.Layout.remove(traces)); err != nil {
		return err
	}
	if err := o.Layout.writeRecord(); err != nil {
		return err
	}
	log, err := o.Layout.openLog()
	if err != nil {
		return err
	}
	defer log.Close()
	id := make([]byte, 8)
	if _, err := rand.Read(id); err != nil {
		return fmt.Errorf("draw the testbed's name: %w", err)
	}
	s := &Supervisor{
		Options: o, id: hex.EncodeToString(id), started: o.Now(), phase: control.Starting,
		log: log, parts: map[string]*part{}, died: make(chan error, 8), running: make(chan struct{}),
	}
	err = s.run(ctx)
	if err != nil {
		s.writeLog("%v", err)
	}
	return err
}

func (s *Supervisor) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var wanted sync.Once
	down := make(chan struct{})
	served, err := s.serve(ctx, func() { wanted.Do(func() { close(down) }) })
	if err != nil {
		cancel()
		return err
	}
	defer func() {
		s.setPhase(control.Stopping)
		cancel()
		s.stopParts()
		if s.node != nil {
			s.node.Wait()
		}
		<-served
		if s.subnet != nil {
			s.subnet.Release()
		}
		if err := s.Layout.remove(secrets); err != nil {
			s.logf("%v", err)
		}
	}()
	if err := s.startOrStop(ctx, down); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case <-down:
		return nil
	case err := <-s.died:
		return err
	}
}

// startOrStop starts everything, unless the testbed is called off before.
func (s *Supervisor) startOrStop(ctx context.Context, down <-chan struct{}) error {
	limit, cancel := context.WithTimeout(ctx, s.StartLimit)
	defer cancel()
	finished := make(chan error, 1)
	go func() { finished <- s.start(ctx, limit) }()
	callOff := func() {
		cancel()
		if err := <-finished; err != nil {
			s.writeLog("the start ended: %v", err)
		}
	}
	var err error
	select {
	case err = <-finished:
	case err = <-s.died:
		callOff()
	case <-down:
		callOff()
		return errors.New("called off while it started")
	}
	if err == nil || ctx.Err() == nil {
		return err
	}
	return context.Cause(ctx)
}

// serve opens the control socket. The channel is closed when it is shut.
func (s *Supervisor) serve(ctx context.Context, down func()) (<-chan struct{}, error) {
	listener, err := control.Listen(s.Layout.Dir)
	if err != nil {
		return nil, err
	}
	server := &control.Server{Status: s.Status, Down: down, Verbs: map[string]control.Verb{
		"wait":           s.wait,
		"reset":          s.whenRunning(s.reset),
		"restart":        s.whenRunning(s.restart),
		"variant":        s.whenRunning(s.variant),
		"gateway-roll":   s.whenRunning(s.rollGateway),
		"gateway-kill":   s.whenRunning(s.killGateway),
		"gateway-add":    s.whenRunning(s.addGateway),
		"gateway-remove": s.whenRunning(s.removeGateway),
		"gateway-cut":    s.whenRunning(s.cutGateway(true)),
		"gateway-mend":   s.whenRunning(s.cutGateway(false)),
	}}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := server.Serve(ctx, listener); err != nil {
			s.logf("control socket: %v", err)
		}
	}()
	return served, nil
}

// whenRunning refuses a verb while the testbed starts or stops.
func (s *Supervisor) whenRunning(verb control.Verb) control.Verb {
	return func(ctx context.Context, parameters url.Values) error {
		if phase := s.phaseNow(); phase != control.Running {
			return fmt.Errorf("the testbed is %s", phase)
		}
		return verb(ctx, parameters)
	}
}

func (s *Supervisor) phaseNow() control.Phase {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.phase
}

func (s *Supervisor) setPhase(phase control.Phase) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase = phase
}

// step reports a step of the start.
func (s *Supervisor) step(name string, since time.Time) {
	took := s.Now().Sub(since)
	s.writeLog("%s: %.1f s", name, took.Seconds())
	if s.Done != nil {
		s.Done(name, took)
	}
}

// logf writes down what goes wrong, and tells it.
func (s *Supervisor) logf(format string, args ...any) {
	s.writeLog(format, args...)
	if s.Logf != nil {
		s.Logf(format, args...)
	}
}

func (s *Supervisor) writeLog(format string, args ...any) {
	fmt.Fprintf(s.log, s.Now().Format("2006-01-02T15:04:05.000Z07:00 ")+format+"\n", args...)
}

// link puts kubectl into the folder for the PATH.
func (s *Supervisor) link() error {
	if err := os.MkdirAll(s.Layout.Bin(), 0o700); err != nil {
		return fmt.Errorf("make the folder for the PATH: %w", err)
	}
	if err := os.Symlink(s.Programs.Path(programs.Kubectl), s.Layout.path("bin/kubectl")); err != nil {
		return fmt.Errorf("put kubectl into the folder for the PATH: %w", err)
	}
	return nil
}
