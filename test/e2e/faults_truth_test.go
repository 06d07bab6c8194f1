//go:build e2e && linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/test/faults"
)

// truthRow is what came of one fault.
type truthRow struct {
	fault    faults.Fault
	codes    []string // of the findings, the first one first
	commands []string // of the first finding's fix
	printed  bool     // the commands mend it as they are
	took     time.Duration
	healed   bool
}

// truth is the table of all.
type truth []truthRow

// write makes docs/truth.md.
func (rows truth) write(t *testing.T) {
	t.Helper()
	slices.SortStableFunc(rows, func(a, b truthRow) int {
		return strings.Compare(a.fault.Code+a.fault.Name, b.fault.Code+b.fault.Name)
	})
	right, healed := 0, 0
	var table strings.Builder
	for _, row := range rows {
		first, others := "none", ""
		if len(row.codes) > 0 {
			first, others = row.codes[0], strings.Join(row.codes[1:], " ")
		}
		if row.fault.Right(strings.TrimPrefix(first, "none")) {
			right++
		}
		mended := "-"
		if row.healed {
			healed++
			mended = "by hand"
			if row.printed {
				mended = "by the printed commands"
			}
		}
		expected := strings.Join(append([]string{row.fault.Code}, row.fault.Also...), " or ")
		if row.fault.Code == "" {
			expected = "none"
		}
		fmt.Fprintf(&table, "| %s | %s | %s | %s | %s | %.1f | %s |\n", strings.TrimPrefix(row.fault.Profile, "kubeflow-"),
			strings.ReplaceAll(row.fault.Name, "-", " "), expected, first, others, row.took.Seconds(), mended)
	}
	text := fmt.Sprintf(`# What diagnose finds

Each of these was made on the testbed, with the real programs. A real client (curl, requests, kfp) was broken by it, then
`+"`kubectl kftls diagnose`"+` ran, then it was mended, and the client was well. Written by
`+"`KFTLS_TRUTH=update go test -tags e2e ./test/e2e -run TestFaults`"+`; the faults are data in test/faults.

%d faults, %d named first, %d mended.

| Kubeflow | fault | expected | found | also found | seconds | mended |
|---|---|---|---|---|---|---|
%s`, len(rows), right, healed, table.String())
	if err := os.WriteFile(filepath.Join("..", "..", "docs", "truth.md"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
