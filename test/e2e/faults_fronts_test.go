//go:build e2e && linux

package e2e

import (
	"context"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kftls/kubectl-kftls/test/faults"
)

// shiftClocks puts proxies before API server and gateway that say another time. No
// machine lends its clock to a test: that of this computer is wrong if both others
// are.
func (s *scene) shiftClocks(wanted faults.Clocks) {
	s.t.Helper()
	if wanted.Gateway != "" {
		to := &url.URL{Scheme: "http", Host: net.JoinHostPort(s.known["FIRST"], "8080")}
		s.serve(net.JoinHostPort("127.0.0.1", s.known["PORT"]), &httputil.ReverseProxy{
			Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host },
			ModifyResponse: s.shift(wanted.Gateway),
		})
	}
	if wanted.API != "" {
		api := s.apiProxy()
		api.ModifyResponse = s.shift(wanted.API)
		s.useAPI(s.serve("127.0.0.1:0", api))
	}
}

// shift changes the Date of answers.
func (s *scene) shift(by string) func(*http.Response) error {
	s.t.Helper()
	ahead, err := time.ParseDuration(by)
	s.check(err)
	return func(answer *http.Response) error {
		if at, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
			answer.Header.Set("Date", at.Add(ahead).UTC().Format(http.TimeFormat))
		}
		return nil
	}
}

// frontAPI puts something before the API server that spoils it.
func (s *scene) frontAPI(as string) {
	s.t.Helper()
	api := http.Handler(s.apiProxy())
	switch as {
	case "no-upgrades":
		inner := api
		api = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Upgrade") != "" {
				http.Error(w, "no upgrades here", http.StatusForbidden)
				return
			}
			inner.ServeHTTP(w, r)
		})
	case "empty":
		api = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","message":"the server could not find the requested resource","code":404}`))
		})
	default:
		s.t.Fatalf("no API server is %s", as)
	}
	s.useAPI(s.serve("127.0.0.1:0", api))
}

// apiProxy leads to the API server, and signs in there as the admin, so that a
// kubeconfig needs no credentials.
func (s *scene) apiProxy() *httputil.ReverseProxy {
	s.t.Helper()
	config := rest.CopyConfig(s.door.bed.config)
	config.NextProtos = []string{"http/1.1"} // tunnels are made by an upgrade
	transport, err := rest.TransportFor(config)
	s.check(err)
	server, err := url.Parse(config.Host)
	s.check(err)
	return &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(server) },
		Transport: transport, FlushInterval: -1,
	}
}

// useAPI gives the client and the diagnosis a kubeconfig of an API server.
func (s *scene) useAPI(address string) {
	s.t.Helper()
	kubeconfig := clientcmdapi.NewConfig()
	kubeconfig.Clusters["front"] = &clientcmdapi.Cluster{Server: "http://" + address}
	kubeconfig.Contexts["front"] = &clientcmdapi.Context{Cluster: "front"}
	kubeconfig.CurrentContext = "front"
	file := filepath.Join(s.dir, "front.kubeconfig")
	s.check(clientcmd.WriteToFile(*kubeconfig, file))
	s.env["KUBECONFIG"] = file
}

// serve listens until the scene ends, and tells where.
func (s *scene) serve(address string, handler http.Handler) string {
	s.t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	s.check(err)
	server := &http.Server{ReadHeaderTimeout: waitLimit, Handler: handler}
	go func() { _ = server.Serve(listener) }()
	address = listener.Addr().String()
	s.ends[address] = func() { _ = server.Close() }
	return address
}
