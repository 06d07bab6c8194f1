package fault

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestReasonAndHint(t *testing.T) {
	inner := New(Forbidden, "ask an admin", "read it: %w", io.EOF)
	tests := []struct {
		name       string
		err        error
		reason     Reason
		hint, says string
	}{
		{"nothing", nil, "", "", ""},
		{"a plain error", io.EOF, Internal, "", "EOF"},
		{"one of ours", inner, Forbidden, "ask an admin", "read it: EOF"},
		{"wrapped by others", fmt.Errorf("setup: %w", inner), Forbidden, "ask an admin", "setup: read it: EOF"},
		{"the outer reason, the inner hint", Wrap(Timeout, "", inner), Timeout, "ask an admin", "read it: EOF"},
		{"the outer hint", Wrap(Timeout, "wait", inner), Timeout, "wait", "read it: EOF"},
		{"joined: the first reason", errors.Join(New(Timeout, "", "late"), inner), Timeout, "ask an admin", "late\nread it: EOF"},
		{"joined: the first hint", errors.Join(New(Timeout, "wait", "late"), inner), Timeout, "wait", "late\nread it: EOF"},
		{"several causes", fmt.Errorf("%w and %w", io.EOF, inner), Forbidden, "ask an admin", "EOF and read it: EOF"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := ReasonOf(test.err); got != test.reason {
				t.Errorf("reason %q, want %q", got, test.reason)
			}
			if got := HintOf(test.err); got != test.hint {
				t.Errorf("hint %q, want %q", got, test.hint)
			}
			if test.err != nil && test.err.Error() != test.says {
				t.Errorf("says %q, want %q", test.err, test.says)
			}
		})
	}
	if !errors.Is(inner, io.EOF) || Wrap(Timeout, "wait", nil) != nil {
		t.Error("the cause is lost, or nil did not stay nil")
	}
}
