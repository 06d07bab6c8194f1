package gateway

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

func certificates(t *testing.T) Certificates {
	t.Helper()
	return Certificates{
		Authority: authority(t), Bundle: authority(t).CertificatePEM(), Leaf: newLeaf(t), Computer: "0a1b2c3d4e5f",
	}
}

// installedBy is what the changes of a plan would leave in the cluster.
func installedBy(t *testing.T, plan *Plan, secretName string) *Installed {
	t.Helper()
	installed := &Installed{SecretName: secretName}
	for _, change := range plan.Changes {
		var target any
		switch change.Kind {
		case "ConfigMap":
			installed.ConfigMap = &corev1.ConfigMap{}
			target = installed.ConfigMap
		case "Secret":
			installed.Secret = &corev1.Secret{}
			target = installed.Secret
		default:
			continue
		}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(viaJSON(t, change.After).Object, target); err != nil {
			t.Fatal(err)
		}
	}
	return installed
}

// planSetup plans a first setup, and the front door and objects after it.
func planSetup(t *testing.T, door *FrontDoor, spec Spec) (*Plan, *FrontDoor, *Installed) {
	t.Helper()
	spec = spec.Resolve(door)
	plan, err := PlanSetup(door, &Installed{SecretName: spec.SecretName}, spec, certificates(t))
	if err != nil {
		t.Fatal(err)
	}
	gateways := door.Gateways()
	for i := range gateways {
		gateways[i] = planned(t, gateways[i], plan.Changes, nil)
	}
	return plan, frontDoor(gateways...), installedBy(t, plan, spec.SecretName)
}

// order lists a plan as words.
func order(plan *Plan) string {
	var words []string
	for _, change := range plan.Changes {
		words = append(words, string(change.Action)+" "+change.Kind+" "+change.Object())
	}
	return strings.Join(words, ", ")
}

func TestPlanSetup(t *testing.T) {
	theirs := testutil.HTTPS("https", 443, "theirs", "*")
	other := testutil.Gateway("team", "own", testutil.HTTPS("https-own", 443, "theirs", "a.example.com"))
	tests := []struct {
		name string
		door *FrontDoor
		spec Spec
		want string
	}{
		{
			"first time", frontDoor(kubeflowGateway()),
			Spec{},
			"create ConfigMap kubeflow/kftls-ca, create Secret istio-system/kftls-gateway, change Gateway kubeflow/kubeflow-gateway",
		},
		{
			"another Secret", frontDoor(kubeflowGateway()),
			Spec{SecretName: "mine"},
			"create ConfigMap kubeflow/kftls-ca, create Secret istio-system/mine, change Gateway kubeflow/kubeflow-gateway",
		},
		{
			"swap in this Gateway", frontDoor(kubeflowGateway(theirs)),
			Spec{Force: true},
			"create ConfigMap kubeflow/kftls-ca, create Secret istio-system/kftls-gateway, change Gateway kubeflow/kubeflow-gateway",
		},
		{
			"swap in another Gateway", frontDoor(kubeflowGateway(), other),
			Spec{Force: true},
			"create ConfigMap kubeflow/kftls-ca, create Secret istio-system/kftls-gateway, change Gateway team/own",
		},
		{
			"swap in both", frontDoor(kubeflowGateway(theirs), other),
			Spec{Force: true},
			"create ConfigMap kubeflow/kftls-ca, create Secret istio-system/kftls-gateway, " +
				"change Gateway kubeflow/kubeflow-gateway, change Gateway team/own",
		},
		{
			"beside other hosts", frontDoor(kubeflowGateway(), other),
			Spec{Hosts: []string{"b.example.com"}},
			"create ConfigMap kubeflow/kftls-ca, create Secret istio-system/kftls-gateway, change Gateway kubeflow/kubeflow-gateway",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := text(t, test.door.Gateway)
			plan, after, installed := planSetup(t, test.door, test.spec)
			if diff := cmp.Diff(test.want, order(plan)); diff != "" {
				t.Fatalf("(-want +got)\n%s", diff)
			}
			if !isOurSecret(installed.Secret) || !isOurConfigMap(installed.ConfigMap) {
				t.Error("what setup made is not known as ours")
			}
			assertAgainIsEmpty(t, after, installed)
			assertTeardown(t, after, installed, before)
		})
	}
}

// assertAgainIsEmpty plans once more, with the flags left out.
func assertAgainIsEmpty(t *testing.T, door *FrontDoor, installed *Installed) {
	t.Helper()
	kept := certificates(t)
	kept.Leaf = nil
	again, err := PlanSetup(door, installed, Spec{}.Resolve(door), kept)
	if err != nil {
		t.Fatal(err)
	}
	if !again.Empty() {
		diff, _ := again.Diff()
		t.Errorf("again plans %s\n%s", order(again), diff)
	}
}

func assertTeardown(t *testing.T, door *FrontDoor, installed *Installed, before string) {
	t.Helper()
	plan, err := PlanTeardown(door, installed, false)
	if err != nil {
		t.Fatal(err)
	}
	got := order(plan)
	if !strings.HasSuffix(got, "delete Secret "+installed.Secret.Namespace+"/"+installed.Secret.Name+", delete ConfigMap kubeflow/kftls-ca") ||
		!strings.HasPrefix(got, "change Gateway") || len(plan.Left) != 0 {
		t.Errorf("teardown plans %s, and leaves %v", got, plan.Left)
	}
	after := planned(t, door.Gateway, plan.Changes, nil)
	if diff := cmp.Diff(before, text(t, after)); diff != "" {
		t.Errorf("after teardown (-before +after):\n%s", diff)
	}
	plan, err = PlanTeardown(frontDoor(after), &Installed{SecretName: SecretName}, false)
	if err != nil || !plan.Empty() || len(plan.Left) != 0 {
		t.Errorf("torn down twice: %v, %v", plan, err)
	}
}

func TestPlanSetupRefuses(t *testing.T) {
	foreignSecret := &corev1.Secret{}
	foreignSecret.Namespace, foreignSecret.Name = "istio-system", SecretName
	_, _, replaced := planSetup(t, frontDoor(kubeflowGateway()), Spec{})
	replaced.Secret.Data["tls.crt"] = newLeaf(t).ChainPEM()
	relabelled := &corev1.ConfigMap{}
	relabelled.Namespace, relabelled.Name = "kubeflow", ConfigMapName
	relabelled.Labels = map[string]string{LabelManagedBy: ManagedBy}

	tests := []struct {
		name      string
		door      *FrontDoor
		installed *Installed
		spec      Spec
		want      fault.Reason
		hint      string
	}{
		{"a Secret of somebody", frontDoor(kubeflowGateway()), &Installed{Secret: foreignSecret}, Spec{}, fault.NotOurs, "--secret-name"},
		{"not even by force", frontDoor(kubeflowGateway()), &Installed{Secret: foreignSecret}, Spec{Force: true}, fault.NotOurs, "--secret-name"},
		{"our Secret with another certificate", frontDoor(kubeflowGateway()), replaced, Spec{}, fault.NotOurs, "--secret-name"},
		{"a ConfigMap of somebody", frontDoor(kubeflowGateway()), &Installed{ConfigMap: relabelled}, Spec{}, fault.NotOurs, "get configmap kftls-ca"},
		{
			"a server on the port", frontDoor(kubeflowGateway(testutil.HTTPS("https", 443, "theirs", "*"))), &Installed{},
			Spec{},
			fault.Overlap, "--force",
		},
		{
			"one in another Gateway", frontDoor(kubeflowGateway(), testutil.Gateway("team", "own", testutil.HTTPS("x", 443, "theirs", "*.example.com"))),
			&Installed{},
			Spec{},
			fault.Overlap, "--force",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.installed.SecretName = SecretName
			_, err := PlanSetup(test.door, test.installed, test.spec.Resolve(test.door), certificates(t))
			wantReason(t, err, test.want)
			if !strings.Contains(fault.HintOf(err), test.hint) {
				t.Errorf("hint %q lacks %q", fault.HintOf(err), test.hint)
			}
		})
	}
}

func TestServedHosts(t *testing.T) {
	tests := []struct {
		name string
		door *FrontDoor
		spec Spec
		want []string
	}{
		{"ours", frontDoor(kubeflowGateway()), Spec{Hosts: []string{"a.example.com"}}, []string{"a.example.com"}},
		{"to be swapped", frontDoor(kubeflowGateway(testutil.HTTPS("https", 443, "theirs", "b.example.com"))), Spec{}, []string{"b.example.com"}},
		{"swapped", frontDoor(kubeflowGateway(testutil.HTTPS("https", 443, SecretName, "b.example.com"))), Spec{Hosts: []string{"*"}}, []string{"b.example.com"}},
		{
			"swapped for other hosts", frontDoor(kubeflowGateway(testutil.HTTPS("https", 443, SecretName, "b.example.com"))),
			Spec{Hosts: []string{"a.example.com"}},
			[]string{"a.example.com"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, ServedHosts(test.door, test.spec.Resolve(test.door))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestResolve(t *testing.T) {
	ours := setUp(t, kubeflowGateway(), Spec{Port: 9443, Hosts: []string{"a.example.com"}, SecretName: "mine"})
	unrecorded := ours.DeepCopy()
	unrecorded.SetAnnotations(nil)
	elsewhere := testutil.Gateway("team", "own", testutil.HTTPS("x", 8443, "kftls-gateway", "b.example.com"))
	tests := []struct {
		name string
		door *FrontDoor
		spec Spec
		want Spec
	}{
		{"first time", frontDoor(kubeflowGateway()), Spec{}, Spec{Port: 443, Hosts: []string{"*"}, SecretName: SecretName}},
		{"as asked", frontDoor(kubeflowGateway()), Spec{Port: 1, Hosts: []string{"x"}, SecretName: "s"}, Spec{Port: 1, Hosts: []string{"x"}, SecretName: "s"}},
		{"as installed", frontDoor(ours), Spec{}, Spec{Port: 9443, Hosts: []string{"a.example.com"}, SecretName: "mine"}},
		{"without the record", frontDoor(unrecorded), Spec{}, Spec{Port: 9443, Hosts: []string{"a.example.com"}, SecretName: "mine"}},
		{"another port", frontDoor(ours), Spec{Port: 443}, Spec{Port: 443, Hosts: []string{"a.example.com"}, SecretName: "mine"}},
		{"swapped elsewhere", frontDoor(kubeflowGateway(), elsewhere), Spec{}, Spec{Port: 8443, Hosts: []string{"b.example.com"}, SecretName: SecretName}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, test.spec.Resolve(test.door)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestPlanTeardownLeaves(t *testing.T) {
	_, door, installed := planSetup(t, frontDoor(kubeflowGateway()), Spec{})
	_, _, replaced := planSetup(t, frontDoor(kubeflowGateway()), Spec{})
	replaced.Secret.Data["tls.crt"] = newLeaf(t).ChainPEM()
	replaced.ConfigMap.Labels = nil
	other := testutil.Gateway("team", "own", testutil.HTTPS("x", 9443, SecretName, "b.example.com"))
	_, mine, _ := planSetup(t, frontDoor(kubeflowGateway()), Spec{SecretName: "mine"})

	tests := []struct {
		name      string
		door      *FrontDoor
		installed *Installed
		want      string
		left      []string
	}{
		{
			"a Secret that another Gateway names", frontDoor(door.Gateway, other), installed,
			"change Gateway kubeflow/kubeflow-gateway, delete ConfigMap kubeflow/kftls-ca",
			[]string{"server x of Gateway team/own names our Secret", "Secret istio-system/kftls-gateway: Gateway team/own still names it"},
		},
		{
			"what is not ours any more", door, replaced, "change Gateway kubeflow/kubeflow-gateway",
			[]string{"Secret istio-system/kftls-gateway: kubectl kftls did not make it", "ConfigMap kubeflow/kftls-ca: kubectl kftls did not make it"},
		},
		{
			"a Secret that may not be read", door, &Installed{SecretName: SecretName, SecretUnknown: fault.New(fault.Forbidden, "", "no")},
			"change Gateway kubeflow/kubeflow-gateway",
			[]string{"Secret kftls-gateway: no"},
		},
		{
			"a setup with another Secret", mine, installed, "delete Secret istio-system/kftls-gateway",
			[]string{"ConfigMap kubeflow/kftls-ca: setup with Secret mine needs it"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			plan, err := PlanTeardown(test.door, test.installed, false)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, order(plan)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if len(plan.Left) != len(test.left) {
				t.Fatalf("left %q", plan.Left)
			}
			for i, want := range test.left {
				if !strings.HasPrefix(plan.Left[i], want) {
					t.Errorf("left %q, want %q", plan.Left[i], want)
				}
			}
		})
	}
}

// TestPlanNamesAllFieldsEachTime guards against server-side apply, which
// removes what a manager named before and names no longer.
func TestPlanNamesAllFieldsEachTime(t *testing.T) {
	first, door, installed := planSetup(t, frontDoor(kubeflowGateway()), Spec{})
	delete(installed.ConfigMap.Data, ConfigMapKey)
	delete(installed.Secret.Annotations, AnnotationCA)
	second, err := PlanSetup(door, installed, Spec{}.Resolve(door), certificates(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(second.Changes) != 2 {
		t.Fatalf("plans %s", order(second))
	}
	for i := range second.Changes {
		if diff := cmp.Diff(keys(first.Changes[i].wanted.Object), keys(second.Changes[i].wanted.Object)); diff != "" {
			t.Errorf("%s: (-first +second)\n%s", first.Changes[i].Kind, diff)
		}
	}
}

// keys is an object without its values.
func keys(object map[string]any) map[string]any {
	result := map[string]any{}
	for key, value := range object {
		inner, isMap := value.(map[string]any)
		if isMap {
			result[key] = keys(inner)
		} else {
			result[key] = nil
		}
	}
	return result
}

func TestConfigMapKeepsWhoHoldsTheKey(t *testing.T) {
	withoutKey := &ca.Authority{Certificate: authority(t).Certificate}
	tests := []struct {
		name, present string
		authority     *ca.Authority
		want          string
	}{
		{"another computer", "ffffffffffff", authority(t), "ffffffffffff"},
		{"lost, and the key is here", "", authority(t), "0a1b2c3d4e5f"},
		{"lost, and the key is elsewhere", "", withoutKey, ""},
	}
	for _, test := range tests {
		configMap := &corev1.ConfigMap{}
		configMap.Annotations = map[string]string{AnnotationComputer: test.present}
		got := Certificates{Authority: test.authority, Computer: "0a1b2c3d4e5f"}.computerIn(&Installed{ConfigMap: configMap})
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestConfigMapSaysWhatBecameOfTheKey(t *testing.T) {
	own := authority(t)
	for name, test := range map[string]struct{ ca, present, asked, want string }{
		"kept":                               {own.Fingerprint(), "", "", ""},
		"discarded now":                      {own.Fingerprint(), "", KeyDiscarded, KeyDiscarded},
		"discarded before":                   {own.Fingerprint(), KeyDiscarded, "", KeyDiscarded},
		"discarded before, and another CA":   {"another", KeyDiscarded, "", keyKept},
		"given before, and another, thrown":  {"another", KeyGiven, KeyDiscarded, KeyDiscarded},
		"kept before, and another CA, given": {"another", keyKept, KeyGiven, KeyGiven},
	} {
		configMap := &corev1.ConfigMap{}
		configMap.Annotations = map[string]string{AnnotationCA: test.ca, AnnotationKey: test.present}
		got := Certificates{Authority: own, KeyState: test.asked}.keyIn(&Installed{ConfigMap: configMap})
		if got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
	if got := (Certificates{Authority: own, KeyState: KeyGiven}).keyIn(&Installed{}); got != KeyGiven {
		t.Errorf("for the first time: %q", got)
	}
}

func TestHolder(t *testing.T) {
	since := metav1.NewTime(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	configMap := &corev1.ConfigMap{}
	configMap.CreationTimestamp = since
	configMap.Annotations = map[string]string{AnnotationComputer: "0a1b2c3d4e5f", AnnotationKey: keyKept}
	configMap.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}, {Manager: "kubectl-kftls-0123456789ab-0a1b2c3d4e5f"}}
	want := Holder{Computer: "0a1b2c3d4e5f", Manager: "kubectl-kftls-0123456789ab-0a1b2c3d4e5f", Since: since.Time}
	if got := (&Installed{ConfigMap: configMap}).Holder(); got != want || got.String() != "computer 0a1b2c3d4e5f" {
		t.Errorf("got %+v, %s", got, got)
	}
	configMap.Annotations = map[string]string{AnnotationKey: KeyDiscarded}
	if got := (&Installed{ConfigMap: configMap}).Holder(); got.Key != KeyDiscarded || got.String() != "field manager kubectl-kftls-0123456789ab-0a1b2c3d4e5f" {
		t.Errorf("without a computer: %+v, %s", got, got)
	}
	if got := (&Installed{}).Holder(); got != (Holder{}) || got.String() != "nobody who is recorded" {
		t.Errorf("without a ConfigMap: %+v, %s", got, got)
	}
}

func TestMerge(t *testing.T) {
	tests := []struct {
		name                   string
		target, source, result map[string]any
		changed                bool
	}{
		{"the same", map[string]any{"a": "b", "c": int64(1)}, map[string]any{"a": "b"}, map[string]any{"a": "b", "c": int64(1)}, false},
		{"another value", map[string]any{"a": "b"}, map[string]any{"a": "c"}, map[string]any{"a": "c"}, true},
		{"a new field", map[string]any{}, map[string]any{"a": []any{"b"}}, map[string]any{"a": []any{"b"}}, true},
		{
			"inside",
			map[string]any{"a": map[string]any{"b": "c"}},
			map[string]any{"a": map[string]any{"d": "e"}},
			map[string]any{"a": map[string]any{"b": "c", "d": "e"}},
			true,
		},
		{
			"a map in place of nothing",
			map[string]any{"a": nil},
			map[string]any{"a": map[string]any{"b": "c"}},
			map[string]any{"a": map[string]any{"b": "c"}},
			true,
		},
		{"an empty map that is missing", map[string]any{}, map[string]any{"a": map[string]any{}}, map[string]any{"a": map[string]any{}}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := merge(test.target, test.source); got != test.changed {
				t.Errorf("changed %v, want %v", got, test.changed)
			}
			if diff := cmp.Diff(test.result, test.target); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestDiffShowsNoByteOfAKey(t *testing.T) {
	first, door, installed := planSetup(t, frontDoor(kubeflowGateway()), Spec{})
	installed.Secret.Annotations[corev1.LastAppliedConfigAnnotation] = `{"data":{"tls.key":"` +
		base64.StdEncoding.EncodeToString(installed.Secret.Data["tls.key"]) + `"}}`
	second, err := PlanSetup(door, installed, Spec{}.Resolve(door), certificates(t)) // another leaf
	if err != nil {
		t.Fatal(err)
	}
	third, err := PlanTeardown(door, installed, false)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, change := range append(first.Changes, second.Changes...) {
		if change.Kind == "Secret" {
			for _, value := range dataOf(change.After) {
				values = append(values, value.(string))
			}
		}
	}
	if len(values) != 4 {
		t.Fatalf("%d values of Secrets", len(values))
	}
	for i, plan := range []*Plan{first, second, third} {
		diff, err := plan.Diff()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(diff, "***") || !strings.Contains(diff, "/istio-system/kftls-gateway") {
			t.Errorf("plan %d does not show the Secret:\n%s", i, diff)
		}
		for _, value := range values {
			for at := 0; at+16 <= len(value); at += 16 {
				if strings.Contains(diff, value[at:at+16]) {
					t.Fatalf("plan %d shows a part of a Secret:\n%s", i, diff)
				}
			}
		}
	}
	diff, _ := second.Diff()
	if !strings.Contains(diff, "tls.key: '*** (after)'") || strings.Contains(diff, "managedFields") {
		t.Errorf("got\n%s", diff)
	}
}

func TestDiffOfAGateway(t *testing.T) {
	door := frontDoor(kubeflowGateway())
	changes, _, err := PlanServers(door, Spec{}.Resolve(door))
	if err != nil {
		t.Fatal(err)
	}
	diff, err := (&Plan{Changes: changes}).Diff()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"--- live/gateway/kubeflow/kubeflow-gateway", "+++ planned/gateway/kubeflow/kubeflow-gateway",
		"+      credentialName: kftls-gateway", "+      name: https-kftls",
	} {
		if !strings.Contains(diff, want) {
			t.Errorf("%q is missing in\n%s", want, diff)
		}
	}
}

func TestInverse(t *testing.T) {
	before := testutil.Object("v1", "Secret", "istio-system", SecretName, map[string]any{"data": map[string]any{"tls.crt": "old", "other": "theirs"}})
	wanted := testutil.Object("v1", "Secret", "istio-system", SecretName, map[string]any{"data": map[string]any{"tls.crt": "new", "added": "x"}})
	stored := before.DeepCopy()
	stored.SetResourceVersion("7")

	made := Change{Action: Create, Kind: "Secret", After: wanted, wanted: wanted}.Inverse(stored)
	if made.Action != Delete || made.Before != stored || made.After != nil {
		t.Errorf("of a creation: %+v", made)
	}

	changed := Change{Action: Update, Kind: "Secret", Before: before, After: wanted, wanted: wanted}.Inverse(stored)
	want := map[string]any{"tls.crt": "old"} // "added" was not there: apply takes it away
	if diff := cmp.Diff(want, changed.wanted.Object["data"]); diff != "" || changed.Action != Update || changed.Before != stored {
		t.Errorf("of a change: %+v (-want +got)\n%s", changed, diff)
	}
	if wanted.Object["data"].(map[string]any)["tls.crt"] != "new" {
		t.Error("the change itself was changed")
	}

	door := frontDoor(kubeflowGateway())
	changes, _, err := PlanServers(door, Spec{}.Resolve(door))
	if err != nil {
		t.Fatal(err)
	}
	back := changes[0].Inverse(changes[0].After)
	if back.Action != Update || back.After != changes[0].Before || back.Before != changes[0].After {
		t.Errorf("of a Gateway: %+v", back)
	}
}

func TestAnnotationOperations(t *testing.T) {
	with := func(annotations map[string]string) *unstructured.Unstructured {
		gateway := kubeflowGateway()
		gateway.SetAnnotations(annotations)
		return gateway
	}
	ours, changed := map[string]string{AnnotationSetup: "{}"}, map[string]string{AnnotationSetup: "{ }"}
	both, theirs := map[string]string{AnnotationSetup: "{}", "a": "b"}, map[string]string{"a": "b"}
	const path = "/metadata/annotations/kftls.github.io~1setup"
	tests := []struct {
		name          string
		before, after map[string]string
		want          []patchOperation
	}{
		{"none", nil, nil, nil},
		{"of others alone", theirs, theirs, nil},
		{"the same", both, both, nil},
		{"the first at all", nil, ours, []patchOperation{{Op: "add", Path: "/metadata/annotations", Value: ours}}},
		{"an empty map", map[string]string{}, ours, []patchOperation{{Op: "add", Path: "/metadata/annotations", Value: ours}}},
		{"beside others", theirs, both, []patchOperation{{Op: "add", Path: path, Value: "{}"}}},
		{"another text", ours, changed, []patchOperation{{Op: "add", Path: path, Value: "{ }"}}},
		{"removed, the last one", ours, nil, []patchOperation{{Op: "remove", Path: "/metadata/annotations"}}},
		{"removed, others stay", both, theirs, []patchOperation{{Op: "remove", Path: path}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := annotationOperations(Change{Before: with(test.before), After: with(test.after)})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestServerOperations(t *testing.T) {
	none := testutil.Object("networking.istio.io/v1", "Gateway", "kubeflow", "kubeflow-gateway", map[string]any{"spec": map[string]any{}})
	one, two := kubeflowGateway(), kubeflowGateway(testutil.HTTPS("https", 443, "s", "*"))
	tests := []struct {
		name          string
		before, after *unstructured.Unstructured
		want          string
	}{
		{"the same", one, one.DeepCopy(), ""},
		{"changed", one, two, "replace"},
		{"the first", none, one, "add"},
		{"the last", one, none, "remove"},
	}
	for _, test := range tests {
		var ops []string
		for _, operation := range serverOperations(Change{Before: test.before, After: test.after}) {
			ops = append(ops, operation.Op)
		}
		if got := strings.Join(ops, " "); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestInstalledAuthority(t *testing.T) {
	second, err := ca.NewAuthority(ca.AuthorityOptions{Permit: ca.DefaultNames(), Now: testTime})
	if err != nil {
		t.Fatal(err)
	}
	bundle := string(authority(t).CertificatePEM()) + string(second.CertificatePEM())
	tests := []struct {
		name, bundle, annotation, want string
		broken                         bool
	}{
		{"one", string(second.CertificatePEM()), second.Fingerprint(), second.Fingerprint(), false},
		{"the second of two", bundle, second.Fingerprint(), second.Fingerprint(), false},
		{"none of two", bundle, "", authority(t).Fingerprint(), false},
		{"no certificate", "x", "", "", true},
		{"empty", "", "", "", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			configMap := &corev1.ConfigMap{Data: map[string]string{ConfigMapKey: test.bundle}}
			configMap.Annotations = map[string]string{AnnotationCA: test.annotation}
			got, err := (&Installed{ConfigMap: configMap}).Authority()
			if test.broken {
				wantReason(t, err, fault.Certificate)
				return
			}
			if err != nil || got.Fingerprint() != test.want {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	if got, err := (&Installed{}).Authority(); got != nil || err != nil {
		t.Errorf("of nothing: %v, %v", got, err)
	}
}
