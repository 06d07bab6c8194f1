package testutil

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
)

// APIServer keeps objects in memory and answers as a Kubernetes API server
// does, as far as resourceVersion, uid, dry run, JSON patch, server-side apply
// and managed fields are concerned.
type APIServer struct {
	// Date is what the Date header says; nil means the truth.
	Date func() time.Time
	// Intercept sees each request before it is carried out and may change
	// objects; a status other than 0 is the answer.
	Intercept func(Request) (status int)
	// WithoutIstio takes Istio's API away.
	WithoutIstio bool
	// Denies tells of a right, as in "patch gateways kubeflow/kubeflow-gateway",
	// whether the user lacks it; nil denies nothing. It answers access reviews
	// alone: requests are refused by Intercept.
	Denies func(right string) bool

	listener *pipeListener

	mu       sync.Mutex
	objects  map[string]*unstructured.Unstructured
	applied  map[string]map[string]map[string]any // by object and manager, what was applied last
	requests []Request
	version  int
}

// NewAPIServer starts an API server that ends with the test.
func NewAPIServer(t *testing.T, objects ...*unstructured.Unstructured) *APIServer {
	t.Helper()
	s := &APIServer{
		listener: newPipeListener(),
		objects:  map[string]*unstructured.Unstructured{},
		applied:  map[string]map[string]map[string]any{},
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(s.listener) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	for _, object := range objects {
		s.Put(object, "installer")
	}
	return s
}

type kubeconfig struct{ config *rest.Config }

func (k kubeconfig) ToRESTConfig() (*rest.Config, error) { return k.config, nil }

func (k kubeconfig) ToRawKubeConfigLoader() clientcmd.ClientConfig {
	return clientcmd.NewDefaultClientConfig(clientcmdapi.Config{
		CurrentContext: "test", Contexts: map[string]*clientcmdapi.Context{"test": {Cluster: "test"}},
		Clusters: map[string]*clientcmdapi.Cluster{"test": {Server: k.config.Host}},
	}, nil)
}

// Cluster opens a cluster on the API server, by the clock of this computer.
func (s *APIServer) Cluster(t *testing.T) *cluster.Cluster {
	t.Helper()
	return s.ClusterAt(t, time.Now)
}

// ClusterAt opens a cluster on the API server, by another clock.
func (s *APIServer) ClusterAt(t *testing.T, now func() time.Time) *cluster.Cluster {
	t.Helper()
	c, err := cluster.New(kubeconfig{&rest.Config{
		Host: "http://api.test", Dial: s.listener.Dial, ContentConfig: rest.ContentConfig{ContentType: "application/json"},
	}}, cluster.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Put stores an object as it is, as if a manager had written it; it may be a
// new one or one in place of another.
func (s *APIServer) Put(object *unstructured.Unstructured, manager string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	object = object.DeepCopy()
	key := resourceOf(object.GetKind()) + "/" + object.GetNamespace() + "/" + object.GetName()
	before := s.objects[key]
	object.SetUID(types.UID("uid-of-" + key))
	object.SetManagedFields(nil)
	if before != nil {
		object.SetManagedFields(before.GetManagedFields())
	}
	s.store(key, before, object, Request{Manager: manager, version: object.GetAPIVersion()})
}

// Change edits a stored object as a manager would.
func (s *APIServer) Change(kind, namespace, name, manager string, edit func(map[string]any)) {
	object := s.Get(kind, namespace, name)
	edit(object.Object)
	s.Put(object, manager)
}

// Remove deletes a stored object.
func (s *APIServer) Remove(kind, namespace, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, resourceOf(kind)+"/"+namespace+"/"+name)
}

// Get returns a copy of a stored object, nil when there is none.
func (s *APIServer) Get(kind, namespace, name string) *unstructured.Unstructured {
	s.mu.Lock()
	defer s.mu.Unlock()
	object := s.objects[resourceOf(kind)+"/"+namespace+"/"+name]
	if object == nil {
		return nil
	}
	return object.DeepCopy()
}

// Requests returns what was asked so far.
func (s *APIServer) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Writes returns the requests that changed something, or tried to.
func (s *APIServer) Writes() []string {
	var writes []string
	for _, request := range s.Requests() {
		if request.IsWrite() {
			writes = append(writes, request.String())
		}
	}
	return writes
}

// Forget empties the list of requests.
func (s *APIServer) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

// resourceOf is the plural of a kind.
func resourceOf(kind string) string { return strings.ToLower(kind) + "s" }

// kindOf is the kind of a plural, for lists.
var kindOf = map[string]string{
	"gateways": "Gateway", "virtualservices": "VirtualService", "services": "Service",
	"endpointslices": "EndpointSlice", "pods": "Pod", "secrets": "Secret", "configmaps": "ConfigMap",
}

// ServeHTTP implements http.Handler.
func (s *APIServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.Date != nil {
		w.Header().Set("Date", s.Date().UTC().Format(http.TimeFormat))
	}
	w.Header().Set("Content-Type", "application/json")
	request, err := readRequest(r)
	if err != nil {
		answer(w, http.StatusBadRequest, err.Error())
		return
	}
	s.mu.Lock()
	s.requests = append(s.requests, request)
	s.mu.Unlock()
	if s.Intercept != nil {
		if status := s.Intercept(request); status != 0 {
			answer(w, status, request.String()+" is refused")
			return
		}
	}
	s.mu.Lock()
	status, result := s.handle(request)
	s.mu.Unlock()
	if text, isText := result.(string); isText {
		answer(w, status, text)
		return
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(result)
}

// handle carries a request out. A string as result is the text of an error.
func (s *APIServer) handle(r Request) (status int, result any) {
	key := r.Resource + "/" + r.Namespace + "/" + r.Name
	object := s.objects[key]
	switch {
	case r.Verb == "group":
		return s.group(r.Name)
	case r.Verb == "review":
		return s.review(r)
	case r.Verb == "list":
		return http.StatusOK, s.list(r)
	case r.Verb == "apply":
		return s.apply(key, object, r)
	case object == nil:
		return http.StatusNotFound, fmt.Sprintf("%s %q not found", r.Resource, r.Name)
	case r.Verb == "patch":
		return s.patch(key, object, r)
	case r.Verb == "delete":
		return s.delete(key, object, r)
	}
	return http.StatusOK, in(object, r).Object
}

func (s *APIServer) group(name string) (int, any) {
	if s.WithoutIstio || name != "networking.istio.io" {
		return http.StatusNotFound, "the server could not find the requested resource"
	}
	version := func(v string) metav1.GroupVersionForDiscovery {
		return metav1.GroupVersionForDiscovery{GroupVersion: name + "/" + v, Version: v}
	}
	return http.StatusOK, metav1.APIGroup{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "APIGroup"}, Name: name,
		Versions: []metav1.GroupVersionForDiscovery{version("v1"), version("v1beta1")}, PreferredVersion: version("v1"),
	}
}

// review answers what a user may do, and who that is.
func (s *APIServer) review(r Request) (int, any) {
	if r.Resource == "selfsubjectreviews" {
		return http.StatusCreated, map[string]any{"status": map[string]any{"userInfo": map[string]any{"username": "somebody@example.com"}}}
	}
	var review authorizationv1.SelfSubjectAccessReview
	if err := json.Unmarshal(r.body, &review); err != nil {
		return http.StatusBadRequest, "a review is read as JSON alone: " + err.Error()
	}
	asked := review.Spec.ResourceAttributes
	right := asked.Verb + " " + asked.Resource
	if asked.Subresource != "" {
		right += "/" + asked.Subresource
	}
	review.Status.Allowed = s.Denies == nil || !s.Denies(right+" "+asked.Namespace+"/"+asked.Name)
	return http.StatusCreated, review
}

func (s *APIServer) list(r Request) any {
	selector, err := labels.Parse(r.query)
	items := []any{}
	for _, key := range slices.Sorted(maps.Keys(s.objects)) {
		object := s.objects[key]
		isAsked := strings.HasPrefix(key, r.Resource+"/"+r.Namespace) && (r.Namespace == "" || object.GetNamespace() == r.Namespace)
		if err == nil && isAsked && selector.Matches(labels.Set(object.GetLabels())) {
			items = append(items, in(object, r).Object)
		}
	}
	return map[string]any{
		"apiVersion": r.version, "kind": kindOf[r.Resource] + "List",
		"metadata": map[string]any{"resourceVersion": strconv.Itoa(s.version)}, "items": items,
	}
}

// in is an object in the version that is asked for.
func in(object *unstructured.Unstructured, r Request) *unstructured.Unstructured {
	object = object.DeepCopy()
	object.SetAPIVersion(r.version)
	return object
}

func answer(w http.ResponseWriter, status int, message string) {
	w.WriteHeader(status)
	reason := map[int]metav1.StatusReason{
		401: metav1.StatusReasonUnauthorized, 403: metav1.StatusReasonForbidden, 404: metav1.StatusReasonNotFound,
		409: metav1.StatusReasonConflict, 422: metav1.StatusReasonInvalid, 503: metav1.StatusReasonServiceUnavailable,
	}[status]
	_ = json.NewEncoder(w).Encode(metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
		Status:   metav1.StatusFailure, Message: message, Reason: reason, Code: int32(status), //nolint:gosec // an HTTP status
	})
}

// all returns the objects of a resource, in the order of their keys.
func (s *APIServer) all(resource string) []*unstructured.Unstructured {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*unstructured.Unstructured
	for _, key := range slices.Sorted(maps.Keys(s.objects)) {
		if strings.HasPrefix(key, resource+"/") {
			found = append(found, s.objects[key].DeepCopy())
		}
	}
	return found
}
