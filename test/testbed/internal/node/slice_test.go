package node

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// member is a pod of a Service app=a at 10.244.0.OCTET.
func member(name string, octet int, change ...func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, Labels: map[string]string{"app": "a", "more": "x"}},
		Spec: corev1.PodSpec{NodeName: Name, Containers: []corev1.Container{{
			Name: "c", Args: []string{"proxy", "router"},
			Ports: []corev1.ContainerPort{{Name: "web", ContainerPort: 8443}},
		}}},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, PodIP: fmt.Sprintf("10.244.0.%d", octet),
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		},
	}
	for _, c := range change {
		c(pod)
	}
	return pod
}

func notReady(p *corev1.Pod)    { p.Status.Conditions[0].Status = corev1.ConditionFalse }
func terminating(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} }
func notGateway(p *corev1.Pod)  { p.Spec.Containers[0].Args = nil }
func webOn(port int32) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Spec.Containers[0].Ports[0].ContainerPort = port }
}

func service(change ...func(*corev1.Service)) *corev1.Service {
	s := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "svc", UID: "s-1"},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": "a"},
			Ports: []corev1.ServicePort{
				{Name: "http2", Port: 80, TargetPort: intstr.FromInt32(8080)},
				{Name: "https", Port: 443, TargetPort: intstr.FromString("web")},
				{Name: "same", Port: 15021},
			},
		},
	}
	for _, c := range change {
		c(s)
	}
	return s
}

// slicesText is the slices in a form that is easy to compare.
func slicesText(all []*discoveryv1.EndpointSlice) []string {
	var out []string
	for _, s := range all {
		var ports, endpoints []string
		for _, p := range s.Ports {
			ports = append(ports, fmt.Sprintf("%s=%d", *p.Name, *p.Port))
		}
		for _, e := range s.Endpoints {
			var is []string
			if *e.Conditions.Ready {
				is = append(is, "ready")
			}
			if *e.Conditions.Serving {
				is = append(is, "serving")
			}
			if *e.Conditions.Terminating {
				is = append(is, "terminating")
			}
			endpoints = append(endpoints, e.TargetRef.Name+" "+e.Addresses[0]+" "+strings.Join(is, "+"))
		}
		out = append(out, strings.Join(ports, ",")+" | "+strings.Join(endpoints, ", "))
	}
	return out
}

func TestSlicesFor(t *testing.T) {
	const all = "http2=8080,https=8443,same=15021 | "
	for _, test := range []struct {
		name    string
		service *corev1.Service
		pods    []*corev1.Pod
		want    []string
	}{
		{"two ready, in order", service(), []*corev1.Pod{member("b", 12), member("a", 11)}, []string{all + "a 10.244.0.11 ready+serving, b 10.244.0.12 ready+serving"}},
		{"not ready", service(), []*corev1.Pod{member("a", 11, notReady)}, []string{all + "a 10.244.0.11 "}},
		{"terminating", service(), []*corev1.Pod{member("a", 11, terminating)}, []string{all + "a 10.244.0.11 serving+terminating"}},
		{
			"not ready but published", service(func(s *corev1.Service) { s.Spec.PublishNotReadyAddresses = true }),
			[]*corev1.Pod{member("a", 11, notReady)},
			[]string{all + "a 10.244.0.11 ready"},
		},
		{"no gateway, no ports", service(), []*corev1.Pod{member("a", 21, notGateway)}, []string{" | a 10.244.0.21 ready+serving"}},
		{
			"ports differ between pods", service(),
			[]*corev1.Pod{member("a", 11), member("b", 12, webOn(9443))},
			[]string{all + "a 10.244.0.11 ready+serving", "http2=8080,https=9443,same=15021 | b 10.244.0.12 ready+serving"},
		},
		{
			"named port that no container has", service(func(s *corev1.Service) { s.Spec.Ports[1].TargetPort = intstr.FromString("none") }),
			[]*corev1.Pod{member("a", 11)},
			[]string{"http2=8080,same=15021 | a 10.244.0.11 ready+serving"},
		},
		{"no pods", service(), nil, []string{" | "}},
		{"others' pods", service(), []*corev1.Pod{
			member("other-label", 11, func(p *corev1.Pod) { p.Labels = map[string]string{"app": "b"} }),
			member("other-namespace", 12, func(p *corev1.Pod) { p.Namespace = "other" }),
			member("no-address", 13, func(p *corev1.Pod) { p.Status.PodIP = "" }),
			member("ended", 14, func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }),
		}, []string{" | "}},
		{"no selector", service(func(s *corev1.Service) { s.Spec.Selector = nil }), []*corev1.Pod{member("a", 11)}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := slicesText(slicesFor(test.service, test.pods)); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got\n%q, want\n%q", got, test.want)
			}
		})
	}
}

func TestSlicesKeepTheirNames(t *testing.T) {
	pods := []*corev1.Pod{member("a", 11)}
	before := slicesFor(service(), pods)[0]
	after := slicesFor(service(func(s *corev1.Service) { s.Spec.Ports = s.Spec.Ports[:1] }), pods)[0]
	if before.Name != after.Name || !strings.HasPrefix(before.Name, "svc-") {
		t.Errorf("a change of ports renamed slice %s to %s", before.Name, after.Name)
	}
	if owner := before.OwnerReferences[0]; owner.Kind != "Service" || owner.UID != "s-1" {
		t.Errorf("owner %v, want the Service", owner)
	}
	if before.Labels[discoveryv1.LabelServiceName] != "svc" || before.Labels[discoveryv1.LabelManagedBy] == "" {
		t.Errorf("labels %v", before.Labels)
	}
}

func TestEntryFor(t *testing.T) {
	published := service(func(s *corev1.Service) { s.Spec.PublishNotReadyAddresses = true })
	for _, test := range []struct {
		name     string
		pod      *corev1.Pod
		services []*corev1.Service
		want     bool
	}{
		{"ready", member("a", 21, notGateway), []*corev1.Service{service()}, true},
		{"not ready", member("a", 21, notGateway, notReady), []*corev1.Service{service()}, false},
		{"terminating", member("a", 21, notGateway, terminating), []*corev1.Service{service()}, false},
		{"not ready but published", member("a", 21, notGateway, notReady), []*corev1.Service{service(), published}, true},
		{"no Service selects it", member("a", 21, notGateway), nil, false},
		{"gateway", member("a", 11), []*corev1.Service{service()}, false},
		{"istiod", member("a", 21, notGateway, func(p *corev1.Pod) { p.Spec.Containers[0].Image = "istio/pilot:1" }), []*corev1.Service{service()}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			entry := entryFor(test.pod, test.services, netip.MustParseAddr("127.0.71.21"))
			if (entry != nil) != test.want {
				t.Fatalf("entry %v, want one: %v", entry, test.want)
			}
			if entry == nil {
				return
			}
			want := map[string]any{
				"address": "127.0.71.21", "serviceAccount": "default",
				"labels": map[string]any{"app": "a", "more": "x"},
				"ports":  map[string]any{"web": int64(8443)}, // numbered targetPorts need none
			}
			if got := entry.Object["spec"]; !reflect.DeepEqual(got, want) {
				t.Errorf("spec %v, want %v", got, want)
			}
		})
	}
}

func TestServiceName(t *testing.T) {
	for _, test := range []struct{ host, name, namespace string }{
		{"dex.auth.svc.cluster.local", "dex", "auth"},
		{"dex.auth.svc", "dex", "auth"},
		{"dex.auth", "dex", "auth"},
		{"dex", "", ""},
		{"example.com.org", "", ""},
		{".auth.svc", "", ""},
		{"", "", ""},
	} {
		name, namespace, ok := serviceName(test.host)
		if ok != (test.name != "") || ok && (name != test.name || namespace != test.namespace) {
			t.Errorf("serviceName(%q) = %q, %q, %v", test.host, name, namespace, ok)
		}
	}
}
