package programs

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Go runs the Go command in one of the source's modules.
type goCommand struct {
	dir string
	env []string
}

func (s Source) goIn(m module, environ []string) goCommand {
	return goCommand{dir: filepath.Join(s.Dir, m.dir), env: append(slices.Clone(environ), buildEnv...)}
}

func (g goCommand) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = g.dir, g.env
	// The compilers that go starts must end with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// output returns what a go command prints, and its messages in the error.
func (g goCommand) output(ctx context.Context, args ...string) ([]byte, error) {
	var out, messages bytes.Buffer
	cmd := g.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = &out, &messages
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("go %s: %w: %s", args[0], err, lastLines(messages.String(), 10))
	}
	return out.Bytes(), nil
}

// goVersion is the version of the Go command that would build.
func (s Source) goVersion(ctx context.Context, environ []string) (string, error) {
	out, err := s.goIn(modules[0], environ).output(ctx, "env", "GOVERSION")
	return strings.TrimSpace(string(out)), err
}

// moduleDir is the folder of a required module, downloaded if needed.
func (g goCommand) moduleDir(ctx context.Context, path string) (string, error) {
	out, err := g.output(ctx, "mod", "download", "-json", path)
	if err != nil {
		return "", fmt.Errorf("download the module %s: %w", path, err)
	}
	var info struct{ Dir string }
	if err := json.Unmarshal(out, &info); err != nil || info.Dir == "" {
		return "", fmt.Errorf("find the module %s: go told no folder", path)
	}
	return info.Dir, nil
}

// version is a target's version, as programs/go.mod requires it.
func (g goCommand) version(ctx context.Context, t target) (string, error) {
	if t.versionOf == "" {
		return t.fixed, nil
	}
	out, err := g.output(ctx, "list", "-m", "-f", "{{.Version}}", t.versionOf)
	if err != nil {
		return "", fmt.Errorf("find the version of %s: %w", t.name, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// stale lists for each target the packages that a build must compile. Main
// packages always count as stale, since nothing is installed.
func (g goCommand) stale(ctx context.Context, targets []target, report func(Progress)) (map[string][]string, error) {
	stale := map[string][]string{}
	for _, t := range targets {
		report(Progress{Doing: "looking what must be compiled for " + t.name})
		args := append([]string{"list", "-deps", "-f", "{{if .Stale}}{{.ImportPath}}{{end}}"}, buildFlags...)
		out, err := g.output(ctx, append(args, t.pkg)...)
		if err != nil {
			return nil, fmt.Errorf("look what must be compiled for %s: %w", t.name, err)
		}
		stale[t.name] = strings.Fields(string(out))
	}
	return stale, nil
}

// build compiles and links targets into a folder, under the names that go gives
// them.
func (g goCommand) build(ctx context.Context, targets []target, versions map[string]string, into string, report func(Progress)) error {
	stale, err := g.stale(ctx, targets, report)
	if err != nil {
		return err
	}
	args := append([]string{"build", "-v"}, buildFlags...)
	for _, t := range targets {
		flags := commonFlags
		if t.ldflags != nil {
			flags += " " + t.ldflags(versions[t.name])
		}
		args = append(args, "-ldflags="+t.pkg+"="+flags)
	}
	args = append(args, "-o", into+string(os.PathSeparator))
	for _, t := range targets {
		args = append(args, t.pkg)
	}
	cmd := g.command(ctx, args...)
	output, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start go build: %w", err)
	}
	messages := follow(output, newCounter(stale), report)
	if err := cmd.Wait(); err != nil {
		names := slices.Sorted(maps.Keys(stale))
		return fmt.Errorf("build %s: %w\n%s", strings.Join(names, ", "), errors.Join(ctx.Err(), err), lastLines(messages, 30))
	}
	return nil
}

// follow reports progress until the build's output ends, and returns the lines
// that were no packages.
func follow(output io.Reader, c *counter, report func(Progress)) string {
	var messages strings.Builder
	scanner := bufio.NewScanner(output)
	scanner.Buffer(nil, 1<<20)
	report(c.progress)
	for scanner.Scan() {
		text := scanner.Text()
		switch {
		case c.line(text):
			report(c.progress)
		case strings.HasPrefix(text, "go: downloading "):
			report(Progress{Doing: strings.TrimPrefix(text, "go: ")})
		default:
			messages.WriteString(text + "\n")
		}
	}
	return messages.String()
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
