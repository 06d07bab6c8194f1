package gateway

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
)

// DiscoverOptions choose the front door.
type DiscoverOptions struct {
	// Gateway is the Gateway to take. The zero value means Kubeflow's own
	// name, and a search for a renamed one where that does not exist.
	Gateway types.NamespacedName
	// PodsOptional goes on without a ready pod, and without an ingress Service:
	// what is to be taken back does not depend on them.
	PodsOptional bool
}

// Discover finds the front door of the Kubeflow in a cluster. What the user
// may not read is replaced by Kubeflow's own names, and noted. Errors are
// *fault.Error of reason NoIstio, NotKubeflow, NotFound, NoReadyPod and
// those of cluster.Explain.
func Discover(ctx context.Context, c *cluster.Cluster, o DiscoverOptions) (*FrontDoor, error) {
	finder := finder{cluster: c, door: &FrontDoor{}}
	// Kubeflow's own Service and the era need nothing from the Gateway: they
	// are asked for meanwhile.
	var usual *portforward.Service
	var usualErr error
	background, stop := context.WithCancel(ctx)
	defer stop()
	var meanwhile sync.WaitGroup
	meanwhile.Go(func() {
		usual, usualErr = portforward.Resolve(background, c.Core, c.Discovery, kubeflowServiceNamespace, kubeflowService)
	})
	meanwhile.Go(func() { finder.door.Era = finder.era(background) })
	err := finder.gateway(ctx, o)
	if err != nil {
		stop()
	}
	meanwhile.Wait()
	if err != nil {
		return nil, err
	}
	err = finder.ingress(ctx, usual, usualErr)
	if err == nil {
		err = finder.requirePods()
	}
	if err != nil && !(o.PodsOptional && isWithoutPods(err)) {
		return nil, err
	}
	if finder.door.Ingress == nil {
		finder.note("the gateway pods are taken to be in namespace %s: %v", kubeflowServiceNamespace, err)
		finder.door.Ingress = &portforward.Service{Object: &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: kubeflowServiceNamespace, Name: kubeflowService},
		}}
	}
	return finder.door, nil
}

// isWithoutPods tells that Service or pods are missing or may not be read, and
// not that the cluster failed to answer.
func isWithoutPods(err error) bool {
	switch fault.ReasonOf(err) {
	case fault.NotFound, fault.NoReadyPod, fault.Forbidden:
		return true
	}
	return false
}

type finder struct {
	cluster *cluster.Cluster
	door    *FrontDoor
}

func (f *finder) note(format string, args ...any) {
	f.door.Notes = append(f.door.Notes, fmt.Sprintf(format, args...))
}

// gateway finds the Gateway object and the others of the same pods.
func (f *finder) gateway(ctx context.Context, o DiscoverOptions) error {
	versions, err := f.cluster.GroupVersions(ctx, istioGroup)
	if err != nil {
		return err
	}
	if len(versions) == 0 {
		return fault.New(fault.NoIstio, "check the context: kubectl config current-context",
			"the cluster %s does not serve %s: Istio, and so Kubeflow, is not installed there", f.cluster.Server, istioGroup)
	}
	f.door.Resource = gatewaysIn(versions[0])
	wanted := o.Gateway
	if wanted.Name == "" {
		wanted = KubeflowGateway
	}
	var all *unstructured.UnstructuredList
	var listErr error
	var group sync.WaitGroup
	group.Go(func() {
		f.door.Gateway, err = f.cluster.Dynamic.Resource(f.door.Resource).Namespace(wanted.Namespace).Get(ctx, wanted.Name, metav1.GetOptions{})
	})
	group.Go(func() {
		all, listErr = f.cluster.Dynamic.Resource(f.door.Resource).List(ctx, metav1.ListOptions{})
	})
	group.Wait()
	if apierrors.IsNotFound(err) {
		f.door.Gateway, err = f.renamed(ctx, wanted, o.Gateway.Name != "", all, listErr)
	}
	if err != nil {
		return cluster.Explain(err, "read Gateway %s", wanted)
	}
	if listErr == nil {
		f.door.Others = sharingPods(f.door.Gateway, all.Items)
	} else {
		f.note("other Gateways of the same pods were not checked: %v", listErr)
	}
	return nil
}

// renamed looks for the Gateway of a Kubeflow that does not bear the usual
// name: the one that Kubeflow's VirtualServices point at.
func (f *finder) renamed(ctx context.Context, wanted types.NamespacedName, explicit bool, all *unstructured.UnstructuredList, listErr error) (*unstructured.Unstructured, error) {
	var there []string
	if listErr == nil {
		for i := range all.Items {
			there = append(there, objectName(&all.Items[i]))
		}
	}
	if explicit {
		return nil, notFound(wanted, there)
	}
	routed, err := f.routedGateways(ctx)
	if err != nil {
		f.note("a renamed Gateway was not searched for: %v", err)
	}
	// A VirtualService may name a Gateway that is gone: the wanted one, to begin with.
	routed = slices.DeleteFunc(routed, func(name string) bool {
		return name == wanted.String() || listErr == nil && !slices.Contains(there, name)
	})
	if len(routed) == 1 {
		namespace, name, _ := strings.Cut(routed[0], "/")
		f.note("Gateway %s does not exist; Kubeflow's VirtualServices point at %s", wanted, routed[0])
		return f.cluster.Dynamic.Resource(f.door.Resource).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	}
	if len(routed) > 1 {
		return nil, fault.New(fault.NotKubeflow, "choose one: kubectl kftls setup --gateway "+routed[0],
			"there is no Gateway %s, and Kubeflow's VirtualServices point at several: %s", wanted, strings.Join(routed, ", "))
	}
	return nil, notFound(wanted, there)
}

func notFound(wanted types.NamespacedName, there []string) error {
	if len(there) == 0 {
		return fault.New(fault.NotKubeflow, "check the context: kubectl config current-context",
			"there is no Gateway %s in this cluster: it has no Kubeflow, or not this one", wanted)
	}
	return fault.New(fault.NotKubeflow, "choose one: kubectl kftls setup --gateway NAMESPACE/NAME",
		"there is no Gateway %s; the cluster has %s", wanted, strings.Join(there, ", "))
}

// kubeflowPrefixes are paths that only Kubeflow's VirtualServices route.
var kubeflowPrefixes = []string{"/dex/", "/oauth2/", "/pipeline", "/jupyter/"}

// routedGateways returns namespace/name of each Gateway that a VirtualService
// of Kubeflow points at, sorted.
func (f *finder) routedGateways(ctx context.Context) ([]string, error) {
	resource := virtualServicesIn(f.door.Resource.Version)
	list, err := f.cluster.Dynamic.Resource(resource).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	found := map[string]bool{}
	for i := range list.Items {
		if !routesKubeflow(&list.Items[i]) {
			continue
		}
		gateways, _, _ := unstructured.NestedStringSlice(list.Items[i].Object, "spec", "gateways")
		for _, gateway := range gateways {
			if gateway == "mesh" {
				continue
			}
			if !strings.Contains(gateway, "/") {
				gateway = list.Items[i].GetNamespace() + "/" + gateway
			}
			found[gateway] = true
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

func routesKubeflow(virtualService *unstructured.Unstructured) bool {
	routes, _, _ := unstructured.NestedSlice(virtualService.Object, "spec", "http")
	for _, route := range routes {
		entry, _ := route.(map[string]any)
		matches, _, _ := unstructured.NestedSlice(entry, "match")
		for _, match := range matches {
			condition, _ := match.(map[string]any)
			prefix, _, _ := unstructured.NestedString(condition, "uri", "prefix")
			if slices.Contains(kubeflowPrefixes, prefix) {
				return true
			}
		}
	}
	return false
}

// sharingPods returns the Gateways that select pods which the given one may
// select too: no label of the two selectors contradicts.
func sharingPods(gateway *unstructured.Unstructured, all []unstructured.Unstructured) []*unstructured.Unstructured {
	var others []*unstructured.Unstructured
	for i := range all {
		if all[i].GetUID() != gateway.GetUID() && compatible(selector(gateway), selector(&all[i])) {
			others = append(others, &all[i])
		}
	}
	return others
}

func selector(gateway *unstructured.Unstructured) map[string]string {
	labels, _, _ := unstructured.NestedStringMap(gateway.Object, "spec", "selector")
	return labels
}

func compatible(a, b map[string]string) bool {
	for key, value := range a {
		if other, ok := b[key]; ok && other != value {
			return false
		}
	}
	return true
}
