package diagnose

import (
	"net/url"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/internal/testutil"
)

const irisHost = "iris.team.example.com"

// irisRoute is what KServe makes for an InferenceService team/iris
// (createIngress in its ingress_reconciler.go), with a route by path as well.
func irisRoute() *unstructured.Unstructured {
	match := func(gateway, host string) map[string]any {
		return map[string]any{
			"authority": map[string]any{"regex": `^(?i)` + host + `(?::\d{1,5})?$`},
			"gateways":  []any{gateway},
		}
	}
	byPath := match("kubeflow/kubeflow-gateway", "models.example.com")
	byPath["uri"] = map[string]any{"prefix": "/serving/team/iris/"}
	v := testutil.Object("networking.istio.io/v1", "VirtualService", "team", "iris", map[string]any{
		"spec": map[string]any{
			"gateways": []any{"knative-serving/knative-local-gateway", "mesh", "kubeflow/kubeflow-gateway"},
			"hosts":    []any{"iris.team.svc.cluster.local", irisHost, "models.example.com"},
			"http": []any{
				map[string]any{"match": []any{
					match("knative-serving/knative-local-gateway", "iris.team.svc.cluster.local"), match("kubeflow/kubeflow-gateway", irisHost),
				}},
				map[string]any{"match": []any{byPath}},
			},
		},
	})
	v.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "serving.kserve.io/v1beta1", Kind: "InferenceService", Name: "iris"}})
	return v
}

// models are the InferenceServices of the cluster.
func models(list ...Model) change {
	return func(f *Facts) { f.Objects.Models = ok(list) }
}

func iris() Model {
	return Model{Namespace: "team", Name: "iris", URL: "http://" + irisHost, route: irisRoute()}
}

// hostHeader sends a Host header of its own.
func hostHeader(host string) change { return func(f *Facts) { f.Aim.Model.Host = host } }

// modelSays is the answer to the request for the model.
func modelSays(a *Answer) change {
	return func(f *Facts) { each(isOwn, func(r *Road) { r.Answers[f.Aim.Model.Path] = a })(f) }
}

func modelExamples() []example {
	const predict = "http://localhost:8080/v1/models/iris:predict"
	signIn := eraToday()[frontPath]
	other := iris()
	other.Name, other.route = "other", nil
	other.URL = "http://other.team.example.com"
	return []example{
		finds("KFT907", "known as "+irisHost+" alone", to(predict), models(iris(), other)),
		finds("KFT907", "known as other.team.example.com alone", to("http://127.0.0.1:8080/v2/models/other/infer"), models(iris(), other)),
		finds("KFT907", "known as "+irisHost+" alone", to("http://localhost:8080/v1/models/resnet:predict"), models(iris())),
		finds("KFT907", "no InferenceService takes requests", to("http://localhost:8080/v1/models/resnet:predict"), models(iris(), other)),
		finds("KFT907", "has no address yet", to(predict), models(Model{Namespace: "team", Name: "iris", NotReady: "Revision failed"})),
		finds("KFT907", "such as NAME.NAMESPACE", to(predict), withoutCluster, modelSays(signIn)),
		clears("KFT907", Passed, to(predict), models(iris()), hostHeader(irisHost)),
		clears("KFT907", Passed, to("http://localhost:8080/v1/models/other"), models(other), hostHeader("other.team.example.com")),
		clears("KFT907", Passed, to("http://localhost:8080/serving/team/iris/v1/models/iris"), models(iris()), hostHeader("models.example.com")),
		finds("KFT907", "known as "+irisHost, to("http://localhost:8080/serving/team/iris/v1/models/iris"), models(iris())),
		clears("KFT907", Skipped, to("http://localhost:8080/serving/team/iris/v1/models/iris"), withoutCluster, modelSays(signIn)),
		clears("KFT907", Skipped, to("http://models.example.com/v1/models/iris"), withoutCluster, modelSays(signIn)),
		clears("KFT907", Skipped, to("http://localhost:8080/v1/models/iris"), withoutCluster),
		clears("KFT907", Skipped, to(local)),
		finds("KFT102", "the name by which the gateway knows InferenceService", to("http://"+irisHost+"/v1/models/iris"), models(iris()),
			each(isOwn, dialled(errNoName))),
		finds("KFT908", "a request without a session", to(predict), models(iris()), hostHeader(irisHost), modelSays(signIn)),
		clears("KFT908", Passed, to(predict), models(iris()), hostHeader(irisHost), modelSays(answer(200, "application/json", `{"ready":true}`))),
		clears("KFT908", Skipped, to(predict), models(iris()), hostHeader(irisHost)),
		clears("KFT908", Skipped, to(predict), models(iris()), hostHeader(irisHost), modelSays(signIn), func(f *Facts) { f.Aim.HasSession = true }),
		clears("KFT908", Skipped, to(local)),
	}
}

func TestNamedModels(t *testing.T) {
	for path, want := range map[string][2]string{
		"/v1/models/iris:predict":       {"", "iris"},
		"/v2/models/iris/infer":         {"", "iris"},
		"/v1/models":                    {"", ""},
		"/openai/v1/completions":        {"", ""},
		"/serving/team/iris/v1/models/": {"team", "iris"},
		"/serving/team":                 {"", ""},
	} {
		asked := modelAim(&url.URL{Scheme: "http", Host: "localhost", Path: path}, "")
		if asked == nil {
			t.Errorf("%s is no model's", path)
			continue
		}
		if namespace, name := asked.named(); namespace != want[0] || name != want[1] {
			t.Errorf("%s: %q %q, want %q", path, namespace, name, want)
		}
	}
	for _, path := range []string{"", "/", "/pipeline/apis/v2beta1/healthz", "/v1/modelsx"} {
		if asked := modelAim(&url.URL{Scheme: "http", Host: "localhost", Path: path}, ""); asked != nil {
			t.Errorf("%s is taken for a model's: %+v", path, asked)
		}
	}
}

// TestModelAskedWell: who names the model and brings a session is told nothing,
// also where the model's own name leads to its server alone.
func TestModelAskedWell(t *testing.T) {
	notFound := answer(404, "application/json", `{"error":"not found"}`, "Server", "istio-envoy", "X-Envoy-Upstream-Service-Time", "3")
	for name, with := range map[string][]change{
		"the name in the Host header": {to("http://localhost:8080/v1/models/iris"), hostHeader(irisHost)},
		"the name in the address":     {to("http://" + irisHost + "/v1/models/iris"), says(dexPath, notFound), says(proxyPath, notFound), says(startPath, notFound)},
	} {
		t.Run(name, func(t *testing.T) {
			f := healthy(append(with, models(iris()), given([]string{"oauth2_proxy_kubeflow"}, answer(200, "application/json", pipelinesHealth)))...)
			got, _ := f.judged()
			for _, x := range got.findings {
				t.Errorf("%s %s", x.Code, x.Cause)
			}
		})
	}
}
