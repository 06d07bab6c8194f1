//go:build e2e && linux

package e2e

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kftls/kubectl-kftls/test/faults"
)

// rights are what a diagnosis may look at. With fewer it may abstain, but must
// not name a wrong cause: who follows it is worse off than who was told nothing.
type rights string

const (
	admin     rights = "admin"
	viewOnly  rights = "view only"
	noCluster rights = "no cluster"
)

// viewerRights are what a cluster gives to people who may only look: no Secrets,
// no Roles, no tunnels.
const viewerRights = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: faults-viewer-view}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: faults-viewer}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: faults-viewer-istio}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: kubeflow-istio-view}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: faults-viewer}]
`

// grant gives the viewer its rights, which a reset takes away, and writes the
// kubeconfigs of those who are no admins.
func (d *frontDoor) grant(t *testing.T) {
	t.Helper()
	// After a reset at the end of a test, the test's own context is over.
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	cmd := d.bed.kubectl(ctx, "apply", "--server-side", "-f", "-")
	cmd.Stdin = strings.NewReader(viewerRights)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("give the viewer its rights: %v\n%s", err, out)
	}
	if d.kubeconfigs != nil {
		return
	}
	folder := t.TempDir()
	d.kubeconfigs = map[rights]string{
		viewOnly: filepath.Join(folder, "viewer"), noCluster: filepath.Join(folder, "empty"),
	}
	for who, text := range map[rights]string{
		viewOnly:  d.bed.must(t, "kubeconfig", "--user", "faults-viewer"),
		noCluster: "",
	} {
		if err := os.WriteFile(d.kubeconfigs[who], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// asked are the rights that a fault is diagnosed with. A fault of the kubeconfig
// itself is not there with another one, and without a cluster there must be an
// address to look at. With -short one fault in five is diagnosed with fewer
// rights, too.
func (s *scene) asked() []rights {
	all := []rights{admin}
	if s.env["KUBECONFIG"] != s.door.bed.kubeconfig || testing.Short() && s.door.count%5 > 0 {
		return all
	}
	all = append(all, viewOnly)
	if slices.ContainsFunc(s.fault.Aim, func(arg string) bool { return strings.Contains(arg, "://") }) {
		all = append(all, noCluster)
	}
	return all
}

// grade is how good a diagnosis is.
type grade string

const (
	right     grade = "right"
	abstained grade = "abstained"
	wrong     grade = "wrong"
)

// abstentions say that nothing is known: not recognised, or nothing may be
// looked at.
var abstentions = []string{"KFT990", "KFT201", "KFT202", "KFT203", "KFT204"}

// judged tells how good a diagnosis is. To find nothing is honest if it says that
// the check for the fault could not be made, or that something is in the way
// that it cannot explain.
func judged(fault faults.Fault, said diagnosis) grade {
	first := said.named(fault)
	switch {
	case fault.Right(first):
		return right
	case slices.Contains(abstentions, first):
		return abstained
	case first != "" || fault.Code == "":
		return wrong
	case !said.Healthy:
		return abstained
	}
	for _, check := range said.Checks {
		if fault.Right(check.Code) && (check.Status == "unknown" || check.Status == "skipped") {
			return abstained
		}
	}
	return wrong
}

// judgeRights compares what was found with fewer rights to what is expected, and
// to the list of known misses, which must be true as well.
func (s *scene) judgeRights(who rights, said diagnosed) {
	s.t.Helper()
	known, err := faults.KnownMiss(s.fault.Name, string(who))
	s.check(err)
	got, found := judged(s.fault, said.diagnosis), said.named(s.fault)
	if found == "" {
		found = "none"
	}
	switch {
	case got == wrong && known != found:
		s.t.Errorf("%s: found %v, want %s first, or an honest word\n%s", who, said.codes(), s.fault.Code, said.shown())
	case got != wrong && known != "":
		s.t.Errorf("%s: it is %s now: take %s out of test/faults/misses.txt", who, got, s.fault.Name)
	}
}
