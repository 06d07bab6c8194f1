package portforward_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	discoveryv1client "k8s.io/client-go/kubernetes/typed/discovery/v1"
	"k8s.io/client-go/rest"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
)

// The Service of Kubeflow's Istio, with two of its ports by name.
func ingressService() *corev1.Service {
	return &corev1.Service{
		TypeMeta:   metav1.TypeMeta{Kind: "Service", APIVersion: "v1"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "istio-system", Name: "istio-ingressgateway"},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"istio": "ingressgateway"},
			Ports: []corev1.ServicePort{
				{Name: "http2", Port: 80, TargetPort: intstr.FromInt32(8080)},
				{Name: "https", Port: 443, TargetPort: intstr.FromString("https")},
				{Name: "quic", Port: 444, TargetPort: intstr.FromInt32(8443), Protocol: corev1.ProtocolUDP},
			},
		},
	}
}

func ptr[T any](v T) *T { return &v }

func slicePorts(https int32) []discoveryv1.EndpointPort {
	return []discoveryv1.EndpointPort{
		{Name: ptr("http2"), Port: ptr[int32](8080)},
		{Name: ptr("https"), Port: ptr(https)},
	}
}

func endpoint(pod string, conditions discoveryv1.EndpointConditions) discoveryv1.Endpoint {
	return discoveryv1.Endpoint{
		Conditions: conditions,
		TargetRef:  &corev1.ObjectReference{Kind: "Pod", Name: pod, UID: types.UID("uid-" + pod)},
	}
}

// apiServer answers GETs from a table; a status makes an error of it.
func apiServer(t *testing.T, answers map[string]any) (corev1client.CoreV1Interface, discoveryv1client.DiscoveryV1Interface) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		answer, known := answers[r.URL.RequestURI()]
		if !known {
			answer = json.RawMessage(failure(404, metav1.StatusReasonNotFound, r.URL.RequestURI()+" not found"))
			w.WriteHeader(http.StatusNotFound)
		} else if status, failed := answer.(json.RawMessage); failed {
			w.WriteHeader(http.StatusForbidden)
			answer = status
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(server.Close)
	config := &rest.Config{Host: server.URL}
	core, err := corev1client.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	discovery, err := discoveryv1client.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return core, discovery
}

const (
	servicePath = "/api/v1/namespaces/istio-system/services/istio-ingressgateway"
	slicesPath  = "/apis/discovery.k8s.io/v1/namespaces/istio-system/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Distio-ingressgateway"
	podsPath    = "/api/v1/namespaces/istio-system/pods?labelSelector=istio%3Dingressgateway"
)

func resolve(t *testing.T, answers map[string]any) (*portforward.Service, error) {
	t.Helper()
	core, discovery := apiServer(t, answers)
	return portforward.Resolve(t.Context(), core, discovery, "istio-system", "istio-ingressgateway")
}

func pod(name string, ready, serving, terminating bool, ports map[int32]uint16) portforward.Pod {
	return portforward.Pod{
		Namespace: "istio-system", Name: name, UID: types.UID("uid-" + name),
		Ready: ready, Serving: serving, Terminating: terminating, Ports: ports,
	}
}

func TestResolve(t *testing.T) {
	yes, no := ptr(true), ptr(false)
	ready := discoveryv1.EndpointConditions{Ready: yes, Serving: yes, Terminating: no}
	full := map[int32]uint16{80: 8080, 443: 8443, 444: 8443}
	for name, tc := range map[string]struct {
		slices []discoveryv1.EndpointSlice
		want   []portforward.Pod
	}{
		"none": {},
		"ready ones first, by name": {
			slices: []discoveryv1.EndpointSlice{{Ports: slicePorts(8443), Endpoints: []discoveryv1.Endpoint{
				endpoint("c", discoveryv1.EndpointConditions{Ready: no, Serving: no}),
				endpoint("d", discoveryv1.EndpointConditions{Ready: no, Serving: yes, Terminating: yes}),
				endpoint("b", ready),
				endpoint("a", discoveryv1.EndpointConditions{}),
			}}},
			want: []portforward.Pod{
				pod("a", true, true, false, full),
				pod("b", true, true, false, full),
				pod("d", false, true, true, full),
				pod("c", false, false, false, full),
			},
		},
		"a pod in two slices": {
			slices: []discoveryv1.EndpointSlice{
				{AddressType: discoveryv1.AddressTypeIPv4, Ports: slicePorts(8443), Endpoints: []discoveryv1.Endpoint{endpoint("a", ready)}},
				{AddressType: discoveryv1.AddressTypeIPv6, Ports: slicePorts(8443), Endpoints: []discoveryv1.Endpoint{endpoint("a", ready)}},
			},
			want: []portforward.Pod{pod("a", true, true, false, full)},
		},
		"named ports that differ during a rollout": {
			slices: []discoveryv1.EndpointSlice{
				{Ports: slicePorts(8443), Endpoints: []discoveryv1.Endpoint{endpoint("old", ready)}},
				{Ports: slicePorts(9443), Endpoints: []discoveryv1.Endpoint{endpoint("new", ready)}},
			},
			want: []portforward.Pod{
				pod("new", true, true, false, map[int32]uint16{80: 8080, 443: 9443, 444: 8443}),
				pod("old", true, true, false, full),
			},
		},
		"a slice without ports": {
			slices: []discoveryv1.EndpointSlice{{Endpoints: []discoveryv1.Endpoint{endpoint("a", ready)}}},
			want:   []portforward.Pod{pod("a", true, true, false, map[int32]uint16{80: 8080, 444: 8443})},
		},
		"endpoints that are no pods": {
			slices: []discoveryv1.EndpointSlice{{Ports: slicePorts(8443), Endpoints: []discoveryv1.Endpoint{{Conditions: ready}}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			service, err := resolve(t, map[string]any{
				servicePath: ingressService(),
				slicesPath:  &discoveryv1.EndpointSliceList{Items: tc.slices},
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, service.Pods, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("pods (-want +got):\n%s", diff)
			}
			ready := slices.Collect(func(yield func(string) bool) {
				for _, p := range tc.want {
					if p.Ready && !yield(p.Name) {
						return
					}
				}
			})
			if got := len(service.Ready()); got != len(ready) {
				t.Errorf("%d ready pods, want %v", got, ready)
			}
		})
	}
}

// TestResolveByPods: ordinary users may not list EndpointSlices.
func TestResolveByPods(t *testing.T) {
	gateway := func(name string, phase corev1.PodPhase, ready corev1.ConditionStatus) corev1.Pod {
		return corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "istio-system", Name: name, UID: types.UID("uid-" + name)},
			Spec: corev1.PodSpec{Containers: []corev1.Container{{
				Ports: []corev1.ContainerPort{{Name: "https", ContainerPort: 8443}},
			}}},
			Status: corev1.PodStatus{Phase: phase, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}},
		}
	}
	leaving := gateway("leaving", corev1.PodRunning, corev1.ConditionTrue)
	leaving.DeletionTimestamp = ptr(metav1.Now())
	forbidden := json.RawMessage(failure(403, metav1.StatusReasonForbidden, "no"))
	service, err := resolve(t, map[string]any{
		servicePath: ingressService(),
		slicesPath:  forbidden,
		podsPath: &corev1.PodList{Items: []corev1.Pod{
			gateway("starting", corev1.PodRunning, corev1.ConditionFalse), leaving,
			gateway("evicted", corev1.PodFailed, corev1.ConditionFalse),
			gateway("good", corev1.PodRunning, corev1.ConditionTrue),
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	full := map[int32]uint16{80: 8080, 443: 8443, 444: 8443}
	want := []portforward.Pod{
		pod("good", true, true, false, full),
		pod("leaving", false, true, true, full),
		pod("starting", false, false, false, full),
	}
	if diff := cmp.Diff(want, service.Pods); diff != "" {
		t.Errorf("pods (-want +got):\n%s", diff)
	}
}

func TestResolveErrors(t *testing.T) {
	forbidden := json.RawMessage(failure(403, metav1.StatusReasonForbidden, "no"))
	bare := ingressService()
	bare.Spec.Selector = nil
	for name, tc := range map[string]struct {
		answers map[string]any
		want    fault.Reason
	}{
		"no Service":        {map[string]any{}, fault.NotFound},
		"forbidden Service": {map[string]any{servicePath: forbidden}, fault.Forbidden},
		"forbidden pods":    {map[string]any{servicePath: ingressService(), slicesPath: forbidden, podsPath: forbidden}, fault.Forbidden},
		"no selector":       {map[string]any{servicePath: bare, slicesPath: forbidden}, fault.Forbidden},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := resolve(t, tc.answers); fault.ReasonOf(err) != tc.want {
				t.Errorf("reason %q, want %q: %v", fault.ReasonOf(err), tc.want, err)
			}
		})
	}
}

func TestTarget(t *testing.T) {
	service := &portforward.Service{Object: ingressService()}
	gateway := pod("gateway", true, true, false, map[int32]uint16{80: 8080, 443: 8443, 444: 8443})
	for remote, want := range map[string]uint16{
		"443": 8443, "https": 8443, "80": 8080, "http2": 8080,
		"8443": 8443, "9443": 9443, "15021": 15021, // the pod's own
		"444":  0, // UDP
		"22":   0,
		"grpc": 0, "": 0, "0": 0, "70000": 0, "-1": 0,
	} {
		target, err := service.Target(gateway, remote)
		if target.Port != want || (err == nil) != (want != 0) {
			t.Errorf("%q leads to %d, %v, want %d", remote, target.Port, err, want)
		}
		if err != nil && (fault.ReasonOf(err) != fault.NoServicePort || fault.HintOf(err) != "the ports there are: 80 (http2), 443 (https), 444 (quic)") {
			t.Errorf("%q: %s, hint %q", remote, fault.ReasonOf(err), fault.HintOf(err))
		}
	}
	for remote, want := range map[string]uint16{"80": 8080, "https": 0, "9443": 9443} {
		if got := service.ContainerPort(remote); got != want {
			t.Errorf("without pods %q leads to %d, want %d", remote, got, want)
		}
	}
	service.Pods = []portforward.Pod{gateway}
	if got := service.ContainerPort("https"); got != 8443 {
		t.Errorf("with a pod https leads to %d", got)
	}
	gateway.Ports = nil
	if _, err := service.Target(gateway, "443"); fault.ReasonOf(err) != fault.NoServicePort {
		t.Errorf("a pod without the named port: %v", err)
	}
}
