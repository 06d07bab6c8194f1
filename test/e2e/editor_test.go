//go:build e2e && linux

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/kftls/kubectl-kftls/test/e2e/apiproxy"
)

// editor is somebody else who changes the Gateway: a person who edits servers
// and annotations, and the installer. It knows what it wrote.
type editor struct {
	door    dynamic.ResourceInterface
	applied dynamic.ResourceInterface // in the API version of what is shipped
	shipped *unstructured.Unstructured
	// servers and annotations are all that is not ours and must be there.
	servers     []any
	annotations map[string]string
	count       int
	told        []string
}

func newEditor(proxy *apiproxy.Proxy, shipped *unstructured.Unstructured) (*editor, error) {
	client, err := dynamic.NewForConfig(&rest.Config{Host: proxy.URL, UserAgent: "somebody-else", QPS: -1})
	if err != nil {
		return nil, err
	}
	servers, _, err := unstructured.NestedSlice(shipped.Object, "spec", "servers")
	return &editor{
		door: client.Resource(gatewayKind).Namespace("kubeflow"), applied: appliedBy(client, shipped), shipped: shipped,
		servers: servers, annotations: map[string]string{},
	}, err
}

// appliedBy is where an installer applies what is shipped.
func appliedBy(client dynamic.Interface, shipped *unstructured.Unstructured) dynamic.ResourceInterface {
	return client.Resource(shipped.GroupVersionKind().GroupVersion().WithResource(gatewayKind.Resource)).Namespace("kubeflow")
}

// edit makes one change that is drawn.
func (e *editor) edit(ctx context.Context, random *rand.Rand) error {
	e.count++
	kind := random.IntN(5)
	e.told = append(e.told, []string{"annotates", "adds a server by a patch", "adds a server by an update", "changes a server by an update", asShipped}[kind])
	switch kind {
	case 0:
		return e.annotate(ctx)
	case 1:
		return e.addByPatch(ctx)
	case 2:
		return e.update(ctx, func(servers []any) []any { return append(servers, e.server()) })
	case 3:
		return e.update(ctx, e.widen)
	default:
		return e.apply(ctx)
	}
}

// asShipped is what an installer does.
const asShipped = "applies as shipped"

const editorManager = "somebody-else"

// annotate writes an annotation without looking at the object.
func (e *editor) annotate(ctx context.Context) error {
	key, value := fmt.Sprintf("example.com/note-%d", e.count), fmt.Sprintf("written %d", e.count)
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]any{key: value}}})
	if err != nil {
		return err
	}
	if _, err = e.door.Patch(ctx, e.shipped.GetName(), types.MergePatchType, patch, metav1.PatchOptions{FieldManager: editorManager}); err != nil {
		return err
	}
	e.annotations[key] = value
	return nil
}

// server is a new one of theirs, with a field that the plugin does not know.
func (e *editor) server() map[string]any {
	return map[string]any{
		"port":  map[string]any{"name": fmt.Sprintf("http-team-%d", e.count), "number": int64(80), "protocol": "HTTP"},
		"hosts": []any{fmt.Sprintf("team-%d.example.com", e.count)},
		"name":  fmt.Sprintf("of team %d", e.count),
	}
}

// addByPatch appends a server without looking at the list.
func (e *editor) addByPatch(ctx context.Context) error {
	server := e.server()
	patch, err := json.Marshal([]map[string]any{{"op": "add", "path": "/spec/servers/-", "value": server}})
	if err != nil {
		return err
	}
	if _, err := e.door.Patch(ctx, e.shipped.GetName(), types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: editorManager}); err != nil {
		return err
	}
	e.servers = append(e.servers, server)
	return nil
}

// widen gives the last of their servers a further host.
func (e *editor) widen(servers []any) []any {
	for _, raw := range slices.Backward(servers) {
		server, _ := raw.(map[string]any)
		if isOurServer(raw) || server["name"] == nil {
			continue
		}
		hosts, _, _ := unstructured.NestedSlice(server, "hosts")
		server["hosts"] = append(hosts, fmt.Sprintf("more-%d.example.com", e.count))
		break
	}
	return servers
}

// update reads, changes and writes the object, again where it was changed
// meanwhile.
func (e *editor) update(ctx context.Context, change func([]any) []any) error {
	for range 20 {
		object, err := e.door.Get(ctx, e.shipped.GetName(), metav1.GetOptions{})
		if err != nil {
			return err
		}
		servers, _, err := unstructured.NestedSlice(object.Object, "spec", "servers")
		if err == nil {
			err = unstructured.SetNestedSlice(object.Object, change(servers), "spec", "servers")
		}
		if err != nil {
			return err
		}
		_, err = e.door.Update(ctx, object, metav1.UpdateOptions{FieldManager: editorManager})
		if apierrors.IsConflict(err) {
			continue
		}
		if err == nil {
			e.servers = change(e.servers) // and not what was read: that may lack an edit of before
		}
		return err
	}
	return errors.New("the Gateway is changed all the time")
}

// apply is the installer's: its list of servers takes the place of what is there.
func (e *editor) apply(ctx context.Context) error {
	_, err := e.applied.Apply(ctx, e.shipped.GetName(), e.shipped, metav1.ApplyOptions{FieldManager: "kubectl", Force: true})
	if err == nil {
		e.servers, _, err = unstructured.NestedSlice(e.shipped.Object, "spec", "servers")
	}
	return err
}

func isOurServer(raw any) bool {
	server, _ := raw.(map[string]any)
	name, _, _ := unstructured.NestedString(server, "port", "name")
	return name == "https-kftls"
}

// requireKept tells whether all that the editor wrote is there, and nothing but
// that and ours.
func (e *editor) requireKept(gateway *unstructured.Unstructured) error {
	servers, _, err := unstructured.NestedSlice(gateway.Object, "spec", "servers")
	if err != nil {
		return err
	}
	if servers = slices.DeleteFunc(servers, isOurServer); !reflect.DeepEqual(servers, e.servers) {
		return fmt.Errorf("lost edit: the servers of others are\n%v, and they wrote\n%v", servers, e.servers)
	}
	annotations := gateway.GetAnnotations()
	delete(annotations, "kftls.github.io/setup")
	if len(annotations) != len(e.annotations) || len(annotations) > 0 && !reflect.DeepEqual(annotations, e.annotations) {
		return fmt.Errorf("lost edit: the annotations of others are %v, and they wrote %v", annotations, e.annotations)
	}
	return nil
}
