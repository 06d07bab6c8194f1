//go:build e2e && linux

package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/rogpeppe/go-internal/testscript"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"
)

var webhookConfigurations = schema.GroupVersionResource{
	Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingwebhookconfigurations",
}

// webhook is an admission webhook of somebody else, which says no or nothing.
type webhook struct {
	server *httptest.Server
	client dynamic.Interface
	name   string
	probed atomic.Bool
	closed chan struct{} // lets what hangs go
	once   sync.Once
}

// webhookObject asks the webhook about one kind of object, and about ConfigMaps with a
// label of ours, by which it is seen that the API server knows of it.
const webhookObject = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: %[1]s}
webhooks:
- name: %[1]s.example.com
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Fail
  timeoutSeconds: %[2]s
  clientConfig: {url: "%[3]s/decide", caBundle: %[4]s}
  rules: [{apiGroups: ["*"], apiVersions: ["*"], resources: [%[5]s], operations: [CREATE, UPDATE, DELETE]}]
  matchConditions: [{name: asked, expression: "%[6]s"}]
- name: probe.example.com
  admissionReviewVersions: [v1]
  sideEffects: None
  clientConfig: {url: "%[3]s/probe", caBundle: %[4]s}
  objectSelector: {matchLabels: {kftls-stories: probe}}
  rules: [{apiGroups: [""], apiVersions: [v1], resources: [configmaps], operations: [CREATE]}]
`

// cmdWebhook puts a webhook before the writes of one kind of object.
func cmdWebhook(ts *testscript.TestScript, neg bool, args []string) {
	if !neg && len(args) == 2 && args[1] == "gone" {
		w, ok := storyOf(ts).doubles[args[0]].(*webhook)
		if !ok {
			ts.Fatalf("there is no webhook %s", args[0])
		}
		w.close()
		return
	}
	if neg || len(args) < 4 || args[1] != "refuses" && args[1] != "hangs" {
		ts.Fatalf("usage: webhook NAME refuses|hangs RESOURCE SECONDS [really], webhook NAME gone")
	}
	client, err := dynamic.NewForConfig(storyOf(ts).bed.config)
	ts.Check(err)
	w := &webhook{client: client, name: args[0], closed: make(chan struct{})}
	w.server = httptest.NewUnstartedServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) { w.answer(out, r, args[1]) }))
	w.server.StartTLS()
	storyOf(ts).doubles[args[0]] = w
	condition := "true"
	if len(args) > 4 { // the dry run passes
		condition = "!request.dryRun"
	}
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.server.Certificate().Raw})
	var object unstructured.Unstructured
	ts.Check(yaml.Unmarshal(fmt.Appendf(nil, webhookObject, args[0], args[3], w.server.URL, base64.StdEncoding.EncodeToString(authority), args[2], condition), &object.Object))
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	_, err = client.Resource(webhookConfigurations).Create(ctx, &object, metav1.CreateOptions{})
	ts.Check(err)
	if !wait(waitLimit, func() bool { return w.isKnown(ctx) }) {
		ts.Fatalf("the API server does not ask the webhook within %s", waitLimit)
	}
}

// isKnown tells whether the API server asks the webhook by now.
func (w *webhook) isKnown(ctx context.Context) bool {
	probe := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": "kftls-stories-probe", "labels": map[string]any{"kftls-stories": "probe"}},
	}}
	maps := w.client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace("kube-system")
	_, _ = maps.Create(ctx, probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}) // whether it was asked, the webhook knows
	return w.probed.Load()
}

func (w *webhook) answer(out http.ResponseWriter, r *http.Request, how string) {
	if strings.HasPrefix(r.URL.Path, "/decide") && how == "hangs" {
		<-w.closed
		return
	}
	var review struct {
		Request struct {
			UID string `json:"uid"`
		} `json:"request"`
	}
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
		http.Error(out, err.Error(), http.StatusBadRequest)
		return
	}
	isProbe := strings.HasPrefix(r.URL.Path, "/probe")
	if isProbe {
		w.probed.Store(true)
	}
	out.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(out, `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":%q,"allowed":%t,`+
		`"status":{"message":"it needs the label cost-centre"}}}`, review.Request.UID, isProbe)
}

// close takes the webhook out of the cluster. A second time does nothing.
func (w *webhook) close() {
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	_ = w.client.Resource(webhookConfigurations).Delete(ctx, w.name, metav1.DeleteOptions{}) // whether it is gone, the story's end compares
	w.once.Do(func() { close(w.closed) })
	w.server.Close()
}
