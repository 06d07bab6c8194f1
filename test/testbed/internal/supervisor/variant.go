//go:build linux

package supervisor

import (
	"context"
	"fmt"
	"net/url"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/objects"
	"github.com/kftls/kubectl-kftls/test/testbed/variants"
)

// variant makes the front door the shipped one with the named variants, and waits until a
// login passes. It applies the objects as Kubeflow's README does it, and rolls out anew what
// reads them only when it starts.
func (s *Supervisor) variant(ctx context.Context, parameters url.Values) error {
	ctx, cancel, err := within(ctx, parameters)
	if err != nil {
		return err
	}
	defer cancel()
	wanted, err := withVariants(s.shipped, parameters["name"])
	if err != nil {
		return err
	}
	changed, gone := objects.Compare(s.installed(), wanted)
	store := s.store
	store.Force = true
	if err := store.Apply(ctx, changed); err != nil {
		return err
	}
	if err := store.Delete(ctx, gone); err != nil {
		return err
	}
	s.setInstalled(wanted)
	return s.restartReaders(ctx, wanted, append(changed, gone...))
}

// withVariants lays variants over objects.
func withVariants(shipped []*unstructured.Unstructured, names []string) ([]*unstructured.Unstructured, error) {
	all, err := variants.Resolve(names)
	if err != nil {
		return nil, err
	}
	wanted := shipped
	for _, name := range all {
		changes, err := objects.Load(variants.Files(), name)
		if err != nil {
			return nil, err
		}
		if wanted, err = objects.Overlay(wanted, changes); err != nil {
			return nil, fmt.Errorf("variant %s: %w", name, err)
		}
	}
	return wanted, nil
}

// installed is what was applied last, of the shipped objects and their variants.
func (s *Supervisor) installed() []*unstructured.Unstructured {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.applied
}

func (s *Supervisor) setInstalled(all []*unstructured.Unstructured) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.applied = all
}
