package testutil

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"k8s.io/apimachinery/pkg/types"
)

// Request is what was asked of the API server.
type Request struct {
	// Verb is get, list, patch, apply or delete, group for a look at an API group,
	// and review for a question about rights.
	Verb string
	// Resource is the plural, without its group.
	Resource, Namespace, Name string
	DryRun, Force             bool
	Manager                   string

	body    []byte
	version string
	query   string
}

// String is the verb and what it is about, as in "patch gateways kubeflow/kubeflow-gateway".
func (r Request) String() string {
	text := r.Verb + " " + r.Resource + " " + r.Namespace + "/" + r.Name
	if r.DryRun {
		text += " (dry run)"
	}
	return text
}

// IsWrite tells a request that changes something.
func (r Request) IsWrite() bool {
	return !r.DryRun && (r.Verb == "patch" || r.Verb == "apply" || r.Verb == "delete")
}

// readRequest takes a path of the API apart.
func readRequest(r *http.Request) (Request, error) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	query := r.URL.Query()
	request := Request{
		Verb: "get", DryRun: query.Get("dryRun") == "All", Force: query.Get("force") == "true",
		Manager: query.Get("fieldManager"), query: query.Get("labelSelector"),
	}
	var err error
	if request.body, err = io.ReadAll(r.Body); err != nil {
		return request, err
	}
	if parts[0] == "apis" && len(parts) == 2 {
		request.Verb, request.Name = "group", parts[1]
		return request, nil
	}
	rest := parts[min(2, len(parts)):]
	request.version = "v1"
	if parts[0] == "apis" {
		request.version, rest = strings.Join(parts[1:3], "/"), parts[3:]
	}
	if len(rest) > 2 && rest[0] == "namespaces" {
		request.Namespace, rest = rest[1], rest[2:]
	}
	request.Resource = rest[0]
	if len(rest) > 1 {
		request.Name = rest[1]
	}
	switch {
	case r.Method == http.MethodDelete:
		request.Verb = "delete"
		request.DryRun = strings.Contains(string(request.body), `"dryRun":["All"]`)
	case r.Method == http.MethodPatch && r.Header.Get("Content-Type") == string(types.JSONPatchType):
		request.Verb = "patch"
	case r.Method == http.MethodPatch:
		request.Verb = "apply"
	case r.Method == http.MethodPost && strings.HasSuffix(request.Resource, "reviews"):
		request.Verb = "review"
	case r.Method != http.MethodGet:
		return request, fmt.Errorf("%s is not served", r.Method)
	case request.Name == "":
		request.Verb = "list"
	}
	return request, nil
}
