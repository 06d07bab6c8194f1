package objects

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
)

// FieldManager is the manager that `kubectl apply --server-side` applies as, the
// way in which Kubeflow's README installs it.
const FieldManager = "kubectl"

const (
	// parallel is how many writes are under way at once. More do not help two cores.
	parallel = 8
	// retryPeriod is how often a write is tried again while its CRD is not served.
	retryPeriod = 20 * time.Millisecond
)

// Store writes objects.
type Store struct {
	Client dynamic.Interface
	Kinds  Kinds
	// Force takes fields over that others own.
	Force bool
	// Refused is asked about an object that the API server refuses for what it is, and
	// returns nil if the others may go on. It may be nil, and is called by several
	// goroutines.
	Refused func(o *unstructured.Unstructured, err error) error
}

// Apply applies objects in waves: CRDs and namespaces, then what others refer to,
// then workloads, then custom resources, then webhooks. It waits, until ctx ends,
// for CRDs that are not served yet.
func (s Store) Apply(ctx context.Context, objects []*unstructured.Unstructured) error {
	for _, wave := range waves(objects) {
		err := each(ctx, wave, func(ctx context.Context, o *unstructured.Unstructured) error {
			err := s.retry(ctx, func() error { return s.apply(ctx, o) })
			if err != nil && s.Refused != nil && isRefusal(err) {
				return s.Refused(o, err)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// waves orders objects by what needs what.
func waves(objects []*unstructured.Unstructured) [][]*unstructured.Unstructured {
	sorted := make([][]*unstructured.Unstructured, 5)
	for _, o := range objects {
		w := wave(o)
		sorted[w] = append(sorted[w], o)
	}
	return sorted
}

func wave(o *unstructured.Unstructured) int {
	gvk := o.GroupVersionKind()
	switch gvk.Group {
	case "apiextensions.k8s.io":
		return 0
	case "", "rbac.authorization.k8s.io":
		if gvk.Kind == "Namespace" {
			return 0
		}
		return 1
	case "apps":
		return 2
	case "admissionregistration.k8s.io":
		return 4
	}
	return 3
}

func (s Store) apply(ctx context.Context, o *unstructured.Unstructured) error {
	client, err := s.client(o)
	if err != nil {
		return err
	}
	data, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("write %s as JSON: %w", Name(o), err)
	}
	_, err = client.Patch(ctx, o.GetName(), types.ApplyPatchType, data, metav1.PatchOptions{FieldManager: FieldManager, Force: &s.Force})
	if err != nil {
		return fmt.Errorf("apply %s: %w", Name(o), err)
	}
	return nil
}

func (s Store) client(o *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	k, err := s.Kinds.of(o)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", Name(o), err)
	}
	if !k.namespaced {
		return s.Client.Resource(k.resource), nil
	}
	return s.Client.Resource(k.resource).Namespace(o.GetNamespace()), nil
}

// retry repeats a write whose resource is not served yet, or that a webhook
// stopped which is just being removed.
func (s Store) retry(ctx context.Context, write func() error) error {
	for {
		err := write()
		if err == nil || !passes(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(retryPeriod):
		}
	}
}

// passes tells errors that end by themselves.
func passes(err error) bool {
	// An unknown path is 404 without the name of an object.
	var status apierrors.APIStatus
	if errors.As(err, &status) && apierrors.IsNotFound(err) {
		details := status.Status().Details
		return details == nil || details.Kind == "" || details.Name == ""
	}
	return apierrors.IsServiceUnavailable(err) || apierrors.IsTooManyRequests(err) || apierrors.IsInternalError(err)
}

// isRefusal tells an object that will never be taken: it is not valid, or its namespace is
// missing.
func isRefusal(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsForbidden(err) || apierrors.IsNotFound(err)
}

// each does something with all objects, some at a time. The first error ends it.
func each[T any](ctx context.Context, items []T, do func(context.Context, T) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	slots := make(chan struct{}, parallel)
	for _, item := range items {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			if ctx.Err() != nil {
				return
			}
			if err := do(ctx, item); err != nil {
				cancel(err)
			}
		})
	}
	running.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return nil
}

// Put applies one object, once.
func (s Store) Put(ctx context.Context, o *unstructured.Unstructured) error { return s.apply(ctx, o) }

// Delete deletes objects, and what belongs to them in the background.
func (s Store) Delete(ctx context.Context, objects []*unstructured.Unstructured) error {
	return each(ctx, objects, func(ctx context.Context, o *unstructured.Unstructured) error {
		client, err := s.client(o)
		if err != nil {
			return err
		}
		background := metav1.DeletePropagationBackground
		err = client.Delete(ctx, o.GetName(), metav1.DeleteOptions{PropagationPolicy: &background})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("delete %s: %w", Name(o), err)
		}
		return nil
	})
}
