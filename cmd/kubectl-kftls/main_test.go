package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestNothingHeavyIsLinked keeps out what makes the program large and slow to
// start, also where a dependency would bring it.
func TestNothingHeavyIsLinked(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	linked := strings.Fields(string(out))
	if len(linked) < 100 {
		t.Fatalf("only %d packages are linked: %q", len(linked), linked)
	}
	for _, name := range linked {
		for _, heavy := range []string{"k8s.io/kubectl/", "k8s.io/apiserver/", "helm.sh/", "istio.io/"} {
			if strings.HasPrefix(name, heavy) {
				t.Errorf("%s is linked", name)
			}
		}
		if name == "k8s.io/client-go/kubernetes" {
			t.Errorf("%s, the clientset of every API group, is linked", name)
		}
	}
}
