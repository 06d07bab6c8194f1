//go:build linux

package supervisor

import (
	"context"
	"fmt"
	"sync"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/control"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/proc"
)

// part is a program of the control plane.
type part struct {
	spec    proc.Spec
	process *proc.Process
	ready   bool
	// ending says that its end is wanted.
	ending bool
}

// startPart starts a part, and watches it: its end, if nobody wanted it, is the
// testbed's end.
func (s *Supervisor) startPart(spec proc.Spec) error {
	process, err := proc.Start(spec)
	if err != nil {
		return err
	}
	p := &part{spec: spec, process: process}
	s.mu.Lock()
	s.parts[spec.Name] = p
	stopping := s.phase == control.Stopping
	s.mu.Unlock()
	if stopping {
		process.Kill()
	}
	go s.watch(p)
	return nil
}

func (s *Supervisor) watch(p *part) {
	<-p.process.Done()
	s.mu.Lock()
	wanted := p.ending || s.phase == control.Stopping
	s.mu.Unlock()
	if wanted {
		return
	}
	err := fmt.Errorf("%s ended by itself (%w). Its last lines:%s", p.spec.Name, endOf(p.process), tail(p.spec.Log))
	select {
	case s.died <- err:
	default: // the first death is told already
	}
}

func endOf(process *proc.Process) error {
	if err := process.Err(); err != nil {
		return err
	}
	return fmt.Errorf("exit code %d", process.ExitCode())
}

func (s *Supervisor) part(name string) *part {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.parts[name]
}

// markReady notes that a part answers, and shows it in the cluster as a pod.
func (s *Supervisor) markReady(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts[name].ready = true
}

// showParts gives each part of the control plane a mirror pod, as kubeadm's have.
func (s *Supervisor) showParts() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, p := range s.parts {
		s.node.AddStatic(name, name, p.spec.Log, p.process.StartedAt(), p.process.PID())
	}
}

// stopParts kills the whole control plane: its state is thrown away.
func (s *Supervisor) stopParts() {
	s.mu.Lock()
	var all []*part
	for _, p := range s.parts {
		p.ending = true
		all = append(all, p)
	}
	s.mu.Unlock()
	var gone sync.WaitGroup
	for _, p := range all {
		gone.Go(func() {
			p.process.Kill()
			<-p.process.Done()
		})
	}
	gone.Wait()
}

// restartPart starts a part of the control plane anew, and waits until it answers.
func (s *Supervisor) restartPart(ctx context.Context, name string) error {
	p := s.part(name)
	s.mu.Lock()
	p.ending = true
	s.mu.Unlock()
	if err := p.process.Stop(ctx, partGrace); err != nil {
		return err
	}
	if err := s.startPart(p.spec); err != nil {
		return err
	}
	if err := s.config.WaitReady(ctx, s.rest); err != nil {
		return err
	}
	s.markReady(name)
	s.showParts()
	return nil
}

// waitPlane waits until the API server answers.
func (s *Supervisor) waitPlane(ctx context.Context) error {
	if err := s.config.WaitReady(ctx, s.rest); err != nil {
		return fmt.Errorf("%w. The last lines of kube-apiserver:%s", err, tail(s.part("kube-apiserver").spec.Log))
	}
	s.markReady("etcd")
	s.markReady("kube-apiserver")
	return nil
}
