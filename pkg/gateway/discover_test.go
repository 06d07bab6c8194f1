package gateway

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

var gatewayLabels = map[string]string{"istio": "ingressgateway", "app": "istio-ingressgateway"}

func TestDiscover(t *testing.T) {
	own := testutil.Gateway("team", "own", testutil.HTTPS("x", 443, "theirs", "*"))
	elsewhere := testutil.Gateway("knative", "local", testutil.HTTP("http", 80, "*"))
	elsewhere.Object["spec"].(map[string]any)["selector"] = map[string]any{"istio": "cluster-local-gateway"}
	unselective := testutil.Gateway("mesh", "all", testutil.HTTP("http", 81, "*"))
	delete(unselective.Object["spec"].(map[string]any), "selector")
	renamed := testutil.Gateway("auth", "main", testutil.HTTP("http", 80, "*"))

	tests := []struct {
		name     string
		with     []*unstructured.Unstructured
		without  [][3]string
		refuse   map[string]int
		gateway  types.NamespacedName
		optional bool

		want   string // the Gateway, the Service and the ready pods
		others []string
		notes  []string
		reason fault.Reason
		says   string
	}{
		{name: "as shipped", want: "kubeflow/kubeflow-gateway; istio-system/istio-ingressgateway; gateway-a gateway-b"},
		{
			name: "others of the same pods", with: []*unstructured.Unstructured{own, elsewhere, unselective},
			want:   "kubeflow/kubeflow-gateway; istio-system/istio-ingressgateway; gateway-a gateway-b",
			others: []string{"mesh/all", "team/own"},
		},
		{
			name: "an explicit one", with: []*unstructured.Unstructured{own}, gateway: types.NamespacedName{Namespace: "team", Name: "own"},
			want: "team/own; istio-system/istio-ingressgateway; gateway-a gateway-b", others: []string{"kubeflow/kubeflow-gateway"},
		},
		{
			name: "Gateways may not be listed", refuse: map[string]int{"list gateways": http.StatusForbidden},
			want:  "kubeflow/kubeflow-gateway; istio-system/istio-ingressgateway; gateway-a gateway-b",
			notes: []string{"other Gateways of the same pods were not checked: "},
		},
		{
			name: "the login's Services may not be read", refuse: map[string]int{"get services oauth2-proxy/oauth2-proxy": http.StatusForbidden},
			want: "kubeflow/kubeflow-gateway; istio-system/istio-ingressgateway; gateway-a gateway-b",
		},
		{
			name: "EndpointSlices may not be listed", refuse: map[string]int{"list endpointslices": http.StatusForbidden},
			with: []*unstructured.Unstructured{testutil.Pod("istio-system", "by-label", gatewayLabels)},
			want: "kubeflow/kubeflow-gateway; istio-system/istio-ingressgateway; by-label",
		},

		{
			name: "renamed", without: [][3]string{{"Gateway", "kubeflow", "kubeflow-gateway"}},
			with:  []*unstructured.Unstructured{renamed, testutil.VirtualService("auth", "dex", "auth/main", "/dex/")},
			want:  "auth/main; istio-system/istio-ingressgateway; gateway-a gateway-b",
			notes: []string{"Gateway kubeflow/kubeflow-gateway does not exist; Kubeflow's VirtualServices point at auth/main"},
		},
		{
			name: "renamed, in the VirtualService's own namespace, beside others", without: [][3]string{{"Gateway", "kubeflow", "kubeflow-gateway"}},
			with: []*unstructured.Unstructured{
				renamed, testutil.VirtualService("auth", "dex", "main", "/dex/"), testutil.VirtualService("auth", "mesh", "mesh", "/jupyter/"),
				testutil.VirtualService("shop", "shop", "shop/door", "/shop/"), testutil.VirtualService("kubeflow", "old", "kubeflow-gateway", "/jupyter/"),
			},
			want:  "auth/main; istio-system/istio-ingressgateway; gateway-a gateway-b",
			notes: []string{"Gateway kubeflow/kubeflow-gateway does not exist; Kubeflow's VirtualServices point at auth/main"},
		},
		{
			name: "renamed, and VirtualServices point at several", without: [][3]string{{"Gateway", "kubeflow", "kubeflow-gateway"}},
			with: []*unstructured.Unstructured{
				renamed, own, testutil.VirtualService("auth", "dex", "auth/main", "/dex/"), testutil.VirtualService("auth", "ui", "team/own", "/jupyter/"),
			},
			reason: fault.NotKubeflow, says: "Kubeflow's VirtualServices point at several: auth/main, team/own",
		},
		{
			name: "no Gateway of Kubeflow's", without: [][3]string{{"Gateway", "kubeflow", "kubeflow-gateway"}},
			with: []*unstructured.Unstructured{own}, reason: fault.NotKubeflow, says: "there is no Gateway kubeflow/kubeflow-gateway; the cluster has team/own",
		},
		{
			name: "no Gateway at all", without: [][3]string{{"Gateway", "kubeflow", "kubeflow-gateway"}},
			reason: fault.NotKubeflow, says: "it has no Kubeflow, or not this one",
		},
		{
			name: "nothing may be listed", without: [][3]string{{"Gateway", "kubeflow", "kubeflow-gateway"}},
			refuse: map[string]int{"list gateways": http.StatusForbidden, "list virtualservices": http.StatusForbidden},
			reason: fault.NotKubeflow, says: "there is no Gateway kubeflow/kubeflow-gateway",
		},
		{
			name: "an explicit one that is missing", gateway: types.NamespacedName{Namespace: "team", Name: "own"},
			reason: fault.NotKubeflow, says: "there is no Gateway team/own; the cluster has kubeflow/kubeflow-gateway",
		},
		{
			name: "the Gateway may not be read", refuse: map[string]int{"get gateways": http.StatusForbidden},
			reason: fault.Forbidden, says: "read Gateway kubeflow/kubeflow-gateway: ",
		},
		{
			name: "the API server fails", refuse: map[string]int{"group": http.StatusServiceUnavailable},
			reason: fault.Unreachable, says: "ask for the API group networking.istio.io: ",
		},

		{
			name: "the Service renamed", without: [][3]string{{"Service", "istio-system", "istio-ingressgateway"}},
			with: []*unstructured.Unstructured{
				testutil.Pod("edge", "p", gatewayLabels), testutil.Service("edge", "metrics", map[int64]int64{9090: 9090}),
				testutil.Service("edge", "web", map[int64]int64{443: 8443}), testutil.Endpoints("edge", "web", "p"),
				testutil.Object("v1", "Service", "edge", "external", map[string]any{"spec": map[string]any{}}),
			},
			want:  "kubeflow/kubeflow-gateway; edge/web; p",
			notes: []string{"Service istio-system/istio-ingressgateway does not stand in front of the Gateway's pods; edge/web does"},
		},
		{
			name: "the Service renamed, and pods may be listed in istio-system alone", without: [][3]string{{"Service", "istio-system", "istio-ingressgateway"}},
			refuse: map[string]int{"list pods /": http.StatusForbidden},
			with: []*unstructured.Unstructured{
				testutil.Pod("istio-system", "p", gatewayLabels), testutil.Service("istio-system", "web", map[int64]int64{443: 8443}),
				testutil.Endpoints("istio-system", "web", "p"),
			},
			want:  "kubeflow/kubeflow-gateway; istio-system/web; p",
			notes: []string{"Service istio-system/istio-ingressgateway does not stand"},
		},
		{
			name: "no pod of the Gateway", without: [][3]string{{"Service", "istio-system", "istio-ingressgateway"}},
			reason: fault.NoReadyPod, says: "no pod matches the selector istio=ingressgateway of Gateway kubeflow/kubeflow-gateway",
		},
		{
			name: "no Service of the pods", without: [][3]string{{"Service", "istio-system", "istio-ingressgateway"}},
			with:   []*unstructured.Unstructured{testutil.Pod("edge", "p", gatewayLabels)},
			reason: fault.NotFound, says: "no Service in namespace edge selects the gateway pod p",
		},
		{
			name: "no Service, and no selector to search by", without: [][3]string{{"Service", "istio-system", "istio-ingressgateway"}},
			with: []*unstructured.Unstructured{unselective}, gateway: types.NamespacedName{Namespace: "mesh", Name: "all"},
			reason: fault.NotFound, says: "Gateway mesh/all has no selector",
		},
		{
			name: "the Service may not be read", refuse: map[string]int{"get services istio-system/istio-ingressgateway": http.StatusForbidden},
			reason: fault.Forbidden, says: "read Service istio-system/istio-ingressgateway: ",
		},
		{
			name: "no pod is ready", with: []*unstructured.Unstructured{testutil.Endpoints("istio-system", "istio-ingressgateway", "!a", "!b")},
			reason: fault.NoReadyPod, says: "no gateway pod behind Service istio-system/istio-ingressgateway is ready: 2 found, none ready",
		},
		{
			name: "no pod", with: []*unstructured.Unstructured{testutil.Endpoints("istio-system", "istio-ingressgateway")},
			reason: fault.NoReadyPod, says: "is ready: there is none",
		},

		{
			name: "pods optional: none ready", optional: true, with: []*unstructured.Unstructured{testutil.Endpoints("istio-system", "istio-ingressgateway", "!a")},
			want: "kubeflow/kubeflow-gateway; istio-system/istio-ingressgateway; ",
		},
		{
			name: "pods optional: no Service", optional: true, without: [][3]string{{"Service", "istio-system", "istio-ingressgateway"}},
			want:  "kubeflow/kubeflow-gateway; istio-system/istio-ingressgateway; ",
			notes: []string{"the gateway pods are taken to be in namespace istio-system: no pod matches"},
		},
		{
			name: "pods optional: the Service may not be read", optional: true,
			refuse: map[string]int{"get services istio-system/istio-ingressgateway": http.StatusForbidden},
			want:   "kubeflow/kubeflow-gateway; istio-system/istio-ingressgateway; ",
			notes:  []string{"the gateway pods are taken to be in namespace istio-system: read Service"},
		},
		{
			name: "pods optional: the API server fails", optional: true,
			refuse: map[string]int{"list endpointslices": http.StatusServiceUnavailable},
			reason: fault.Unreachable, says: "list the EndpointSlices",
		},
		{
			name: "pods optional: no Gateway", optional: true, without: [][3]string{{"Gateway", "kubeflow", "kubeflow-gateway"}},
			reason: fault.NotKubeflow, says: "there is no Gateway",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				g := newGround(t, test.with...)
				for _, object := range test.without {
					g.api.Remove(object[0], object[1], object[2])
				}
				g.api.Intercept = func(r testutil.Request) int {
					for prefix, status := range test.refuse {
						if strings.HasPrefix(r.String(), prefix) {
							return status
						}
					}
					return 0
				}
				door, err := Discover(t.Context(), g.writer.Cluster, DiscoverOptions{Gateway: test.gateway, PodsOptional: test.optional})
				wantReason(t, err, test.reason)
				if test.reason != "" {
					if !strings.Contains(err.Error(), test.says) {
						t.Errorf("got %q, want %q in it", err, test.says)
					}
					return
				}
				var pods, others []string
				for _, pod := range door.ReadyPods() {
					pods = append(pods, pod.Name)
				}
				for _, other := range door.Others {
					others = append(others, objectName(other))
				}
				if got := door.Name() + "; " + door.ServiceName() + "; " + strings.Join(pods, " "); got != test.want {
					t.Errorf("got %q, want %q", got, test.want)
				}
				if diff := cmp.Diff(test.others, others); diff != "" {
					t.Errorf("others (-want +got)\n%s", diff)
				}
				if len(door.Notes) != len(test.notes) {
					t.Fatalf("notes %q", door.Notes)
				}
				for i, want := range test.notes {
					if !strings.HasPrefix(door.Notes[i], want) {
						t.Errorf("note %q, want %q", door.Notes[i], want)
					}
				}
			})
		})
	}
}

func TestDiscoverWithoutIstio(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g := newGround(t)
		g.api.WithoutIstio = true
		_, err := Discover(t.Context(), g.writer.Cluster, DiscoverOptions{})
		wantReason(t, err, fault.NoIstio)
		if !strings.Contains(err.Error(), "http://api.test does not serve networking.istio.io") {
			t.Errorf("got %q", err)
		}
	})
}

func TestDiscoverAsksLittle(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g := newGround(t)
		g.door(t)
		if asked := g.api.Requests(); len(asked) > 7 {
			t.Errorf("%d requests: %v", len(asked), asked)
		}
	})
}

func TestEra(t *testing.T) {
	tests := []struct {
		name string
		with []*unstructured.Unstructured
		old  bool
		want session.Era
	}{
		{"oauth2-proxy", nil, false, session.EraOAuth2Proxy},
		{"both, after an upgrade", []*unstructured.Unstructured{testutil.Service("istio-system", "authservice", nil)}, false, session.EraOAuth2Proxy},
		{"AuthService", []*unstructured.Unstructured{testutil.Service("istio-system", "authservice", nil)}, true, session.EraAuthService},
		{"neither", nil, true, session.EraUnknown},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				g := newGround(t, test.with...)
				if test.old {
					g.api.Remove("Service", "oauth2-proxy", "oauth2-proxy")
				}
				if got := g.door(t).Era; got != test.want {
					t.Errorf("got %q", got)
				}
			})
		})
	}
}
