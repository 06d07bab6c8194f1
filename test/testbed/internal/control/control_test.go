//go:build linux

package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve answers in a folder deeper than the address of a Unix socket can be.
func serve(t *testing.T, s *Server) *Client {
	t.Helper()
	dir := filepath.Join(t.TempDir(), strings.Repeat("deep/", 40))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	listener, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return NewClient(dir)
}

func TestVerbsAndStatus(t *testing.T) {
	down := make(chan struct{})
	client := serve(t, &Server{
		Status: func() Status { return Status{Phase: Running, Components: []Component{{Name: "etcd", Ready: true}}} },
		Down:   func() { close(down) },
		Verbs: map[string]Verb{
			"restart": func(_ context.Context, p url.Values) error {
				if name := p.Get("component"); name != "dex" {
					return errors.New("there is no component " + name)
				}
				return nil
			},
		},
	})
	status, err := client.Status(t.Context())
	if err != nil || !status.AllReady() {
		t.Errorf("status %+v, %v", status, err)
	}
	if err := client.Do(t.Context(), "restart", url.Values{"component": {"dex"}}); err != nil {
		t.Error(err)
	}
	if err := client.Do(t.Context(), "restart", url.Values{"component": {"a&b"}}); err == nil || err.Error() != "there is no component a&b" {
		t.Errorf("error %v", err)
	}
	if err := client.Do(t.Context(), "down", nil); err != nil {
		t.Error(err)
	}
	<-down
}

func TestDownDoesNotWaitForAVerb(t *testing.T) {
	begun, down := make(chan struct{}), make(chan struct{})
	client := serve(t, &Server{
		Status: func() Status { return Status{} },
		Down:   func() { close(down) },
		Verbs: map[string]Verb{"wait": func(context.Context, url.Values) error {
			close(begun)
			<-down
			return nil
		}},
	})
	waited := make(chan error, 1)
	go func() { waited <- client.Do(context.Background(), "wait", nil) }()
	<-begun
	if err := client.Do(t.Context(), "down", nil); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; err != nil {
		t.Error(err)
	}
}

func TestNobodyAnswers(t *testing.T) {
	empty := t.TempDir()
	left := t.TempDir()
	listener, err := Listen(left)
	if err != nil {
		t.Fatal(err)
	}
	listener.Close() // the file stays, as after a kill -9
	for name, dir := range map[string]string{"never": empty, "killed": left, "no folder": filepath.Join(empty, "x")} {
		if _, err := NewClient(dir).Status(t.Context()); !errors.Is(err, ErrNotRunning) {
			t.Errorf("%s: %v", name, err)
		}
	}
	again, err := Listen(left)
	if err != nil {
		t.Fatalf("a socket that is left over: %v", err)
	}
	again.Close()
}

func TestAllReady(t *testing.T) {
	for _, test := range []struct {
		name   string
		status Status
		want   bool
	}{
		{"all", Status{Phase: Running, Components: []Component{{Ready: true}}}, true},
		{"starting", Status{Phase: Starting, Components: []Component{{Ready: true}}}, false},
		{"one is not", Status{Phase: Running, Components: []Component{{Ready: true}, {Waiting: "probe"}}}, false},
		{"one is ending", Status{Phase: Running, Components: []Component{{Ready: true}, {Waiting: Terminating}}}, true},
	} {
		if got := test.status.AllReady(); got != test.want {
			t.Errorf("%s: %t", test.name, got)
		}
	}
}

func TestStatusJSON(t *testing.T) {
	at := time.Date(2026, 11, 23, 22, 0, 0, 0, time.UTC)
	data, err := json.Marshal(Status{
		Phase: Running, Dir: "/d", Profile: "kubeflow-26.03", PID: 7, StartedAt: at, Subnet: "127.0.71.0/24",
		Server: "https://127.0.71.1:6443", Kubeconfig: "/d/admin.kubeconfig", ID: "ab", Gateways: []string{"http://127.0.71.11:8080/"},
		Components:  []Component{{Name: "dex-1", Component: "dex", Namespace: "auth", Program: "dex", PID: 8, Address: "127.0.71.21", PodIP: "10.244.0.21", Ready: true, StartedAt: at, Log: "/l"}},
		Differences: []string{"d"},
	})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"phase":"running","dir":"/d","profile":"kubeflow-26.03","pid":7,"startedAt":"2026-11-23T22:00:00Z","subnet":"127.0.71.0/24",` +
		`"server":"https://127.0.71.1:6443","kubeconfig":"/d/admin.kubeconfig","id":"ab","gateways":["http://127.0.71.11:8080/"],` +
		`"components":[{"name":"dex-1","component":"dex","namespace":"auth","program":"dex","pid":8,"address":"127.0.71.21","podIP":"10.244.0.21","ready":true,"startedAt":"2026-11-23T22:00:00Z","log":"/l"}],` +
		`"differences":["d"]}`
	if string(data) != want {
		t.Errorf("status\n%s\nwant\n%s", data, want)
	}
	stopped, err := json.Marshal(Status{Phase: Stopped, Dir: "/d"})
	if err != nil || string(stopped) != `{"phase":"stopped","dir":"/d"}` {
		t.Errorf("stopped: %s, %v", stopped, err)
	}
}
