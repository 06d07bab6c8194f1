package clienttrust

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// known are the clients that the predictions are held against.
var known = []string{
	"curl", "wget", "Python ssl", "Python requests", "kfp (certifi)", "Python gRPC", "Go", "Node", "Java",
}

// slow are those of them that take more than a moment to start. With -short they
// see only a few servers.
var slow = []string{"Python requests", "kfp (certifi)", "Python gRPC", "Java"}

// TestPredictionsAgainstTheClients is why this package can be believed: what
// each client of this machine says of each server is what was predicted.
func TestPredictionsAgainstTheClients(t *testing.T) {
	list, inFile := scenarios(t)
	caFile := writePEM(t, inFile...)
	pointed := newComputer(t)
	pointed.trust(t, caFile, inFile)
	trusting, others := pointed.clients(t), newComputer(t).clients(t)
	for _, name := range known {
		if !slices.ContainsFunc(trusting, func(c Client) bool { return c.Name == name }) {
			t.Logf("NOT RUN %s with %s: it is not on this machine", t.Name(), name)
		}
	}
	if testing.Short() {
		t.Logf("NOT RUN %s, the slow clients with most servers: they are left to make test-all", t.Name())
	}
	for _, s := range list {
		clients := others
		if s.trusted {
			clients = trusting
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			address := "https://" + net.JoinHostPort(s.host, serve(t, s.certificate())) + "/"
			for _, predicted := range Predict(clients, s.chain(), s.host, caFile, time.Now()) {
				if s.core || !testing.Short() || !slices.Contains(slow, predicted.Client.Name) {
					compare(t, predicted, address)
				}
			}
		})
	}
}

// compare runs the client of a prediction.
func compare(t *testing.T, predicted Verdict, address string) {
	t.Helper()
	c := predicted.Client
	if c.behaviour.run == nil {
		return
	}
	if !predicted.Known {
		t.Errorf("%s: unknown: %s", c.Name, predicted.Why)
		return
	}
	said, err := Run(t.Context(), c, address)
	switch {
	case err != nil:
		t.Error(err)
	case said.Accepts != predicted.Accepts, !strings.Contains(said.Text, predicted.Text),
		!predicted.Accepts && predicted.Text == "":
		t.Errorf("%s %s (%s, roots from %s):\npredicted %t %q (%s)\nsaid      %t %q", c.Name, c.Version, c.Library,
			c.RootsFrom, predicted.Accepts, predicted.Text, predicted.Cause, said.Accepts, said.Text)
	}
}

// serve answers with the certificate and returns the port.
func serve(t testing.TB, certificate tls.Certificate) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "served\n") }),
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}},
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0), // clients that refuse are the point
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.ServeTLS(listener, "", "") // ends when it is closed
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
