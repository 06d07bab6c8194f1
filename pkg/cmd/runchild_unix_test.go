//go:build !windows

package cmd

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
)

// TestSignals sends signals to this process, as kill(1) does and as a terminal
// does to all of a group, while it runs a command.
func TestSignals(t *testing.T) {
	for name, tc := range map[string]struct {
		script string
		signal syscall.Signal
		code   int
	}{
		"forwarded and caught": {`trap "exit 3" TERM; echo ready; while :; do read x; done`, syscall.SIGTERM, 3},
		"forwarded and fatal":  {`echo ready; exec cat >/dev/null`, syscall.SIGTERM, 143},
		"hang-up":              {`echo ready; exec cat >/dev/null`, syscall.SIGHUP, 129},
		"Ctrl-C is not ours":   {`echo ready; read x; exit 5`, syscall.SIGINT, 5},
		"Ctrl-\\ is not ours":  {`echo ready; read x; exit 6`, syscall.SIGQUIT, 6},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.signal == syscall.SIGHUP && signal.Ignored(tc.signal) {
				t.Skipf("NOT RUN %s: %s is ignored here, as under nohup, and so it is by the command", t.Name(), tc.signal)
			}
			signals := catchSignals()
			defer signals.stop()
			command := exec.Command("sh", "-c", tc.script)
			out, write := io.Pipe()
			command.Stdout = write
			in, err := command.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- signals.run(command) }()
			if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
				t.Fatalf("the command says %q, %v", line, err)
			}
			if err := syscall.Kill(os.Getpid(), tc.signal); err != nil {
				t.Fatal(err)
			}
			if tc.signal == syscall.SIGINT || tc.signal == syscall.SIGQUIT {
				_, _ = io.WriteString(in, "\n")
			}
			var code silentExit
			if err := <-ended; !errors.As(err, &code) || int(code) != tc.code {
				t.Errorf("ended with %v (%d), want %d", err, code, tc.code)
			}
			_ = in.Close()
		})
	}
}
