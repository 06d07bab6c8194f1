//go:build linux

package browsers

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// firefox speaks Marionette
// (https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html).
type firefox struct {
	cmd    *exec.Cmd
	conn   net.Conn
	reader *bufio.Reader
	last   int
}

// Firefox starts a Firefox with a profile folder. Settings are added to it.
func Firefox(ctx context.Context, name, home, profile string) (Browser, error) {
	// Nothing is asked of the web; an unknown name is not looked for there.
	const settings = `user_pref("marionette.port", 0);
user_pref("network.proxy.type", 0);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "data:,");
user_pref("app.update.disabledForTesting", true);
user_pref("toolkit.telemetry.reportingpolicy.firstRun", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("dom.security.https_only_mode", false);
user_pref("dom.security.https_first", false);
`
	if err := os.WriteFile(filepath.Join(profile, "user.js"), []byte(settings), 0o600); err != nil {
		return nil, err
	}
	f := &firefox{cmd: program(name, home, "--headless", "--no-remote", "--profile", profile, "--marionette")}
	if err := f.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := f.connect(ctx, filepath.Join(profile, "MarionetteActivePort")); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", name, err), end(f.cmd))
	}
	return f, nil
}

// connect waits for the file in which Firefox writes its port.
func (f *firefox) connect(ctx context.Context, portFile string) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		port, err := os.ReadFile(portFile)
		if err == nil && len(port) > 0 {
			if f.conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strings.TrimSpace(string(port)))); err == nil {
				break
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no answer: %w", err)
		case <-ticker.C:
		}
	}
	f.reader = bufio.NewReader(f.conn)
	if _, err := f.receive(ctx); err != nil { // it says hello
		return err
	}
	session := map[string]any{"acceptInsecureCerts": false, "pageLoadStrategy": "normal"}
	return f.call(ctx, "WebDriver:NewSession", map[string]any{"capabilities": map[string]any{"alwaysMatch": session}}, new(any))
}

// receive reads one message: its length, a colon, JSON.
func (f *firefox) receive(ctx context.Context) ([]byte, error) {
	if deadline, ok := ctx.Deadline(); ok {
		_ = f.conn.SetReadDeadline(deadline)
	}
	length, err := f.reader.ReadString(':')
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(length, ":"))
	if err != nil {
		return nil, err
	}
	text := make([]byte, n)
	_, err = io.ReadFull(f.reader, text)
	return text, err
}

// failure is how Firefox says that it did not do what it was told.
type failure struct {
	Code    string `json:"error"`
	Message string `json:"message"`
}

func (f *failure) Error() string { return f.Code + ": " + f.Message }

// call returns a failure where Firefox answers with one.
func (f *firefox) call(ctx context.Context, method string, params, result any) error {
	f.last++
	text, err := json.Marshal([]any{0, f.last, method, params})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(f.conn, "%d:%s", len(text), text); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	text, err = f.receive(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	var failed *failure
	if err := json.Unmarshal(text, &[]any{new(int), new(int), &failed, result}); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	if failed != nil {
		return failed
	}
	return nil
}

// errorCode reads the code off the page of an error, by the two functions that
// Firefox gives these pages alone.
const errorCode = `for (const info of ["getFailedCertSecurityInfo", "getNetErrorInfo"]) {
	try { const code = document[info]().errorCodeString; if (code) return code; } catch {}
}
return new URLSearchParams(document.documentURI.split("?")[1]).get("e") || document.documentURI;`

// Open implements Browser. Where Firefox's page of an error has no code, its
// name is returned, such as connectionFailure.
func (f *firefox) Open(ctx context.Context, address string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	err := f.call(ctx, "WebDriver:Navigate", map[string]any{"url": address}, new(any))
	if _, ok := errors.AsType[*failure](err); !ok {
		return "", err
	}
	var code struct{ Value string }
	err = f.call(ctx, "WebDriver:ExecuteScript", map[string]any{"script": errorCode, "args": []any{}}, &code)
	return code.Value, err
}

// Close implements Browser.
func (f *firefox) Close() error {
	_ = f.conn.Close()
	return end(f.cmd)
}
