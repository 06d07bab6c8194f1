package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// command is a program to run in a folder, with additions to the environment.
type command struct {
	dir  string
	args []string
	env  []string
}

func in(dir string, args ...string) command { return command{dir: dir, args: args} }

// recorder runs the commands of one step: what they print goes to the terminal
// and to the step's log, what became of them into the tally.
type recorder struct {
	step  string
	out   io.Writer // terminal and log
	log   io.Writer // log alone
	tally *tally
}

func (s step) runLogged(ctx context.Context, path string, total *tally) error {
	log, err := os.Create(path)
	if err != nil {
		return err
	}
	defer log.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, s.limit, fmt.Errorf("the limit of %s is reached", s.limit))
	defer cancel()
	r := &recorder{step: s.name, out: io.MultiWriter(os.Stdout, log), log: log, tally: total}
	s.run(ctx, r)
	return nil
}

// command runs a command as one check, which passes when its exit code is 0.
func (r *recorder) command(ctx context.Context, title string, c command) {
	began := time.Now()
	watched := &lineWriter{line: func(line string) { r.tally.noteLine(line) }}
	err := r.exec(ctx, c, io.MultiWriter(r.out, watched))
	watched.flush()
	if err != nil {
		r.fail(title, err.Error())
		return
	}
	r.pass(fmt.Sprintf("%s (%s)", title, time.Since(began).Round(100*time.Millisecond)))
}

// exec runs a command to its end. When the context ends it is interrupted, and
// killed ten seconds later.
func (r *recorder) exec(ctx context.Context, c command, out io.Writer) error {
	fmt.Fprintf(r.log, "$ cd %s; %s %s\n", c.dir, strings.Join(c.env, " "), strings.Join(c.args, " "))
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return fmt.Errorf("%s: %w", c.args[0], exit)
	}
	return err
}

func (r *recorder) pass(title string) {
	r.tally.pass()
	fmt.Fprintf(r.out, "ok    %s\n", title)
}

func (r *recorder) fail(title, why string) {
	r.tally.fail(r.step + ": " + title)
	fmt.Fprintf(r.out, "FAIL  %s: %s\n", title, why)
}

func (r *recorder) notRun(name, why string) {
	r.tally.noteLine("NOT RUN " + name + ": " + why)
	fmt.Fprintf(r.out, "NOT RUN %s: %s\n", name, why)
}

// lineWriter hands on what is written to it line by line.
type lineWriter struct {
	line func(string)
	rest string
}

// Write implements io.Writer.
func (w *lineWriter) Write(p []byte) (int, error) {
	lines := strings.Split(w.rest+string(p), "\n")
	for _, line := range lines[:len(lines)-1] {
		w.line(line)
	}
	w.rest = lines[len(lines)-1]
	return len(p), nil
}

func (w *lineWriter) flush() {
	if w.rest != "" {
		w.line(w.rest)
		w.rest = ""
	}
}
