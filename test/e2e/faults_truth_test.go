//go:build e2e && linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kftls/kubectl-kftls/test/faults"
)

// truthRow is what came of one fault.
type truthRow struct {
	fault    faults.Fault
	said     map[rights]diagnosed
	commands []string // of the admin's first finding's fix
	printed  bool     // they mend it as they are
	healed   bool
}

// verdict is that of one diagnosis, for a cell of the table.
func (row *truthRow) verdict(who rights) string {
	said, asked := row.said[who]
	if !asked {
		return "-"
	}
	got := judged(row.fault, said.diagnosis)
	if who == admin && got == abstained {
		got = wrong // who may see everything wants to know
	}
	if first := said.named(row.fault); got != right && first != "" {
		return string(got) + " " + first
	}
	return string(got)
}

func (row *truthRow) expected() string {
	if row.fault.Code == "" {
		return "none"
	}
	return strings.Join(append([]string{row.fault.Code}, row.fault.Also...), " or ")
}

func (row *truthRow) mended() string {
	switch {
	case !row.healed:
		return "-"
	case row.printed:
		return "by the printed commands"
	}
	return "by hand"
}

// truth is the table of all.
type truth []*truthRow

// counts says how often each verdict was given.
func (rows truth) counts(who rights) string {
	count := map[grade]int{}
	for _, row := range rows {
		word, _, _ := strings.Cut(row.verdict(who), " ")
		count[grade(word)]++
	}
	asked := len(rows) - count["-"]
	return fmt.Sprintf("| %s | %d | %d | %d | %d |\n", who, asked, count[right], count[abstained], count[wrong])
}

// write makes docs/truth.md.
func (rows truth) write(t *testing.T) {
	t.Helper()
	slices.SortStableFunc(rows, func(a, b *truthRow) int {
		return strings.Compare(a.fault.Code+a.fault.Name, b.fault.Code+b.fault.Name)
	})
	everyone := []rights{admin, viewOnly, noCluster}
	var counts, table, misses strings.Builder
	for _, who := range everyone {
		counts.WriteString(rows.counts(who))
	}
	for _, row := range rows {
		name := strings.ReplaceAll(row.fault.Name, "-", " ")
		for _, who := range everyone {
			if got := row.verdict(who); strings.HasPrefix(got, string(wrong)) {
				fmt.Fprintf(&misses, "- %s, %s: %s, expected %s\n", name, who, got, row.expected())
			}
		}
		fmt.Fprintf(&table, "| %s | %s | %s | %s | %s | %s | %.1f | %s |\n",
			strings.TrimPrefix(row.fault.Profile, "kubeflow-"), name, row.expected(),
			row.verdict(admin), row.verdict(viewOnly), row.verdict(noCluster), row.said[admin].took.Seconds(), row.mended())
	}
	if misses.Len() == 0 {
		misses.WriteString("None.\n")
	}
	text := fmt.Sprintf(truthPage, counts.String(), misses.String(), table.String())
	if err := os.WriteFile(filepath.Join("..", "..", "docs", "truth.md"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

const truthPage = `# What diagnose finds

Each of these was made on the testbed, with the real programs. A real client (curl, requests, kfp) was broken by it, then
` + "`kubectl kftls diagnose`" + ` ran, then it was mended, and the client was well. What is expected to be found is none where
the client is well all the time. Written by ` + "`KFTLS_TRUTH=update go test -tags e2e ./test/e2e -run TestFaults`" + `; the faults
are data in test/faults. Checks and faults were written side by side; what nobody chose is TestMutations.

Three ran side by side: an admin; somebody with the ClusterRoles view and kubeflow-istio-view (no Secrets, no Roles, no
tunnels); and, where there is an address to look at, somebody without a cluster. **Right** is the expected code first.
**Abstained** is an honest word for not knowing: KFT990, KFT201 to KFT204, or no finding where something is said to be in
the way or the check is said to be unknown. **Wrong** is everything else.

| who | diagnoses | right | abstained | wrong |
|---|---|---|---|---|
%s
## Misses

%s
## All

Seconds are the admin's, with the other two beside it.

| Kubeflow | fault | expected | admin | view only | no cluster | seconds | mended |
|---|---|---|---|---|---|---|---|
%s`
