package gateway

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
)

func TestOverlapping(t *testing.T) {
	other := testutil.Gateway("team", "own", testutil.HTTPS("own", 443, "theirs", "*.example.com"))
	ours := setUp(t, kubeflowGateway(), Spec{})
	elsewhere := setUp(t, testutil.Gateway("team", "own"), Spec{})
	tests := []struct {
		name     string
		gateways []*unstructured.Unstructured
		port     int32
		hosts    []string
		secret   string
		want     []string
	}{
		{"none", []*unstructured.Unstructured{kubeflowGateway()}, 443, []string{"*"}, SecretName, nil},
		{"a plain server on the port, whatever its hosts", []*unstructured.Unstructured{kubeflowGateway()}, 80, []string{"x"}, SecretName, []string{"http"}},
		{"in another Gateway", []*unstructured.Unstructured{kubeflowGateway(), other}, 443, []string{"a.example.com"}, SecretName, []string{"own"}},
		{"another port", []*unstructured.Unstructured{kubeflowGateway(), other}, 9443, []string{"*"}, SecretName, nil},
		{"other hosts", []*unstructured.Unstructured{kubeflowGateway(), other}, 443, []string{"example.com"}, SecretName, nil},
		{"ours", []*unstructured.Unstructured{ours}, 443, []string{"*"}, SecretName, nil},
		{"ours of another Secret", []*unstructured.Unstructured{ours}, 443, []string{"*"}, "mine", nil},
		{"of our name, in another Gateway beside ours", []*unstructured.Unstructured{ours, elsewhere}, 443, []string{"*"}, "mine", []string{ServerName}},
		{"of our name, in another Gateway", []*unstructured.Unstructured{kubeflowGateway(), ours}, 443, []string{"*"}, "mine", []string{ServerName}},
		{"swapped", []*unstructured.Unstructured{kubeflowGateway(testutil.HTTPS("https", 443, SecretName, "*"))}, 443, []string{"*"}, SecretName, nil},
		{
			"several",
			[]*unstructured.Unstructured{kubeflowGateway(testutil.HTTPS("https", 443, "a", "*")), other},
			443,
			[]string{"*"},
			SecretName,
			[]string{"https", "own"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, taken := range frontDoor(test.gateways...).Overlapping(test.port, test.hosts, test.secret) {
				got = append(got, taken.Server.Name)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	taken := frontDoor(kubeflowGateway(), other).Overlapping(443, []string{"*"}, SecretName)[0]
	if got, want := taken.String(), "Gateway team/own, server 443/HTTPS own hosts *.example.com Secret theirs"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPodPort(t *testing.T) {
	door := frontDoor(kubeflowGateway())
	door.Ingress.Object.Spec.Ports = append(door.Ingress.Object.Spec.Ports,
		corev1.ServicePort{Port: 8080, TargetPort: intstr.FromInt32(9090)}, corev1.ServicePort{Port: 444, TargetPort: intstr.FromString("https")})
	tests := []struct {
		name   string
		pod    portforward.Pod
		port   int32
		want   uint16
		reason fault.Reason
	}{
		{"as the slice says", portforward.Pod{Ports: map[int32]uint16{443: 18443}}, 443, 18443, ""},
		{"as the Service says", portforward.Pod{}, 8080, 9090, ""},
		{"not published", portforward.Pod{}, 9443, 9443, ""},
		{"the largest", portforward.Pod{}, 65535, 65535, ""},
		{"privileged", portforward.Pod{}, 445, 0, fault.NoServicePort},
		{"a name that nobody resolved", portforward.Pod{}, 444, 0, fault.NoServicePort},
		{"no port", portforward.Pod{}, 70000, 0, fault.NoServicePort},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := door.PodPort(test.pod, test.port)
			wantReason(t, err, test.reason)
			if got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

func TestReadyPods(t *testing.T) {
	door := frontDoor(kubeflowGateway())
	door.Ingress.Pods = []portforward.Pod{{Name: "a", Ready: true}, {Name: "b"}, {Name: "c", Ready: true, Terminating: true}}
	if got := door.ReadyPods(); len(got) != 1 || got[0].Name != "a" {
		t.Errorf("got %v", got)
	}
}

func TestServersOfADoor(t *testing.T) {
	own := testutil.Gateway("team", "own", testutil.HTTP("plain", 8080, "*"), testutil.HTTPS("tls", 443, "s", "*"))
	door := frontDoor(testutil.Gateway("kubeflow", "kubeflow-gateway"), own)
	if server, ok := door.OurServer("s"); !ok || server.Name != "tls" {
		t.Errorf("our server %v, %v", server, ok)
	}
	if _, ok := door.OurServer("x"); ok {
		t.Error("a server of no Secret of ours")
	}
}

func TestFieldManager(t *testing.T) {
	if got := FieldManager("0123456789abcdef", "0a1b2c3d4e5f"); got != "kubectl-kftls-0123456789ab-0a1b2c3d4e5f" || !isOurManager(got) {
		t.Errorf("got %q", got)
	}
	if isOurManager("kubectl") || isOurManager("kubectl-kftls") {
		t.Error("a manager of somebody counts as ours")
	}
}

func TestPlainServer(t *testing.T) {
	own := testutil.Gateway("team", "own", testutil.HTTP("own", 8080, "*"), testutil.HTTPS("tls", 443, "s", "*"))
	named := testutil.Gateway("kubeflow", "kubeflow-gateway", testutil.HTTP("http", 80, "kubeflow.example.com"))
	tests := []struct {
		name string
		door *FrontDoor
		host string
		want string
	}{
		{"Kubeflow's", frontDoor(kubeflowGateway(), own), "localhost", "http"},
		{"the published one", frontDoor(own, kubeflowGateway()), "localhost", "http"},
		{"by its host", frontDoor(named, own), "kubeflow.example.com", "http"},
		{"of another host", frontDoor(named), "localhost", ""},
		{"unpublished, and the only one", frontDoor(named, own), "localhost", "own"},
		{"none", frontDoor(testutil.Gateway("kubeflow", "kubeflow-gateway")), "localhost", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server, ok := test.door.PlainServer(test.host)
			if server.Name != test.want || ok != (test.want != "") {
				t.Errorf("got %v, %v", server, ok)
			}
		})
	}
}
