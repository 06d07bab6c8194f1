package gateway

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/internal/testutil"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

func yes() *bool { on := true; return &on }
func no() *bool  { off := false; return &off }

// planned is the Gateway as a plan leaves it.
func planned(t *testing.T, gateway *unstructured.Unstructured, changes []Change, err error) *unstructured.Unstructured {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range changes {
		if change.Object() == objectName(gateway) {
			return viaJSON(t, change.After)
		}
	}
	return gateway
}

// viaJSON is an object as the API server gives it back.
func viaJSON(t *testing.T, object *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	text, err := object.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	result := &unstructured.Unstructured{}
	if err := result.UnmarshalJSON(text); err != nil {
		t.Fatal(err)
	}
	return result
}

// setUp is a Gateway after setup with a spec.
func setUp(t *testing.T, gateway *unstructured.Unstructured, spec Spec) *unstructured.Unstructured {
	t.Helper()
	door := frontDoor(gateway)
	changes, _, err := PlanServers(door, spec.Resolve(door))
	return planned(t, gateway, changes, err)
}

// tornDown is a Gateway after teardown, which must leave nothing of ours.
func tornDown(t *testing.T, gateway *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	door := frontDoor(gateway)
	plan, err := PlanTeardown(door, &Installed{SecretName: door.SecretName("")}, false)
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Left) > 0 {
		t.Errorf("left: %v", plan.Left)
	}
	return planned(t, gateway, plan.Changes, nil)
}

func text(t *testing.T, object *unstructured.Unstructured) string {
	t.Helper()
	encoded, err := json.MarshalIndent(object.Object, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

// theirs is a Gateway with what only its owner knows.
func theirs(server map[string]any) *unstructured.Unstructured {
	server["bind"], server["unheardOf"] = "0.0.0.0", map[string]any{"list": []any{int64(1), 2.5, nil}}
	gateway := kubeflowGateway(server)
	gateway.Object["status"] = map[string]any{"conditions": []any{}}
	return gateway
}

func TestUndoOfServeIsTheSameByteForByte(t *testing.T) {
	withoutAnnotations := kubeflowGateway()
	annotated := kubeflowGateway()
	annotated.SetAnnotations(map[string]string{"owner": "them"})
	emptyTLS := testutil.Gateway("kubeflow", "kubeflow-gateway", testutil.HTTP("http", 80, "*"))
	rawServers(emptyTLS)[0].(map[string]any)["tls"] = map[string]any{}
	explicit := testutil.Gateway("kubeflow", "kubeflow-gateway", testutil.HTTP("http", 80, "*"))
	rawServers(explicit)[0].(map[string]any)["tls"] = map[string]any{"httpsRedirect": false}
	withFiles := testutil.HTTPS("https", 443, "theirs", "*")
	withFiles["tls"] = map[string]any{"mode": "SIMPLE", "serverCertificate": "/etc/cert.pem", "privateKey": "/etc/key.pem"}
	several := testutil.HTTPS("https", 443, "theirs", "*")
	several["tls"] = map[string]any{"mode": "SIMPLE", "credentialNames": []any{"rsa", "ecdsa"}, "minProtocolVersion": "TLSV1_3"}

	tests := []struct {
		name   string
		before *unstructured.Unstructured
		spec   Spec
	}{
		{"as shipped", withoutAnnotations, Spec{}},
		{"annotations of others", annotated, Spec{}},
		{"another port and hosts", theirs(testutil.HTTPS("https", 443, "theirs", "*")), Spec{Port: 9443, Hosts: []string{"a.example.com"}}},
		{"swap", theirs(testutil.HTTPS("https", 443, "theirs", "*")), Spec{Force: true}},
		{"swap of files", theirs(withFiles), Spec{Force: true}},
		{"swap of several certificates", theirs(several), Spec{Force: true}},
		{"redirect", withoutAnnotations, Spec{HTTPSRedirect: yes()}},
		{"redirect with an empty tls block", emptyTLS, Spec{HTTPSRedirect: yes()}},
		{"redirect that was off in words", explicit, Spec{HTTPSRedirect: yes()}},
		{"swap and redirect", theirs(testutil.HTTPS("https", 443, "theirs", "*")), Spec{Force: true, HTTPSRedirect: yes()}},
		{"a Secret of another name", withoutAnnotations, Spec{SecretName: "mine"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := text(t, test.before)
			after := setUp(t, test.before, test.spec)
			if text(t, after) == before {
				t.Fatal("setup changed nothing")
			}
			if text(t, test.before) != before {
				t.Fatal("planning changed the object that was read")
			}
			again := setUp(t, after, Spec{Force: test.spec.Force})
			if diff := cmp.Diff(text(t, after), text(t, again)); diff != "" {
				t.Errorf("again is not the same:\n%s", diff)
			}
			if diff := cmp.Diff(before, text(t, tornDown(t, after))); diff != "" {
				t.Errorf("after teardown (-before +after):\n%s", diff)
			}
		})
	}
}

func TestUndoWorksWithoutTheRecord(t *testing.T) {
	for _, annotation := range []string{"", "{", "[]", `{"kind":"Other"}`, `{"kind":"SetupRecord","swapped":7}`} {
		before := kubeflowGateway()
		after := setUp(t, before, Spec{})
		after.SetAnnotations(nil)
		if annotation != "" {
			after.SetAnnotations(map[string]string{AnnotationSetup: annotation})
		}
		if diff := cmp.Diff(text(t, before), text(t, tornDown(t, after))); diff != "" {
			t.Errorf("record %q (-before +after):\n%s", annotation, diff)
		}
	}
}

func TestUndoKeepsLaterEditsOfOthers(t *testing.T) {
	swapped := setUp(t, kubeflowGateway(testutil.HTTPS("https", 443, "theirs", "*")), Spec{Force: true})
	servers := rawServers(swapped)
	servers[1].(map[string]any)["tls"].(map[string]any)["credentialName"] = "renewed"
	servers[0].(map[string]any)["hosts"] = []any{"kubeflow.example.com"}
	got := Servers(tornDown(t, swapped))
	if got[1].CredentialName != "renewed" || got[0].Hosts[0] != "kubeflow.example.com" {
		t.Errorf("got %v", got)
	}

	added := setUp(t, kubeflowGateway(), Spec{HTTPSRedirect: yes()})
	list := rawServers(added)
	delete(list[0].(map[string]any)["tls"].(map[string]any), "httpsRedirect")
	added.Object["spec"].(map[string]any)["servers"] = append([]any{testutil.HTTPS("theirs", 9443, "theirs", "*")}, list...)
	got = Servers(tornDown(t, added))
	if len(got) != 2 || got[0].Name != "theirs" || got[1].Name != "http" || got[1].HTTPSRedirect {
		t.Errorf("got %v", got)
	}
}

func TestUndoLeavesWhatNobodyRecorded(t *testing.T) {
	gateway := kubeflowGateway(testutil.HTTPS("https", 443, SecretName, "*"))
	plan, err := PlanTeardown(frontDoor(gateway), &Installed{SecretName: SecretName}, false)
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Changes) != 0 || len(plan.Left) != 1 || !strings.Contains(plan.Left[0], "server https of Gateway kubeflow/kubeflow-gateway") {
		t.Errorf("changes %v, left %v", plan.Changes, plan.Left)
	}
}

func TestSwapTwiceGivesTheLatestBack(t *testing.T) {
	gateway := setUp(t, kubeflowGateway(testutil.HTTPS("https", 443, "first", "*")), Spec{Force: true})
	rawServers(gateway)[1].(map[string]any)["tls"].(map[string]any)["credentialName"] = "second"
	gateway = setUp(t, gateway, Spec{Force: true})
	if got := len(readRecord(gateway).Swapped); got != 1 {
		t.Errorf("%d records of one server", got)
	}
	if got := Servers(tornDown(t, gateway))[1].CredentialName; got != "second" {
		t.Errorf("gave %q back", got)
	}
}

func TestSwapForAnotherSecretKeepsTheirs(t *testing.T) {
	gateway := setUp(t, kubeflowGateway(testutil.HTTPS("https", 443, "theirs", "*")), Spec{Force: true})
	gateway = setUp(t, gateway, Spec{Force: true, SecretName: "mine"})
	if got := Servers(gateway)[1].CredentialName; got != "mine" {
		t.Errorf("serves %q", got)
	}
	if got := Servers(tornDown(t, gateway))[1].CredentialName; got != "theirs" {
		t.Errorf("gave %q back", got)
	}
}

func TestServeMovesToAnotherSecret(t *testing.T) {
	gateway := setUp(t, kubeflowGateway(), Spec{})
	gateway = setUp(t, gateway, Spec{SecretName: "mine"})
	if got := Servers(gateway); len(got) != 2 || got[1].CredentialName != "mine" || got[1].Number != 443 {
		t.Errorf("got %v", got)
	}
}

func TestSwapThenServe(t *testing.T) {
	before := kubeflowGateway(testutil.HTTPS("https", 443, "theirs", "*"))
	gateway := setUp(t, before, Spec{Force: true})
	gateway = setUp(t, gateway, Spec{Port: 9443})
	if got := Servers(gateway); len(got) != 3 || got[2].Number != 9443 {
		t.Fatalf("got %v", got)
	}
	if diff := cmp.Diff(text(t, before), text(t, tornDown(t, gateway))); diff != "" {
		t.Errorf("(-before +after)\n%s", diff)
	}
}

func TestServeBringsTheServerToWhatIsWanted(t *testing.T) {
	gateway := setUp(t, kubeflowGateway(), Spec{})
	rawServers(gateway)[1].(map[string]any)["bind"] = "127.0.0.1"
	gateway = setUp(t, gateway, Spec{Port: 9443, Hosts: []string{"a.example.com"}})
	want := Server{
		Name: ServerName, Number: 9443, Protocol: "HTTPS", Hosts: []string{"a.example.com"}, Mode: "SIMPLE", CredentialName: SecretName,
	}
	if diff := cmp.Diff(want, Servers(gateway)[1]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if rawServers(gateway)[1].(map[string]any)["bind"] != "127.0.0.1" {
		t.Error("a field that is not ours was lost")
	}
}

func TestServeRefusesANameThatIsTaken(t *testing.T) {
	gateway := kubeflowGateway(testutil.HTTPS(ServerName, 9443, "theirs", "*"))
	_, _, err := PlanServers(frontDoor(gateway), Spec{SecretName: SecretName, Port: 443, Hosts: []string{"*"}})
	wantReason(t, err, fault.NotOurs)
}

func TestSwapRefusesWhatServesNoCertificate(t *testing.T) {
	mutual := testutil.HTTPS("https", 443, "theirs", "*")
	mutual["tls"].(map[string]any)["mode"] = "MUTUAL"
	passthrough := testutil.HTTPS("https", 443, "theirs", "*")
	passthrough["tls"] = map[string]any{"mode": "PASSTHROUGH"}
	tcp := testutil.HTTPS("https", 443, "theirs", "*")
	tcp["port"].(map[string]any)["protocol"] = "TLS"
	for _, server := range []map[string]any{mutual, passthrough, tcp, testutil.HTTP("http-443", 443, "elsewhere.example.com")} {
		door := frontDoor(kubeflowGateway(server))
		for _, force := range []bool{false, true} {
			_, _, err := PlanServers(door, Spec{Force: force}.Resolve(door))
			wantReason(t, err, fault.Overlap)
			if strings.Contains(fault.HintOf(err), "--force") {
				t.Errorf("%v: the hint offers --force", server)
			}
		}
	}
}

func TestRedirect(t *testing.T) {
	on := setUp(t, kubeflowGateway(), Spec{HTTPSRedirect: yes()})
	if !Servers(on)[0].HTTPSRedirect {
		t.Fatal("no redirect")
	}
	if twice := setUp(t, on, Spec{HTTPSRedirect: yes()}); text(t, twice) != text(t, on) {
		t.Error("asked for twice, it is not the same")
	}
	if left := setUp(t, on, Spec{}); !Servers(left)[0].HTTPSRedirect {
		t.Error("without the flag, the redirect ended")
	}
	off := setUp(t, on, Spec{HTTPSRedirect: no()})
	if Servers(off)[0].HTTPSRedirect || len(readRecord(off).Redirected) != 0 {
		t.Error("it did not end")
	}
	rawServers(on)[0].(map[string]any)["tls"].(map[string]any)["httpsRedirect"] = false
	again := setUp(t, on, Spec{HTTPSRedirect: yes()})
	if got := len(readRecord(again).Redirected); got != 1 {
		t.Errorf("%d records of one server", got)
	}

	own := kubeflowGateway()
	rawServers(own)[0].(map[string]any)["tls"] = map[string]any{"httpsRedirect": true}
	if after := setUp(t, own, Spec{HTTPSRedirect: no()}); !Servers(after)[0].HTTPSRedirect {
		t.Error("a redirect of somebody else was ended")
	}
}

func TestSetupRecordsTheOwnerOfTheServers(t *testing.T) {
	gateway := kubeflowGateway()
	gateway.SetManagedFields(ownedBy("argocd"))
	record := readRecord(setUp(t, gateway, Spec{}))
	if record.ServersOwner == nil || record.ServersOwner.Manager != "argocd" {
		t.Errorf("got %+v", record.ServersOwner)
	}
}

func TestTeardownOfAGatewayWithoutServers(t *testing.T) {
	gateway := testutil.Object("networking.istio.io/v1", "Gateway", "kubeflow", "kubeflow-gateway", map[string]any{
		"spec": map[string]any{"selector": map[string]any{"istio": "ingressgateway"}},
	})
	plan, err := PlanTeardown(frontDoor(gateway), &Installed{SecretName: SecretName}, false)
	if err != nil || !plan.Empty() {
		t.Errorf("got %v, %v", plan, err)
	}
}

// FuzzEdit reads Gateways as others may have written them: planning and undoing
// must not panic, and undoing must leave no server of ours.
func FuzzEdit(f *testing.F) {
	f.Add(`[{"port":{"name":"http","number":80,"protocol":"HTTP"},"hosts":["*"]}]`, `{"kind":"SetupRecord","added":"https-kftls"}`)
	f.Add(`[{"port":{"name":"https-kftls"},"tls":{"credentialName":"kftls-gateway"}}, null, 1, [], "x"]`, `{`)
	f.Add(`[{"port":{"name":"a","number":443,"protocol":"HTTPS"},"hosts":["*"],"tls":{"mode":"SIMPLE","credentialName":"kftls-gateway"}}]`,
		`{"kind":"SetupRecord","swapped":[{"server":"a","port":443,"before":{"credentialName":"b"}}],"redirected":[{"server":"a","port":443,"before":null}]}`)
	f.Add(`{"a":1}`, `{"kind":"SetupRecord","secretName":"other","redirected":[{}],"swapped":[{}]}`)
	f.Fuzz(func(t *testing.T, servers, record string) {
		var list any
		if json.Unmarshal([]byte(servers), &list) != nil {
			return
		}
		gateway := kubeflowGateway()
		gateway.Object["spec"].(map[string]any)["servers"] = list
		gateway.SetAnnotations(map[string]string{AnnotationSetup: record})
		door := frontDoor(gateway)
		spec := Spec{Force: true, HTTPSRedirect: yes()}.Resolve(door)
		if changes, _, err := PlanServers(door, spec); err == nil && len(changes) > 0 {
			door.Gateway = viaJSON(t, changes[0].After)
		}
		plan, err := PlanTeardown(door, &Installed{SecretName: spec.SecretName}, false)
		if err != nil {
			return
		}
		for _, change := range plan.Changes {
			for _, server := range Servers(change.After) {
				if server.isOurs(spec.SecretName) {
					t.Errorf("%v stays", server)
				}
			}
		}
	})
}
