package gateway

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/cluster"
)

func texts(rights []cluster.Right) []string {
	var all []string
	for _, right := range rights {
		all = append(all, right.String())
	}
	return all
}

func TestRightsOfAPlan(t *testing.T) {
	plan := &Plan{Changes: []Change{
		{Action: Create, Resource: configMaps, After: testutil.Object("v1", "ConfigMap", "kubeflow", "kftls-ca", nil)},
		{Action: Update, Resource: gatewaysIn("v1"), Before: kubeflowGateway(), After: kubeflowGateway()},
		{Action: Delete, Resource: secrets, Before: testutil.Object("v1", "Secret", "istio-system", "mine", nil)},
	}}
	want := []string{
		"create configmaps kubeflow/kftls-ca", "patch configmaps kubeflow/kftls-ca",
		"patch gateways.networking.istio.io kubeflow/kubeflow-gateway",
		"delete secrets istio-system/mine",
	}
	if diff := cmp.Diff(want, texts(plan.Rights())); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestRightsOfPlaces(t *testing.T) {
	usual := UsualPlaces(types.NamespacedName{}, "")
	if diff := cmp.Diff(usual, frontDoor(kubeflowGateway()).Places(SecretName)); diff != "" {
		t.Errorf("Kubeflow's own names (-usual +found)\n%s", diff)
	}
	for _, right := range slices.Concat(usual.WriteRights(), usual.TeardownRights()) {
		if right.Name == "" {
			t.Errorf("%s is not limited to a name", right)
		}
	}
	elsewhere := usual
	elsewhere.Service.Name = "my-gateway"
	more := strings.Join(texts(elsewhere.LookRights()), "\n")
	for _, want := range []string{
		"get services istio-system/my-gateway", "get services istio-system/istio-ingressgateway",
		"list services in namespace istio-system", "list pods in namespace istio-system",
	} {
		if !strings.Contains(more, want) {
			t.Errorf("to find another Service, %q is missing in:\n%s", want, more)
		}
	}
}

func TestRoles(t *testing.T) {
	places := UsualPlaces(types.NamespacedName{Namespace: "kubeflow", Name: "mine"}, "")
	got, err := Roles(slices.Concat(places.LookRights()[:3], places.WriteRights()[:2], places.WriteRights()[:1]), `ann: "x"`)
	if err != nil {
		t.Fatal(err)
	}
	const want = `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: kubectl-kftls
  namespace: kubeflow
rules:
- apiGroups:
  - networking.istio.io
  resourceNames:
  - mine
  resources:
  - gateways
  verbs:
  - get
  - patch
- apiGroups:
  - ""
  resourceNames:
  - kftls-ca
  resources:
  - configmaps
  verbs:
  - get
  - create
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: kubectl-kftls
  namespace: kubeflow
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: kubectl-kftls
subjects:
- apiGroup: rbac.authorization.k8s.io
  kind: User
  name: 'ann: "x"'
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: kubectl-kftls
  namespace: istio-system
rules:
- apiGroups:
  - ""
  resourceNames:
  - istio-ingressgateway
  resources:
  - services
  verbs:
  - get
`
	if !strings.HasPrefix(got, want) {
		t.Errorf("(-want +got)\n%s", cmp.Diff(want, got))
	}
}
