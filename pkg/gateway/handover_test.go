package gateway

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// managed is a Gateway that Argo CD keeps.
func managed(more ...map[string]any) *unstructured.Unstructured {
	gateway := kubeflowGateway(more...)
	gateway.SetAnnotations(map[string]string{"argocd.argoproj.io/tracking-id": "kubeflow:x"})
	return gateway
}

func ourServer() map[string]any { return testutil.HTTPS(ServerName, 443, SecretName, "*") }

func handedOver(t *testing.T, gateway *unstructured.Unstructured, spec Spec) []Handover {
	t.Helper()
	door := frontDoor(gateway)
	changes, handed, err := PlanServers(door, spec.Resolve(door))
	if err != nil || len(changes) > 0 {
		t.Fatalf("changes %v, %v", changes, err)
	}
	return handed
}

func TestAManagedGatewayIsHandedOver(t *testing.T) {
	handed := handedOver(t, managed(), Spec{})
	if len(handed) != 1 || handed[0].Manager != "Argo CD" ||
		handed[0].String() != "Gateway kubeflow/kubeflow-gateway: Argo CD keeps it as its own source says, where this is to be done: add the HTTPS server https-kftls" {
		t.Fatalf("got %v", handed)
	}
	text, err := handed[0].Patch()
	if err != nil {
		t.Fatal(err)
	}
	const want = `# JSON patch (RFC 6902) of Gateway kubeflow/kubeflow-gateway, for the source that Argo CD keeps it by.
# In a kustomization.yaml (Flux: spec.patches, Argo CD: spec.source.kustomize.patches):
#   patches:
#   - path: kftls.yaml # this file
#     target: {group: networking.istio.io, kind: Gateway, namespace: kubeflow, name: kubeflow-gateway}
# A strategic merge would replace the whole list of servers.
- op: add
  path: /spec/servers/-
  value:
    hosts:
    - '*'
    port:
      name: https-kftls
      number: 443
      protocol: HTTPS
    tls:
      credentialName: kftls-gateway
      mode: SIMPLE
`
	if diff := cmp.Diff(want, text); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAManagedGatewayThatHasOurServer(t *testing.T) {
	if handed := handedOver(t, managed(ourServer()), Spec{}); len(handed) != 0 {
		t.Errorf("handed over %v", handed)
	}
}

func TestForceChangesAManagedGateway(t *testing.T) {
	door := frontDoor(managed())
	changes, handed, err := PlanServers(door, Spec{Force: true}.Resolve(door))
	if err != nil || len(changes) != 1 || len(handed) != 0 {
		t.Errorf("changes %v, handed %v, %v", changes, handed, err)
	}
}

// TestPatchesMakeTheSource applies each patch to the source, in which our server
// is not, and wants what was planned.
func TestPatchesMakeTheSource(t *testing.T) {
	on := true
	empty := managed()
	unstructured.RemoveNestedField(empty.Object, "spec", "servers")
	for name, test := range map[string]struct {
		source, live *unstructured.Unstructured
		spec         Spec
	}{
		"no server yet":        {empty, empty, Spec{}},
		"the first time":       {managed(), managed(), Spec{}},
		"another port":         {managed(), managed(ourServer()), Spec{Port: 9443}},
		"with the redirect":    {managed(), managed(), Spec{HTTPSRedirect: &on}},
		"ours is not the last": {managed(testutil.HTTP("more", 8888, "*")), managed(ourServer(), testutil.HTTP("more", 8888, "*")), Spec{Port: 9443, HTTPSRedirect: &on}},
	} {
		t.Run(name, func(t *testing.T) {
			handed := handedOver(t, test.live, test.spec)
			text, err := handed[0].Patch()
			if err != nil {
				t.Fatal(err)
			}
			body, err := yaml.YAMLToJSON([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			patch, err := jsonpatch.DecodePatch(body)
			if err != nil {
				t.Fatal(err)
			}
			source, err := test.source.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			result, err := patch.Apply(source)
			if err != nil {
				t.Fatal(err)
			}
			made := &unstructured.Unstructured{}
			if err := json.Unmarshal(result, &made.Object); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(byName(handed[0].After), byName(made)); diff != "" {
				t.Errorf("(-planned +made)\n%s", diff)
			}
		})
	}
}

func byName(gateway *unstructured.Unstructured) map[string]Server {
	servers := map[string]Server{}
	for _, server := range Servers(gateway) {
		servers[server.Name] = server
	}
	return servers
}

func TestTeardownLeavesWhatTheSourceKeeps(t *testing.T) {
	installed := &Installed{SecretName: SecretName}
	door := frontDoor(managed(ourServer()))
	plan, err := PlanTeardown(door, installed, false)
	if err != nil || !plan.Empty() || !strings.HasPrefix(strings.Join(plan.Left, ""), "Gateway kubeflow/kubeflow-gateway: Argo CD keeps our server in it; take the patch out") {
		t.Errorf("got %+v, %v", plan, err)
	}
	if plan, err = PlanTeardown(door, installed, true); err != nil || len(plan.Changes) != 1 {
		t.Errorf("by force: %+v, %v", plan, err)
	}
	patched := setUp(t, managed(), Spec{Force: true})
	if plan, err = PlanTeardown(frontDoor(patched), installed, false); err != nil || len(plan.Changes) != 1 {
		t.Errorf("what setup changed itself: %+v, %v", plan, err)
	}
}

func TestAwaitSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := testutil.NewAPIServer(t, managed())
		door := frontDoor(api.Get("Gateway", "kubeflow", "kubeflow-gateway"))
		spec := Spec{}.Resolve(door)
		handed := handedOver(t, door.Gateway, spec)[0]
		c := api.Cluster(t)

		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		err := AwaitSync(ctx, c, door, handed, spec)
		wantReason(t, err, fault.Timeout)
		if !strings.Contains(err.Error(), "has no server of ours on port 443 yet") || !strings.Contains(fault.HintOf(err), "Argo CD has synced") {
			t.Errorf("got %v, %s", err, fault.HintOf(err))
		}

		time.AfterFunc(time.Minute, func() { api.Put(managed(ourServer()), "argocd-controller") })
		began := time.Now()
		if err := AwaitSync(t.Context(), c, door, handed, spec); err != nil {
			t.Fatal(err)
		}
		if _, stands := door.OurServer(SecretName); !stands || time.Since(began) < time.Minute {
			t.Errorf("after %s, the server stands: %v", time.Since(began), stands)
		}
	})
}
