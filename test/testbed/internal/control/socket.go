//go:build linux

package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// socketName is the socket's file in a testbed's folder.
const socketName = "control.sock"

// ErrNotRunning says that no testbed answers in a folder.
var ErrNotRunning = errors.New("no testbed runs here")

// shortPath names the socket by way of an open folder: the address of a Unix
// socket has room for 107 bytes only, and folders can be deeper.
func shortPath(dir string) (path string, done func(), err error) {
	folder, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", folder.Fd(), socketName), func() { folder.Close() }, nil
}

// Listen opens the socket in a folder, in place of one that is left over. The
// caller must hold the folder's lock.
func Listen(dir string) (net.Listener, error) {
	path, done, err := shortPath(dir)
	if err != nil {
		return nil, fmt.Errorf("open the control socket: %w", err)
	}
	defer done()
	if err := os.Remove(filepath.Join(dir, socketName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove an old control socket: %w", err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("open the control socket: %w", err)
	}
	// The path is good only as long as the folder is open.
	listener.SetUnlinkOnClose(false)
	return listener, nil
}

// Client asks the testbed that runs in a folder.
type Client struct{ http http.Client }

// NewClient makes a client for the testbed in a folder.
func NewClient(dir string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		path, done, err := shortPath(dir)
		if err != nil {
			return nil, err
		}
		defer done()
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
	return &Client{http: http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

// Status asks for the testbed's status.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	status := &Status{}
	return status, c.call(ctx, http.MethodGet, "status", nil, status)
}

// Do has the testbed do something, and waits until it is done.
func (c *Client) Do(ctx context.Context, verb string, parameters url.Values) error {
	return c.call(ctx, http.MethodPost, verb, parameters, nil)
}

func (c *Client) call(ctx context.Context, method, verb string, parameters url.Values, into any) error {
	address := url.URL{Scheme: "http", Host: "testbed", Path: "/" + verb, RawQuery: parameters.Encode()}
	request, err := http.NewRequestWithContext(ctx, method, address.String(), nil)
	if err != nil {
		return fmt.Errorf("ask the testbed: %w", err)
	}
	answer, err := c.http.Do(request)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return ErrNotRunning
	}
	if err != nil {
		return fmt.Errorf("ask the testbed: %w", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return fmt.Errorf("ask the testbed: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return errors.New(strings.TrimSpace(string(body)))
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("read the testbed's answer: %w", err)
	}
	return nil
}
