//go:build linux

package browsers

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// chromium speaks the DevTools protocol over two pipes
// (https://chromedevtools.github.io/devtools-protocol/).
type chromium struct {
	cmd     *exec.Cmd
	in      *os.File
	answers chan message
	session string
	last    int
}

type message struct {
	ID     int             `json:"id,omitempty"`
	Method string          `json:"method,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// Chromium starts a Chromium or Chrome with a home folder, in which its NSS
// database and its profile lie. proxy is the address of an HTTP proxy, "" for none.
func Chromium(ctx context.Context, name, home, proxy string) (Browser, error) {
	args := []string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-features=CaptivePortalInterstitial,SSLCommonNameMismatchHandling", "--disable-sync", "--remote-debugging-pipe",
	}
	if proxy == "" {
		args = append(args, "--no-proxy-server")
	} else {
		args = append(args, "--proxy-server="+proxy, "--proxy-bypass-list=<-loopback>")
	}
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c := &chromium{cmd: program(name, home, append(args, "about:blank")...), in: in, answers: make(chan message, 64)}
	c.cmd.ExtraFiles = []*os.File{theirIn, theirOut} // it reads from 3 and writes to 4
	err = c.cmd.Start()
	_, _ = theirIn.Close(), theirOut.Close()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go c.read(out)
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := c.attach(ctx); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return c, nil
}

// read passes answers on; events are of no interest.
func (c *chromium) read(out *os.File) {
	defer close(c.answers)
	defer out.Close()
	reader := bufio.NewReader(out)
	for {
		text, err := reader.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(text[:len(text)-1], &m) == nil && m.ID != 0 {
			c.answers <- m
		}
	}
}

func (c *chromium) attach(ctx context.Context) error {
	var target struct{ TargetID, SessionID string }
	if err := c.call(ctx, "Target.createTarget", map[string]any{"url": "about:blank"}, &target); err != nil {
		return err
	}
	attach := map[string]any{"targetId": target.TargetID, "flatten": true}
	if err := c.call(ctx, "Target.attachToTarget", attach, &target); err != nil {
		return err
	}
	c.session = target.SessionID
	return nil
}

func (c *chromium) call(ctx context.Context, method string, params, result any) error {
	c.last++
	call := map[string]any{"id": c.last, "method": method, "params": params}
	if c.session != "" {
		call["sessionId"] = c.session
	}
	text, err := json.Marshal(call)
	if err != nil {
		return err
	}
	if _, err := c.in.Write(append(text, 0)); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", method, context.Cause(ctx))
		case m, ok := <-c.answers:
			switch {
			case !ok:
				return fmt.Errorf("%s: the browser has ended", method)
			case m.ID != c.last: // of a call that was given up
			case m.Error != nil:
				return fmt.Errorf("%s: %s", method, m.Error.Message)
			default:
				return json.Unmarshal(m.Result, result)
			}
		}
	}
}

// Open implements Browser. A page that was to come and did not in time is
// ERR_TIMED_OUT in the browser's own words, after minutes; here it is an error.
func (c *chromium) Open(ctx context.Context, address string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	var went struct{ ErrorText string }
	if err := c.call(ctx, "Page.navigate", map[string]any{"url": address}, &went); err != nil {
		return "", err
	}
	return strings.TrimPrefix(went.ErrorText, "net::"), nil
}

// Close implements Browser. It lets the profile be written first.
func (c *chromium) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c.session = ""
	_ = c.call(ctx, "Browser.close", map[string]any{}, &struct{}{}) // end makes sure
	for range c.answers {                                           // until its pipe is closed
	}
	_ = c.in.Close()
	return end(c.cmd)
}
