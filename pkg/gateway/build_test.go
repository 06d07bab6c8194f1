package gateway

import (
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

// testTime is when the certificates of the tests are made: the beginning of a
// synctest bubble's time.
var testTime = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

var testAuthority = sync.OnceValues(func() (*ca.Authority, error) {
	return ca.NewAuthority(ca.AuthorityOptions{Permit: ca.DefaultNames(), Now: testTime})
})

func authority(t *testing.T) *ca.Authority {
	t.Helper()
	a, err := testAuthority()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func newLeaf(t *testing.T) *ca.Leaf {
	t.Helper()
	leaf, err := authority(t).NewLeaf(ca.LeafOptions{Names: ca.DefaultNames(), Now: testTime})
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

// frontDoor is one that was found, with the first Gateway as Kubeflow's.
func frontDoor(gateways ...*unstructured.Unstructured) *FrontDoor {
	return &FrontDoor{
		Gateway: gateways[0], Others: gateways[1:], Resource: gatewaysIn("v1"), Era: session.EraOAuth2Proxy,
		Ingress: &portforward.Service{
			Object: &corev1.Service{
				ObjectMeta: metav1.ObjectMeta{Namespace: kubeflowServiceNamespace, Name: kubeflowService},
				Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{
					{Port: 80, TargetPort: intstr.FromInt32(8080)}, {Port: 443, TargetPort: intstr.FromInt32(8443)},
				}},
			},
			Pods: []portforward.Pod{pod("gateway-a"), pod("gateway-b")},
		},
	}
}

func pod(name string) portforward.Pod {
	return portforward.Pod{
		Namespace: kubeflowServiceNamespace, Name: name, Ready: true, Serving: true,
		Ports: map[int32]uint16{80: 8080, 443: 8443},
	}
}

// wantReason fails the test unless an error has a reason; "" means no error.
func wantReason(t *testing.T, err error, want fault.Reason) {
	t.Helper()
	if got := fault.ReasonOf(err); got != want {
		t.Fatalf("got error %v of reason %q, want reason %q", err, got, want)
	}
}

func kubeflowGateway(more ...map[string]any) *unstructured.Unstructured {
	return testutil.KubeflowGateway(more...)
}
