package gateway

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

func TestNewlyExposed(t *testing.T) {
	for name, test := range map[string]struct {
		gateway *unstructured.Unstructured
		port    int32
		change  func(service *corev1.Service)
		want    string
	}{
		"inside the cluster alone": {kubeflowGateway(), 443, func(*corev1.Service) {}, ""},
		"a load balancer that has no address yet": {kubeflowGateway(), 443, func(service *corev1.Service) {
			service.Spec.Type = corev1.ServiceTypeLoadBalancer
		}, "its load balancer"},
		"a load balancer": {kubeflowGateway(), 443, func(service *corev1.Service) {
			service.Spec.Type, service.Spec.Ports[1].NodePort = corev1.ServiceTypeLoadBalancer, 31443
			service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "203.0.113.5"}, {Hostname: "lb.example.com"}}
		}, "its load balancer (203.0.113.5, lb.example.com), by port 31443 of every node"},
		"a node port": {kubeflowGateway(), 443, func(service *corev1.Service) {
			service.Spec.Type, service.Spec.Ports[1].NodePort = corev1.ServiceTypeNodePort, 31443
		}, "port 31443 of every node"},
		"an external IP": {kubeflowGateway(), 443, func(service *corev1.Service) {
			service.Spec.ExternalIPs = []string{"203.0.113.6"}
		}, "its external IPs 203.0.113.6"},
		"a port that is not published": {kubeflowGateway(), 9443, func(service *corev1.Service) {
			service.Spec.Type = corev1.ServiceTypeLoadBalancer
		}, ""},
		"a port that was served before": {kubeflowGateway(testutil.HTTPS("https", 443, "theirs", "x.example.com")), 443, func(service *corev1.Service) {
			service.Spec.Type = corev1.ServiceTypeLoadBalancer
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			door := frontDoor(test.gateway)
			test.change(door.Ingress.Object)
			want := test.want
			if want != "" {
				want = "Service istio-system/istio-ingressgateway publishes it by " + want
			}
			if got := door.NewlyExposed(test.port); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestAPrivatePort(t *testing.T) {
	for name, test := range map[string]struct {
		gateway *unstructured.Unstructured
		change  func(door *FrontDoor)
		asked   int32
		want    int32
	}{
		"the first one": {kubeflowGateway(), func(*FrontDoor) {}, 0, 9443},
		"that others left free": {kubeflowGateway(testutil.HTTPS("more", 9443, "theirs", "*")), func(door *FrontDoor) {
			door.Ingress.Object.Spec.Ports = append(door.Ingress.Object.Spec.Ports, corev1.ServicePort{Port: 9444})
			door.Ingress.Pods[0].Ports[15443] = 9445
		}, 0, 9446},
		"the one in use":       {kubeflowGateway(testutil.HTTPS(ServerName, 9999, SecretName, "*")), func(*FrontDoor) {}, 0, 9999},
		"in place of a public": {kubeflowGateway(testutil.HTTPS(ServerName, 443, SecretName, "*")), func(*FrontDoor) {}, 0, 9443},
		"that was asked for":   {kubeflowGateway(), func(*FrontDoor) {}, 10443, 10443},
	} {
		t.Run(name, func(t *testing.T) {
			door := frontDoor(test.gateway)
			test.change(door)
			spec := Spec{Private: true, Port: test.asked}.Resolve(door)
			if err := spec.RequirePrivate(door); err != nil || spec.Port != test.want {
				t.Errorf("got %d, %v, want %d", spec.Port, err, test.want)
			}
		})
	}
	door := frontDoor(kubeflowGateway())
	err := Spec{Private: true, Port: 443}.Resolve(door).RequirePrivate(door)
	wantReason(t, err, fault.Usage)
	if !strings.Contains(err.Error(), "port 443 is not private: Service istio-system/istio-ingressgateway publishes it") {
		t.Errorf("got %v", err)
	}
}
