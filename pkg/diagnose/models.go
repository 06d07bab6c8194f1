package diagnose

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
)

// ModelAim is a request for an InferenceService.
type ModelAim struct {
	// Host is what the Host header says.
	Host string
	Path string
}

// modelPaths are where the inference protocols and KServe's routing by path begin
// (https://kserve.github.io/website/latest/modelserving/data_plane/data_plane/;
// /serving/ is pathTemplate's example in its inferenceservice-config).
var modelPaths = regexp.MustCompile(`^/(v1/models|v2/models|openai/v1|serving)(/|$)`)

// modelAim is the request of a URL, nil where it is no InferenceService's.
func modelAim(address *url.URL, host string) *ModelAim {
	if address == nil || !modelPaths.MatchString(address.Path) {
		return nil
	}
	if host == "" {
		host = address.Hostname()
	}
	return &ModelAim{Host: host, Path: address.Path}
}

// named are the namespace and the model that a path names, "" for what it does not.
func (a *ModelAim) named() (namespace, name string) {
	parts := strings.Split(strings.Trim(a.Path, "/"), "/")
	if parts[0] == "serving" && len(parts) >= 3 {
		return parts[1], parts[2]
	}
	if len(parts) >= 3 && parts[1] == "models" {
		name, _, _ = strings.Cut(parts[2], ":")
	}
	return "", name
}

// Model is an InferenceService.
type Model struct {
	Namespace, Name string
	// URL is its status.url, "" where it has none or only its route could be read.
	URL string
	// NotReady is what its condition Ready says, "" where that is True or unknown.
	NotReady string

	route *unstructured.Unstructured // nil for none
}

// models are the InferenceServices: their objects where these may be read, and
// those that VirtualServices are owned by.
func (r reader) models(o *Objects) Known[[]Model] {
	var found []Model
	for i := range o.VirtualServices.Value {
		v := &o.VirtualServices.Value[i]
		if owner := modelOwner(v); owner != "" {
			found = append(found, Model{Namespace: v.GetNamespace(), Name: owner, route: v})
		}
	}
	objects, err := inferenceServices(r.ctx, r.cluster)
	for i := range objects {
		object := &objects[i]
		at := slices.IndexFunc(found, func(m Model) bool {
			return m.Namespace == object.GetNamespace() && m.Name == object.GetName()
		})
		if at < 0 {
			at, found = len(found), append(found, Model{Namespace: object.GetNamespace(), Name: object.GetName()})
		}
		found[at].URL, _, _ = unstructured.NestedString(object.Object, "status", "url")
		if status, message := conditionOf(object, "Ready"); status != string(metav1.ConditionTrue) {
			found[at].NotReady = message
		}
	}
	if len(found) > 0 { // who may see routes alone sees enough
		return Known[[]Model]{Value: found}
	}
	return know(found, err)
}

// modelOwner is the InferenceService that KServe made a VirtualService for.
func modelOwner(v *unstructured.Unstructured) string {
	for _, owner := range v.GetOwnerReferences() {
		if owner.Kind == "InferenceService" {
			return owner.Name
		}
	}
	return ""
}

// inferenceServices are KServe's objects; none where it is not installed.
func inferenceServices(ctx context.Context, c *cluster.Cluster) ([]unstructured.Unstructured, error) {
	kind := schema.GroupVersionResource{Group: "serving.kserve.io", Version: "v1beta1", Resource: "inferenceservices"}
	list, err := c.Dynamic.Resource(kind).List(ctx, fromCache(""))
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, cluster.Explain(err, "list KServe's InferenceServices")
	}
	return list.Items, nil
}

// hosts are the names by which a model is asked from outside of the cluster.
func (m Model) hosts() []string {
	var names []string
	if u, err := url.Parse(m.URL); err == nil && u.Hostname() != "" {
		names = append(names, u.Hostname())
	}
	if m.route != nil {
		for _, host := range stringsIn(m.route.Object, "spec", "hosts") {
			if !strings.HasSuffix(host, ".svc.cluster.local") && !slices.Contains(names, host) {
				names = append(names, host)
			}
		}
	}
	return names
}

// takes tells whether a request at a Gateway is this model's.
func (m Model) takes(gatewayName string, asked *ModelAim) bool {
	if m.route == nil {
		u, err := url.Parse(m.URL)
		return err == nil && u.Host != "" && strings.EqualFold(u.Hostname(), asked.Host) && strings.HasPrefix(asked.Path, u.Path)
	}
	if !takesHost(m.route, asked.Host) {
		return false
	}
	rules, _, _ := unstructured.NestedSlice(m.route.Object, "spec", "http")
	for _, entry := range rules {
		rule, _ := entry.(map[string]any)
		matches, has, _ := unstructured.NestedSlice(rule, "match")
		if !has {
			return true
		}
		for _, match := range matches {
			condition, _ := match.(map[string]any)
			gateways := qualified(m.route, stringsIn(condition, "gateways"))
			if len(gateways) > 0 && !slices.Contains(gateways, gatewayName) {
				continue
			}
			if fits(condition, "authority", asked.Host) && fits(condition, "uri", asked.Path) {
				return true
			}
		}
	}
	return false
}

// fits tells whether a field of a request is as a VirtualService's match wants it.
func fits(condition map[string]any, field, value string) bool {
	wanted, has := condition[field].(map[string]any)
	if !has {
		return true
	}
	text := func(kind string) string { s, _ := wanted[kind].(string); return s }
	switch {
	case wanted["exact"] != nil:
		return value == text("exact")
	case wanted["prefix"] != nil:
		return strings.HasPrefix(value, text("prefix"))
	}
	// Envoy wants the whole text to match.
	pattern, err := regexp.Compile("^(?:" + text("regex") + ")$")
	return err == nil && pattern.MatchString(value)
}

// probeModel asks for a model's path without a session: what the login or the
// gateway itself says is not said by the model, which is not woken for it.
func (r *Road) probeModel(ctx context.Context, client http.RoundTripper) {
	front := r.answer(frontPath)
	if r.model == nil || front == nil || !front.Wall.Stops() {
		return
	}
	a := fetch(ctx, client, r.Origin, r.model.Path, http.Header{"Host": {r.model.Host}})
	a.Path = r.model.Path
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Answers[r.model.Path] = a
}
