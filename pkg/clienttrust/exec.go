package clienttrust

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// output is what a program left behind.
type output struct {
	stdout, stderr string
	code           int
}

// start runs a program to its end. Its error is about the run; a program that
// ended with a code other than 0 has that code.
func start(ctx context.Context, environ []string, program string, args ...string) (output, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = environ
	cmd.WaitDelay = 500 * time.Millisecond // a child of its own may hold the pipes
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	o := output{stdout: stdout.String(), stderr: strings.TrimSpace(stderr.String())}
	if ctx.Err() != nil {
		return o, fmt.Errorf("run %s: %w", program, context.Cause(ctx))
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		o.code = exit.ExitCode()
		return o, nil
	}
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return o, fmt.Errorf("run %s: %w", program, err)
	}
	return o, nil
}

// ask runs a client for what it says of itself, "" if it does not answer.
func (f *finder) ask(ctx context.Context, program string, args ...string) string {
	o, err := start(ctx, f.environ(), program, args...)
	if err != nil || o.code != 0 {
		return ""
	}
	return o.stdout
}

// first finds the first of some programs.
func (f *finder) first(names ...string) (string, bool) {
	for _, name := range names {
		if path, err := f.lookPath(name); err == nil {
			return path, true
		}
	}
	return "", false
}

// afterWord returns the word that follows another in a text, "" if none does.
func afterWord(text, word string) string {
	_, rest, ok := strings.Cut(text, word)
	if fields := strings.Fields(rest); ok && len(fields) > 0 {
		return fields[0]
	}
	return ""
}

// shellWord quotes a word for a POSIX shell where that is needed.
func shellWord(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-"
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
