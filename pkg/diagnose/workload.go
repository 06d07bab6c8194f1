package diagnose

import (
	"context"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
)

// Workload is what makes the pods of a part.
type Workload struct {
	// Kind is "deployment" or "statefulset", as kubectl takes it.
	Kind, Namespace, Name string
	Replicas              int64
}

// workload finds the Deployment or StatefulSet whose pods have these labels. Its
// name differs from release to release, and a fix must name it.
func workload(ctx context.Context, c *cluster.Cluster, namespace string, wanted labels.Set) *Workload {
	if len(wanted) == 0 {
		return nil
	}
	for _, kind := range []string{"deployment", "statefulset"} {
		resource := schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: kind + "s"}
		list, err := c.Dynamic.Resource(resource).Namespace(namespace).List(ctx, metav1.ListOptions{ResourceVersion: "0"})
		if err != nil {
			continue // who may not see it gets a fix without its name
		}
		for i := range list.Items {
			made, _, _ := unstructured.NestedStringMap(list.Items[i].Object, "spec", "template", "metadata", "labels")
			if wanted.AsSelector().Matches(labels.Set(made)) {
				replicas, _, _ := unstructured.NestedInt64(list.Items[i].Object, "spec", "replicas")
				return &Workload{kind, namespace, list.Items[i].GetName(), replicas}
			}
		}
	}
	return nil
}

// starts is a fix for pods that are not there: scaled to zero they are wanted
// again; else somebody has to look why they are not made.
func (w *Workload) starts(namespace string) Fix {
	switch {
	case w == nil:
		return byAdmin("see which Deployment or StatefulSet makes them, and why there are none", "kubectl -n "+namespace+" get deployments,statefulsets")
	case w.Replicas > 0:
		return byAdmin("see why no pod is made", fmt.Sprintf("kubectl -n %s describe %s %s", namespace, w.Kind, w.Name))
	}
	return runs("starts one", fmt.Sprintf("kubectl -n %s scale %s %s --replicas=1", namespace, w.Kind, w.Name),
		fmt.Sprintf("kubectl -n %s rollout status %s %s --timeout=60s", namespace, w.Kind, w.Name))
}

// evidence says how many pods are wanted.
func (w *Workload) evidence() []Evidence {
	if w == nil {
		return nil
	}
	return []Evidence{evidence(strings.ToUpper(w.Kind[:1])+w.Kind[1:]+" "+w.Namespace+"/"+w.Name, "spec.replicas", itoa(int(w.Replicas)))}
}
