package gateway

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

func TestObjectsLeaveOutWhatTheServerAdds(t *testing.T) {
	live := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": "Gateway",
		"metadata": map[string]any{
			"name": "kubeflow-gateway", "namespace": "kubeflow", "uid": "u", "resourceVersion": "7", "generation": int64(3),
			"creationTimestamp": "2026-01-01T00:00:00Z", "managedFields": []any{map[string]any{"manager": "x"}},
			"ownerReferences": []any{map[string]any{"uid": "o"}}, "labels": map[string]any{"app": "kubeflow"},
			"annotations": map[string]any{corev1.LastAppliedConfigAnnotation: "{}", "note": "theirs"},
		},
		"spec":   map[string]any{"servers": []any{}, "unknown": "kept"},
		"status": map[string]any{"conditions": []any{}},
	}}
	want := map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": "Gateway",
		"metadata": map[string]any{
			"name": "kubeflow-gateway", "namespace": "kubeflow",
			"labels": map[string]any{"app": "kubeflow"}, "annotations": map[string]any{"note": "theirs"},
		},
		"spec": map[string]any{"servers": []any{}, "unknown": "kept"},
	}
	before := live.DeepCopy()
	if diff := cmp.Diff(want, withoutServerFields(live).Object); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(before.Object, live.Object); diff != "" {
		t.Errorf("the object that was read was changed\n%s", diff)
	}
}

func TestObjectsAreInTheOrderOfTheWritesAndAsStored(t *testing.T) {
	door := frontDoor(kubeflowGateway())
	installed := &Installed{SecretName: SecretName, Secret: &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: SecretName, Namespace: "istio-system", UID: types.UID("u")},
		Type:       corev1.SecretTypeTLS, Data: map[string][]byte{"tls.crt": []byte("a")},
	}}
	changes, _, err := PlanServers(door, Spec{}.Resolve(door))
	if err != nil || len(changes) != 1 {
		t.Fatalf("%v, %v", changes, err)
	}
	stored := changes[0].After.DeepCopy()
	stored.SetLabels(map[string]string{"put": "by-a-webhook"})
	configMap := ours("ConfigMap", "kubeflow", ConfigMapName, map[string]any{AnnotationCA: "x"})
	changes = append(changes, Change{Action: Create, Kind: "ConfigMap", After: configMap})
	plan := &Plan{Changes: changes}

	objects, err := plan.Objects(door, installed, []*unstructured.Unstructured{stored})
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, object := range objects {
		kinds = append(kinds, object.GetKind()+" "+objectName(object))
	}
	if diff := cmp.Diff([]string{"ConfigMap kubeflow/kftls-ca", "Secret istio-system/kftls-gateway", "Gateway kubeflow/kubeflow-gateway"}, kinds); diff != "" {
		t.Fatalf("(-want +got)\n%s", diff)
	}
	if got := objects[1].Object["data"]; !cmp.Equal(got, map[string]any{"tls.crt": "YQ=="}) || objects[1].GetUID() != "" {
		t.Errorf("the Secret is %v", objects[1])
	}
	if objects[2].GetLabels()["put"] != "by-a-webhook" || readRecord(objects[2]) == nil {
		t.Errorf("the Gateway is not as stored: %v", objects[2])
	}
}

func TestAManagedGatewayIsPrintedWithoutARecordOfAChangeThatIsNotOurs(t *testing.T) {
	door := frontDoor(kubeflowGateway())
	door.Gateway.SetAnnotations(map[string]string{"argocd.argoproj.io/tracking-id": "kubeflow:x"})
	changes, handed, err := PlanServers(door, Spec{}.Resolve(door))
	if err != nil || len(changes) != 0 || len(handed) != 1 {
		t.Fatalf("%v, %v, %v", changes, handed, err)
	}
	objects, err := (&Plan{Handed: handed}).Objects(door, &Installed{SecretName: SecretName}, nil)
	if err != nil || len(objects) != 1 {
		t.Fatalf("%v, %v", objects, err)
	}
	printed := objects[0]
	if readRecord(printed) != nil || len(printed.GetAnnotations()) != 1 || len(Servers(printed)) != len(Servers(door.Gateway))+1 {
		t.Errorf("printed %v", printed)
	}
	if readRecord(handed[0].After) == nil {
		t.Error("the plan itself was changed")
	}
}
