package clients

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Dial is what a client gets to know about one dial.
type Dial struct {
	Case
	// Dir is an empty folder for the client's files, also its HOME.
	Dir string
	// Proxy is the host:port of an HTTP proxy on loopback that leads every
	// CONNECT to the server, for clients that cannot be told an address.
	Proxy string

	proxy *connectProxy
}

func prepare(ctx context.Context, tried Case) (Dial, error) {
	var err error
	if tried.CAFile, err = filepath.Abs(tried.CAFile); err != nil {
		return Dial{}, err
	}
	dir, err := os.MkdirTemp("", "kftls-client-")
	if err != nil {
		return Dial{}, err
	}
	proxy, err := startProxy(ctx, tried.Address)
	if err != nil {
		return Dial{}, errors.Join(err, os.RemoveAll(dir))
	}
	return Dial{Case: tried, Dir: dir, Proxy: proxy.address(), proxy: proxy}, nil
}

func (d Dial) close() {
	d.proxy.close()
	_ = os.RemoveAll(d.Dir) // a folder below the system's own for such
}

// hostPort is the host dialled with the server's port, IPv6 in brackets.
func (d Dial) hostPort() string { return net.JoinHostPort(d.Host, d.port()) }

func (d Dial) port() string { return strconv.Itoa(int(d.Address.Port())) }

func (d Dial) url() string { return "https://" + d.hostPort() + "/" }

func (d Dial) isAddress() bool {
	_, err := netip.ParseAddr(d.Host)
	return err == nil
}

// output is what a program left behind.
type output struct {
	// text is stdout followed by stderr.
	text string
	// code is the exit code, -1 for a program that did not start or was killed.
	code int
}

// run starts a program with nothing of the user's environment or configuration
// but the PATH.
func (d Dial) run(ctx context.Context, env []string, program string, args ...string) output {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = d.Dir
	path := os.Getenv("PATH") //nolint:forbidigo // programs need the PATH on which they were found
	cmd.Env = append([]string{"PATH=" + path, "HOME=" + d.Dir, "LC_ALL=C.UTF-8"}, env...)
	cmd.WaitDelay = 2 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	text := strings.TrimSpace(stdout.String() + "\n" + stderr.String())
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return output{text, exit.ExitCode()}
	}
	if err != nil {
		return output{err.Error() + "\n" + text, -1}
	}
	return output{text, 0}
}

// oneLine joins a program's words for a message.
func oneLine(text string) string {
	const most = 400
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		text = text[:most] + "…"
	}
	return text
}

// byWord reads the answer of the programs in scripts/: a line that begins with
// "accepted: " or "refused: ". Anything else is a failure.
func byWord(o output) Answer {
	for line := range strings.Lines(o.text) {
		for _, v := range []Verdict{Accepted, Refused} {
			if text, ok := strings.CutPrefix(line, string(v)+": "); ok {
				return Answer{v, oneLine(text)}
			}
		}
	}
	return Answer{Failed, oneLine(o.text)}
}
