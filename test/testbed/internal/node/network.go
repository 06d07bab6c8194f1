package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
)

// gather is how long a change waits for others of the same moment.
const gather = 20 * time.Millisecond

// crdPause is between two looks whether Istio's CRDs are there.
const crdPause = 100 * time.Millisecond

// entryInformer watches the node's own WorkloadEntries.
func (n *Node) entryInformer() cache.SharedIndexInformer {
	return dynamicinformer.NewFilteredDynamicInformer(n.dynamic, workloadEntries, metav1.NamespaceAll, 0, cache.Indexers{}, func(o *metav1.ListOptions) {
		o.LabelSelector = AddedLabel + "=true"
	}).Informer()
}

// watchEntries runs the informer as soon as Istio's CRD is there.
func (n *Node) watchEntries(ctx context.Context) {
	for {
		call, cancel := context.WithTimeout(ctx, callLimit)
		_, err := n.dynamic.Resource(workloadEntries).List(call, metav1.ListOptions{Limit: 1})
		cancel()
		if err == nil {
			break
		}
		if !sleep(ctx, crdPause) {
			return
		}
	}
	// The first sync may bring no event.
	n.running.Go(func() {
		if cache.WaitForCacheSync(ctx.Done(), n.entries.HasSynced) {
			kick(n.network)
		}
	})
	n.entries.RunWithContext(ctx)
}

// keepNetwork keeps EndpointSlices and WorkloadEntries as pods and Services are.
func (n *Node) keepNetwork(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.network:
		}
		if !sleep(ctx, gather) {
			return
		}
		if err := errors.Join(n.syncSlices(ctx), n.syncEntries(ctx)); err != nil && ctx.Err() == nil {
			n.logf("network: %v", err)
			if !sleep(ctx, retryPause) {
				return
			}
			kick(n.network)
		}
	}
}

// cluster lists what the network is made from.
func (n *Node) cluster() ([]*corev1.Pod, []*corev1.Service, error) {
	pods, err := n.pods.List(labels.Everything())
	if err != nil {
		return nil, nil, err
	}
	services, err := n.services.List(labels.Everything())
	return pods, services, err
}

func (n *Node) syncSlices(ctx context.Context) error {
	pods, services, err := n.cluster()
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	var failed []error
	for _, service := range services {
		for _, slice := range slicesFor(service, pods) {
			wanted[slice.Namespace+"/"+slice.Name] = true
			if err := n.putSlice(ctx, slice); err != nil {
				failed = append(failed, fmt.Errorf("write EndpointSlice %s/%s: %w", slice.Namespace, slice.Name, err))
			}
		}
	}
	return errors.Join(append(failed, n.dropSlices(ctx, wanted))...)
}

// putSlice writes a slice unless it is there as it should be.
func (n *Node) putSlice(ctx context.Context, slice *discoveryv1.EndpointSlice) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	client := n.client.DiscoveryV1().EndpointSlices(slice.Namespace)
	known, err := n.slices.EndpointSlices(slice.Namespace).Get(slice.Name)
	if apierrors.IsNotFound(err) {
		_, err = client.Create(ctx, slice, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
			return nil // the watch will tell of it, or its namespace goes
		}
		return err
	}
	if err != nil || sameSlice(known, slice) {
		return err
	}
	changed := known.DeepCopy()
	changed.Labels, changed.OwnerReferences, changed.Ports, changed.Endpoints = slice.Labels, slice.OwnerReferences, slice.Ports, slice.Endpoints
	_, err = client.Update(ctx, changed, metav1.UpdateOptions{})
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil // the watch is behind, and will tell
	}
	return err
}

func sameSlice(a, b *discoveryv1.EndpointSlice) bool {
	return equality.Semantic.DeepEqual(a.Ports, b.Ports) && equality.Semantic.DeepEqual(a.Endpoints, b.Endpoints) &&
		equality.Semantic.DeepEqual(a.Labels, b.Labels) && equality.Semantic.DeepEqual(a.OwnerReferences, b.OwnerReferences)
}

// dropSlices deletes the slices under our management that no Service wants any more.
func (n *Node) dropSlices(ctx context.Context, wanted map[string]bool) error {
	all, err := n.slices.List(labels.SelectorFromSet(labels.Set{discoveryv1.LabelManagedBy: sliceManager}))
	if err != nil {
		return err
	}
	var failed []error
	for _, slice := range all {
		if wanted[slice.Namespace+"/"+slice.Name] || slice.DeletionTimestamp != nil {
			continue
		}
		call, cancel := context.WithTimeout(ctx, callLimit)
		err := n.client.DiscoveryV1().EndpointSlices(slice.Namespace).Delete(call, slice.Name, metav1.DeleteOptions{})
		cancel()
		if err != nil && !apierrors.IsNotFound(err) {
			failed = append(failed, fmt.Errorf("delete EndpointSlice %s/%s: %w", slice.Namespace, slice.Name, err))
		}
	}
	return errors.Join(failed...)
}

// syncEntries keeps the WorkloadEntries. Deleting comes first: an address may be the next
// pod's already.
func (n *Node) syncEntries(ctx context.Context) error {
	if !n.entries.HasSynced() {
		return nil // watchEntries kicks when it has
	}
	pods, services, err := n.cluster()
	if err != nil {
		return err
	}
	wanted := map[string]*unstructured.Unstructured{}
	for _, pod := range pods {
		address, err := n.subnet.loopback(pod.Status.PodIP)
		if err != nil {
			continue // it has no process here
		}
		if entry := entryFor(pod, services, address); entry != nil {
			wanted[pod.Namespace+"/"+pod.Name] = entry
		}
	}
	var failed []error
	known := map[string]*unstructured.Unstructured{}
	for _, object := range n.entries.GetStore().List() {
		entry := object.(*unstructured.Unstructured)
		key := entry.GetNamespace() + "/" + entry.GetName()
		known[key] = entry
		if wanted[key] == nil {
			failed = append(failed, n.dropEntry(ctx, entry))
		}
	}
	for key, entry := range wanted {
		failed = append(failed, n.putEntry(ctx, entry, known[key]))
	}
	return errors.Join(failed...)
}

func (n *Node) dropEntry(ctx context.Context, entry *unstructured.Unstructured) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	err := n.dynamic.Resource(workloadEntries).Namespace(entry.GetNamespace()).Delete(ctx, entry.GetName(), metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete WorkloadEntry %s/%s: %w", entry.GetNamespace(), entry.GetName(), err)
	}
	return nil
}

// putEntry writes a WorkloadEntry unless it is there as it should be.
func (n *Node) putEntry(ctx context.Context, entry, known *unstructured.Unstructured) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	client := n.dynamic.Resource(workloadEntries).Namespace(entry.GetNamespace())
	var err error
	switch {
	case known == nil:
		_, err = client.Create(ctx, entry, metav1.CreateOptions{})
	case equality.Semantic.DeepEqual(known.Object["spec"], entry.Object["spec"]) &&
		equality.Semantic.DeepEqual(known.GetOwnerReferences(), entry.GetOwnerReferences()):
		return nil
	default:
		changed := known.DeepCopy()
		changed.Object["spec"] = entry.Object["spec"]
		changed.SetOwnerReferences(entry.GetOwnerReferences())
		_, err = client.Update(ctx, changed, metav1.UpdateOptions{})
	}
	if apierrors.IsAlreadyExists(err) || apierrors.IsConflict(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return nil // the watch is behind, and will tell
	}
	if err != nil {
		return fmt.Errorf("write WorkloadEntry %s/%s: %w", entry.GetNamespace(), entry.GetName(), err)
	}
	return nil
}
