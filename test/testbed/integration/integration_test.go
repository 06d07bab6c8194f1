//go:build integration && linux

package integration

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/control"
)

func TestTheFrontDoorAsKubectlSeesIt(t *testing.T) {
	t.Parallel()
	b := up(t, "--audit")
	b.frontDoor(2)
	b.must("guard")
	b.must("wait")
	if out := b.kubectl("logs", "-n", "istio-system", "deploy/istiod"); !strings.Contains(out, "ads") {
		t.Errorf("istiod's log:\n%s", out)
	}
	if out := b.must("logs", "kube-apiserver"); !strings.Contains(out, "Serving securely") {
		t.Errorf("kube-apiserver's log:\n%s", out)
	}
	b.portForward()
	b.rollAndKill()
	b.addAndRemove()
	b.cutAndMend()
	b.auditIsJSON()
	b.fewRights()
}

// portForward asks the front door by way of `kubectl port-forward`.
func (b *bed) portForward() {
	b.t.Helper()
	cmd := exec.Command(filepath.Join(b.dir, "bin", "kubectl"), "port-forward", "-n", "istio-system", "svc/istio-ingressgateway", ":80")
	cmd.Env = append(os.Environ(), "KUBECONFIG="+filepath.Join(b.dir, "admin.kubeconfig"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	match := regexp.MustCompile(`127\.0\.0\.1:(\d+) -> 8080`).FindStringSubmatch(line)
	if err != nil || match == nil {
		b.t.Fatalf("kubectl says %q, %v", line, err)
	}
	if status, _, _ := get(b.t, "http://127.0.0.1:"+match[1]+"/"); status != 403 {
		b.t.Errorf("through kubectl port-forward: %d", status)
	}
}

// rollAndKill does to gateway pods what happens to them in life.
func (b *bed) rollAndKill() {
	b.t.Helper()
	b.must("gateway", "kill", "1")
	b.must("wait")
	b.frontDoor(2)
	restarts := 0
	for _, c := range b.status().Components {
		restarts += c.Restarts
	}
	if restarts != 1 {
		b.t.Errorf("%d restarts after one kill", restarts)
	}
	before := b.pods("istio-ingressgateway")
	b.must("gateway", "roll")
	b.frontDoor(2)
	for _, name := range b.pods("istio-ingressgateway") {
		if slices.Contains(before, name) {
			b.t.Errorf("pod %s is still there after a roll-out", name)
		}
	}
	for _, component := range []string{"oauth2-proxy", "istiod", "kube-apiserver"} {
		b.must("restart", component)
		b.must("wait")
		b.frontDoor(2)
	}
}

// addAndRemove does what an autoscaler does. The pod that is named is the one that goes.
func (b *bed) addAndRemove() {
	b.t.Helper()
	before := b.pods("istio-ingressgateway")
	b.must("gateway", "add")
	b.frontDoor(3)
	goes, url := before[0], b.status().Gateways[0]
	for _, c := range b.status().Components {
		if c.Component == "istio-ingressgateway" && strings.Contains(url, "//"+c.Address+":") {
			goes = c.Name
		}
	}
	b.must("gateway", "remove", "0")
	b.frontDoor(2)
	if now := b.pods("istio-ingressgateway"); slices.Contains(now, goes) {
		b.t.Errorf("%s is still there: %q", goes, now)
	}
	if out, err := b.run("gateway", "remove", "7"); err == nil || !strings.Contains(err.Error(), `there is no gateway "7"`) {
		b.t.Errorf("gateway remove 7: %v\n%s", err, out)
	}
}

// cutAndMend keeps istiod's news from one gateway pod. It goes on with what it has.
func (b *bed) cutAndMend() {
	b.t.Helper()
	b.must("gateway", "cut", "1")
	b.frontDoor(2)
	if _, err := b.run("wait", "--timeout", "3s"); err == nil {
		b.t.Error("a pod that is cut off is in sync")
	}
	b.must("gateway", "mend", "1")
	b.must("wait")
	b.frontDoor(2)
}

// pods are the pods of a component that are not ending.
func (b *bed) pods(component string) []string {
	var names []string
	for _, c := range b.status().Components {
		if c.Component == component && c.Waiting != control.Terminating {
			names = append(names, c.Name)
		}
	}
	return names
}

func (b *bed) auditIsJSON() {
	b.t.Helper()
	data, err := os.ReadFile(b.status().AuditLog)
	if err != nil {
		b.t.Fatal(err)
	}
	kubectls := 0
	for line := range strings.Lines(string(data)) {
		var event struct{ Verb, UserAgent, RequestURI string }
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			b.t.Fatalf("audit line %q: %v", line, err)
		}
		if strings.HasPrefix(event.UserAgent, "kubectl/") {
			kubectls++
		}
	}
	if kubectls == 0 {
		b.t.Error("no request of kubectl is in the audit log")
	}
}

// fewRights makes a user who may do nothing but see where he is.
func (b *bed) fewRights() {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), "alice")
	if err := os.WriteFile(path, []byte(b.must("kubeconfig", "--user", "alice", "--group", "devs")), 0o600); err != nil {
		b.t.Fatal(err)
	}
	if out := b.kubectl("--kubeconfig", path, "auth", "whoami"); !strings.Contains(out, "alice") || !strings.Contains(out, "devs") {
		b.t.Errorf("whoami:\n%s", out)
	}
	if out, err := output(filepath.Join(b.dir, "bin", "kubectl"), []string{"--kubeconfig", path, "get", "secrets", "-A"}); err == nil || !strings.Contains(err.Error(), "forbidden") {
		b.t.Errorf("alice reads Secrets: %v\n%s", err, out)
	}
}

// objects are what a user sees of them, without what changes by itself.
func (b *bed) objects() string {
	b.t.Helper()
	out := b.kubectl("get", "-A", "-o", "json", "--show-managed-fields", "namespaces,services,configmaps,secrets,serviceaccounts,deployments,roles,rolebindings,"+
		"gateways.networking.istio.io,virtualservices,authorizationpolicies,requestauthentications,validatingwebhookconfigurations,crds")
	var list struct{ Items []map[string]any }
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		b.t.Fatal(err)
	}
	var lines []string
	for _, o := range list.Items {
		line := steady(b.t, o)
		if !strings.Contains(line, "control-plane.alpha.kubernetes.io/leader") { // renewed all the time
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// steady writes an object without what changes with every write.
func steady(t *testing.T, o map[string]any) string {
	t.Helper()
	delete(o, "status")
	meta := o["metadata"].(map[string]any)
	for _, field := range []string{"uid", "resourceVersion", "generation", "creationTimestamp"} {
		delete(meta, field)
	}
	if annotations, ok := meta["annotations"].(map[string]any); ok {
		delete(annotations, "deployment.kubernetes.io/revision")
	}
	var owners []any
	entries, _ := meta["managedFields"].([]any)
	for _, entry := range entries {
		e := entry.(map[string]any)
		delete(e, "time")
		if e["subresource"] == nil && e["manager"] != "controllers" {
			owners = append(owners, e)
		}
	}
	meta["managedFields"] = owners
	data, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestResetGoesBackToAsShipped(t *testing.T) {
	t.Parallel()
	b := up(t)
	shipped := b.objects()
	for _, fault := range []string{
		`patch gateway.networking.istio.io -n kubeflow kubeflow-gateway --type=json -p=[{"op":"replace","path":"/spec/servers/0/hosts","value":["x.example.com"]}]`,
		"create namespace mine", "create configmap -n mine a",
		"create configmap -n kubeflow added", "label service -n istio-system istio-ingressgateway a=b",
		"delete deployment -n auth dex", "delete secret -n auth dex-passwords", "delete service -n oauth2-proxy oauth2-proxy",
		"delete rolebinding -n istio-system istio-ingressgateway-sds",
		"delete crd telemetries.telemetry.istio.io",
		"scale -n istio-system deploy/istio-ingressgateway --replicas=3",
		"rollout restart -n oauth2-proxy deploy/oauth2-proxy",
		"scale -n istio-system deploy/istiod --replicas=0",
		"delete namespace kubeflow --wait=false",
	} {
		b.kubectl(strings.Fields(fault)...)
	}
	b.must("reset")
	b.frontDoor(2)
	if now := b.objects(); now != shipped {
		t.Errorf("not as shipped:\n%s", firstDifference(shipped, now))
	}
}

func firstDifference(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return "was " + as[i] + "\nis  " + bs[i]
		}
	}
	return "one is longer"
}

func TestTwoTestbedsSideBySideAndNothingSurvives(t *testing.T) {
	t.Parallel()
	first, second := up(t, "--replicas", "1"), up(t, "--replicas", "1")
	if a, b := first.status().Subnet, second.status().Subnet; a == b {
		t.Fatalf("both on %s", a)
	}
	if out, err := output(mustAbs(t, "../../../bin/testbed"), []string{"guard", "--dir", first.dir}, "KUBECONFIG="+second.status().Kubeconfig); err == nil {
		t.Errorf("the guard of one takes the other\n%s", out)
	}
	ofFirst := first.processes()
	if err := syscall.Kill(first.status().PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	allGone(t, ofFirst)
	second.frontDoor(1)
	first.must("down")
	if _, err := os.Stat(filepath.Join(first.dir, "admin.kubeconfig")); err == nil {
		t.Error("down after a kill -9 leaves the kubeconfig")
	}
	ofSecond := second.processes()
	second.must("down")
	allGone(t, ofSecond)
}

func TestTheDeathOfAPartIsTold(t *testing.T) {
	t.Parallel()
	b := up(t, "--replicas", "1")
	all := b.processes()
	for _, c := range b.status().Components {
		if c.Component == "etcd" {
			if err := syscall.Kill(c.PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	allGone(t, all)
	log, err := os.ReadFile(filepath.Join(b.dir, "logs", "testbed.log"))
	if err != nil || !strings.Contains(string(log), "etcd ended by itself (signal: killed)") {
		t.Errorf("the testbed's log (%v):\n%s", err, log)
	}
}

func mustAbs(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}
