package insync

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// key names an object, whatever version of its API was asked.
type key struct{ group, kind, namespace, name string }

// held is what the API server held: objects with their resourceVersions, and
// for each kind the resourceVersion of the whole list.
type held struct {
	objects map[key]uint64
	lists   map[schema.GroupKind]uint64
}

// services are compared by istiod's registry, which names them by host.
var services = schema.GroupVersionKind{Version: "v1", Kind: "Service"}

// rereadPeriod is after how long the API server is asked again what it holds.
const rereadPeriod = time.Second

// istiodHasObjects waits until istiod has taken every object that the API server
// holds now, of all kinds that it watches. What is deleted meanwhile, such as the
// WorkloadEntry of a pod that ends, is not waited for.
func (w waiter) istiodHasObjects(ctx context.Context) error {
	var want *held
	var asked time.Time
	return until(ctx, func(ctx context.Context) (string, error) {
		if want == nil || time.Since(asked) > rereadPeriod {
			asked = time.Now()
			read, err := w.apiServerHolds(ctx)
			if err != nil {
				return err.Error(), nil
			}
			want = read
		}
		has, err := w.istiodHolds(ctx)
		if err != nil {
			return "istiod does not answer: " + err.Error(), nil
		}
		return want.lackingIn(has), nil
	})
}

// lackingIn tells what istiod does not know yet; "" for nothing. What is newer
// than the lists is not our concern.
func (h *held) lackingIn(istiod map[key]uint64) string {
	for k, version := range h.objects {
		if got, ok := istiod[k]; !ok || got < version {
			return fmt.Sprintf("istiod has not seen %s %s/%s (resourceVersion %d, has %d)", k.kind, k.namespace, k.name, version, got)
		}
	}
	for k, version := range istiod {
		list, asked := h.lists[schema.GroupKind{Group: k.group, Kind: k.kind}]
		if _, ok := h.objects[k]; asked && !ok && version <= list {
			return fmt.Sprintf("istiod still has %s %s/%s, which was deleted", k.kind, k.namespace, k.name)
		}
	}
	return ""
}

// apiServerHolds lists all kinds that istiod watches and the API server serves.
func (w waiter) apiServerHolds(ctx context.Context) (*held, error) {
	kinds, err := w.watchedKinds(ctx)
	if err != nil {
		return nil, err
	}
	h := &held{objects: map[key]uint64{}, lists: map[schema.GroupKind]uint64{}}
	var mu sync.Mutex
	var listing sync.WaitGroup
	var firstErr error
	for _, gvk := range append(kinds, services) {
		listing.Go(func() {
			found, version, err := w.list(ctx, gvk)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				firstErr = err
				return
			}
			h.lists[gvk.GroupKind()] = version
			for k, version := range found {
				h.objects[k] = version
			}
		})
	}
	listing.Wait()
	return h, firstErr
}

func (w waiter) watchedKinds(ctx context.Context) ([]schema.GroupVersionKind, error) {
	var all, served []schema.GroupVersionKind
	if err := w.get(ctx, w.Istiod+"/debug/resourcesz", &all); err != nil {
		return nil, fmt.Errorf("istiod does not answer: %w", err)
	}
	for _, gvk := range all {
		// Ingress is Kubernetes' own; istiod shows it translated.
		if _, ok := w.Kinds.Resource(gvk); ok && gvk.Group != "networking.k8s.io" {
			served = append(served, gvk)
		}
	}
	return served, nil
}

func (w waiter) list(ctx context.Context, gvk schema.GroupVersionKind) (map[key]uint64, uint64, error) {
	resource, ok := w.Kinds.Resource(gvk)
	if !ok {
		return nil, 0, fmt.Errorf("the API server serves no %s", gvk)
	}
	list, err := w.Dynamic.Resource(resource).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, 0, fmt.Errorf("list %s: %w", resource.Resource, err)
	}
	found := map[key]uint64{}
	for _, o := range list.Items {
		version, err := strconv.ParseUint(o.GetResourceVersion(), 10, 64)
		if err != nil {
			return nil, 0, fmt.Errorf("list %s: %w", resource.Resource, err)
		}
		found[key{gvk.Group, gvk.Kind, o.GetNamespace(), o.GetName()}] = version
	}
	version, err := strconv.ParseUint(list.GetResourceVersion(), 10, 64)
	if err != nil {
		return nil, 0, fmt.Errorf("list %s: %w", resource.Resource, err)
	}
	return found, version, nil
}

// istiodHolds asks istiod for its objects and its Services.
func (w waiter) istiodHolds(ctx context.Context) (map[key]uint64, error) {
	var configs []struct {
		APIVersion string            `json:"apiVersion"`
		Kind       string            `json:"kind"`
		Metadata   metav1.ObjectMeta `json:"metadata"`
	}
	if err := w.get(ctx, w.Istiod+"/debug/configz", &configs); err != nil {
		return nil, err
	}
	var registry []struct {
		ResourceVersion string
		Attributes      struct{ ServiceRegistry, Name, Namespace string }
	}
	if err := w.get(ctx, w.Istiod+"/debug/registryz", &registry); err != nil {
		return nil, err
	}
	has := map[key]uint64{}
	for _, c := range configs {
		group := schema.FromAPIVersionAndKind(c.APIVersion, c.Kind).Group
		has[key{group, c.Kind, c.Metadata.Namespace, c.Metadata.Name}] = number(c.Metadata.ResourceVersion)
	}
	for _, s := range registry {
		if s.Attributes.ServiceRegistry == "Kubernetes" {
			has[key{"", services.Kind, s.Attributes.Namespace, s.Attributes.Name}] = number(s.ResourceVersion)
		}
	}
	return has, nil
}

// number reads a resourceVersion; one that is none counts as the oldest.
func number(version string) uint64 {
	n, err := strconv.ParseUint(version, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// get asks istiod or Envoy for JSON.
func (w waiter) get(ctx context.Context, address string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", address, err)
	}
	answer, err := w.http.Do(request)
	if err != nil {
		return err // it names the address
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("ask %s: %s", address, answer.Status)
	}
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		return fmt.Errorf("read the answer of %s: %w", address, err)
	}
	return nil
}

// proxy is what istiod tells of one Envoy in /debug/syncz.
type proxy struct {
	Proxy     string             `json:"proxy"`
	Resources map[string]resType `json:"resources"`
}

type resType struct {
	Sent      string    `json:"sent"`
	Acked     string    `json:"acked"`
	SentTime  time.Time `json:"sentTime"`
	LastError string    `json:"lastError"`
}

// The types of resources that a gateway takes, as xDS names them.
const (
	typePrefix = "type.googleapis.com/envoy."
	clusters   = typePrefix + "config.cluster.v3.Cluster"
	listeners  = typePrefix + "config.listener.v3.Listener"
	secretType = typePrefix + "extensions.transport_sockets.tls.v3.Secret"
)

func (w waiter) syncz(ctx context.Context) (map[string]*proxy, error) {
	var all []proxy
	if err := w.get(ctx, w.Istiod+"/debug/syncz", &all); err != nil {
		return nil, err
	}
	byName := map[string]*proxy{}
	for i := range all {
		byName[all[i].Proxy] = &all[i]
	}
	return byName, nil
}

// refusal is the error of an Envoy that refused clusters, listeners or routes.
// A refused certificate is a state that can last, and no error.
func (p *proxy) refusal(pod string) error {
	for name, r := range p.Resources {
		if r.LastError != "" && name != secretType {
			return fmt.Errorf("%w: %s, %s: %s", errRefused, pod, name, r.LastError)
		}
	}
	return nil
}

// lacks tells what was sent and not taken, or is still to be sent: one push
// brings clusters, endpoints, listeners and routes in this order.
func (p *proxy) lacks(written time.Time) string {
	for name, r := range p.Resources {
		if r.Sent != r.Acked && r.LastError == "" {
			return name + " is under way"
		}
	}
	sent := p.Resources[listeners].SentTime
	if sent.Before(written) || sent.Before(p.Resources[clusters].SentTime) {
		return "the listeners are still to be sent"
	}
	return ""
}

// dumpURL is the query of Envoy's config_dump for one kind of resource.
func dumpURL(e Envoy, resource, nameRegex string) string {
	query := url.Values{"resource": {resource}}
	if nameRegex != "" {
		query.Set("name_regex", nameRegex)
	}
	return e.Admin + "/config_dump?" + query.Encode()
}
