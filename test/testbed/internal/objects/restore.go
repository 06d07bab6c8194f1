package objects

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
)

// change is one object that is not as in a picture.
type change struct {
	key  Key
	want *unstructured.Unstructured // nil: it is not in the picture
	has  *unstructured.Unstructured // nil: it is gone
}

// restorePeriod is how often is looked whether deleted objects are gone.
const restorePeriod = 50 * time.Millisecond

// writeLimit is how long one write is tried, before all is looked at again: its
// CRD or its namespace may be on the way out, and must come anew first.
const writeLimit = 2 * time.Second

// Restore brings all objects back to a picture: what was added is deleted, what
// was deleted is made again, and what was changed is put back, to the owners of
// its fields. It returns the objects that it touched, and gives up when ctx ends.
func (s Store) Restore(ctx context.Context, picture Picture) ([]Key, error) {
	var touched []Key
	for {
		now, err := s.Picture(ctx)
		if err != nil {
			return touched, err
		}
		changes := picture.changes(now)
		if len(changes) == 0 {
			return touched, nil
		}
		for _, c := range changes {
			touched = append(touched, c.key)
		}
		if err := s.restore(ctx, changes); err != nil {
			return touched, err
		}
		select {
		case <-ctx.Done():
			return touched, fmt.Errorf("time is up: %s does not become as it was", changes[0].key)
		case <-time.After(restorePeriod):
		}
	}
}

// restore puts changes back once: first what is too much, admission before
// anything else, then what is missing or different, in the order of Apply.
func (s Store) restore(ctx context.Context, changes []change) error {
	for wave := 4; wave >= 0; wave-- {
		if err := each(ctx, ofWave(changes, wave, true), s.remove); err != nil {
			return err
		}
	}
	for wave := range 5 {
		if err := each(ctx, ofWave(changes, wave, false), s.putBack); err != nil {
			return err
		}
	}
	return nil
}

// ofWave picks the changes that delete, or those that write, of one wave.
func ofWave(changes []change, number int, deleting bool) []change {
	var some []change
	for _, c := range changes {
		o := c.want
		if o == nil {
			o = c.has
		}
		if (c.want == nil) == deleting && wave(o) == number {
			some = append(some, c)
		}
	}
	return some
}

// changes compares a picture with how things are now.
func (p Picture) changes(now Picture) []change {
	var all []change
	for k, want := range p {
		has := now[k]
		if has == nil || !same(want, has) || !sameOwners(want, has) || has.GetDeletionTimestamp() != nil {
			all = append(all, change{k, want, has})
		}
	}
	for k, has := range now {
		if p[k] == nil && !comesByItself(k) && !p.goesWithNamespace(k) {
			all = append(all, change{k, nil, has})
		}
	}
	return all
}

// goesWithNamespace tells objects in a namespace that was added itself.
func (p Picture) goesWithNamespace(k Key) bool {
	return k.Namespace != "" && p[Key{Kind: "Namespace", Name: k.Namespace}] == nil
}

// comesByItself tells what controllers make in every namespace.
func comesByItself(k Key) bool {
	switch k.Kind {
	case "ServiceAccount":
		return k.Name == "default"
	case "ConfigMap":
		return k.Name == "istio-ca-root-cert" || k.Name == "kube-root-ca.crt"
	}
	return false
}

func (s Store) remove(ctx context.Context, c change) error {
	if c.has.GetDeletionTimestamp() != nil && (c.key.Kind == "Namespace" || len(c.has.GetFinalizers()) == 0) {
		return nil // it is going
	}
	client, err := s.client(c.has)
	if err != nil {
		return err
	}
	if len(c.has.GetFinalizers()) > 0 && c.key.Kind != "Namespace" {
		// Whoever set a finalizer may be gone.
		_, err := client.Patch(ctx, c.key.Name, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("free %s of finalizers: %w", c.key, err)
		}
	}
	background := metav1.DeletePropagationBackground
	err = client.Delete(ctx, c.key.Name, metav1.DeleteOptions{PropagationPolicy: &background})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete %s: %w", c.key, err)
	}
	return nil
}

// putBack makes one object as it was. Its contents come first, then the owners
// of its fields: written together, whoever changes a field owns it.
func (s Store) putBack(ctx context.Context, c change) error {
	if c.has != nil && c.has.GetDeletionTimestamp() != nil {
		return s.remove(ctx, c) // the next look makes it anew
	}
	if c.has == nil || !same(c.want, c.has) {
		limit, cancel := context.WithTimeout(ctx, writeLimit)
		defer cancel()
		if err := s.retry(limit, func() error { return s.writeContent(limit, c) }); err != nil {
			if limit.Err() != nil && ctx.Err() == nil || apierrors.IsNotFound(err) || apierrors.IsAlreadyExists(err) || apierrors.IsConflict(err) || isTerminating(err) {
				return nil // things moved meanwhile: the next look sees how
			}
			return fmt.Errorf("put %s back: %w", c.key, err)
		}
	}
	if err := s.writeOwners(ctx, c.want); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("give the fields of %s back to their owners: %w", c.key, err)
	}
	return nil
}

// isTerminating tells writes into a namespace that is being deleted.
func isTerminating(err error) bool {
	return apierrors.HasStatusCause(err, "NamespaceTerminating")
}

func (s Store) writeContent(ctx context.Context, c change) error {
	client, err := s.client(c.want)
	if err != nil {
		return err
	}
	content := writable(c.want)
	content.SetManagedFields(nil)
	if c.has == nil {
		_, err := client.Create(ctx, content, metav1.CreateOptions{FieldManager: FieldManager})
		return err
	}
	keepRevision(content, c.has)
	content.SetResourceVersion(c.has.GetResourceVersion())
	_, err = client.Update(ctx, content, metav1.UpdateOptions{FieldManager: FieldManager})
	if !apierrors.IsInvalid(err) {
		return err
	}
	// Something that cannot be changed was changed by deleting it and making it
	// again: so do we.
	return s.remove(ctx, c)
}

// writeOwners sets managedFields alone, over the object as it is.
func (s Store) writeOwners(ctx context.Context, want *unstructured.Unstructured) error {
	client, err := s.client(want)
	if err != nil {
		return err
	}
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		has, err := client.Get(ctx, want.GetName(), metav1.GetOptions{})
		if err != nil {
			return err
		}
		if sameOwners(want, has) || !same(want, has) {
			return nil
		}
		has.SetManagedFields(want.GetManagedFields())
		_, err = client.Update(ctx, has, metav1.UpdateOptions{})
		return err
	})
}
