package cmd

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// declaredReasons reads the reasons from the source of package fault.
func declaredReasons(t *testing.T) []fault.Reason {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "fault", "fault.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var reasons []fault.Reason
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Reason" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			reasons = append(reasons, fault.Reason(text))
		}
		return true
	})
	return reasons
}

func TestEveryReasonHasAnExitCode(t *testing.T) {
	reasons := declaredReasons(t)
	if len(reasons) < 20 {
		t.Fatalf("only %d reasons found: %v", len(reasons), reasons)
	}
	for _, reason := range reasons {
		if _, known := exitCodes[reason]; !known {
			t.Errorf("%s has no exit code", reason)
		}
	}
	if len(exitCodes) != len(reasons) {
		t.Errorf("%d exit codes for %d reasons", len(exitCodes), len(reasons))
	}
}

func TestExitCode(t *testing.T) {
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	background := context.Background()
	for _, test := range []struct {
		name string
		ctx  context.Context
		err  error
		want int
	}{
		{"done", background, nil, 0},
		{"done just before Ctrl-C", canceled, nil, 0},
		{"a plain error", background, errors.New("x"), 1},
		{"a reason", background, fault.New(fault.Forbidden, "", "x"), 1},
		{"usage", background, fault.New(fault.Usage, "", "x"), 2},
		{"answered with no", background, fault.New(fault.Declined, "", "x"), 2},
		{"a wrapped reason", background, fmt.Errorf("y: %w", fault.New(fault.Usage, "", "x")), 2},
		{"an unknown reason", background, fault.New("Unheard", "", "x"), 1},
		{"a code without a message", background, silentExit(exitRenewalDue), 3},
		{"timed out", background, fault.New(fault.Timeout, "", "x"), 124},
		{"timed out, without a reason", background, fmt.Errorf("y: %w", context.DeadlineExceeded), 124},
		{"a reason around a time-out", background, fault.Wrap(fault.Unreachable, "", context.DeadlineExceeded), 1},
		{"interrupted", background, fault.New(fault.Interrupted, "", "x"), 130},
		{"interrupted, without a reason", background, context.Canceled, 130},
		{"failed because of Ctrl-C", canceled, fault.New(fault.Unreachable, "", "x"), 130},
	} {
		if got := exitCode(test.ctx, test.err); got != test.want {
			t.Errorf("%s: got %d, want %d", test.name, got, test.want)
		}
	}
}
