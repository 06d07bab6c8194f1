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
		gateway := &url.URL{Scheme: "http", Host: net.JoinHostPort(s.known["FIRST"], "8080")}
		s.shift(net.JoinHostPort("127.0.0.1", s.known["PORT"]), wanted.Gateway, gateway, nil)
	}
	if wanted.API == "" {
		return
	}
	config := rest.CopyConfig(s.door.bed.config)
	config.NextProtos = []string{"http/1.1"} // tunnels are made by an upgrade
	transport, err := rest.TransportFor(config)
	s.check(err)
	server, err := url.Parse(config.Host)
	s.check(err)
	address := s.shift("127.0.0.1:0", wanted.API, server, transport)
	// The proxy signs in as the admin, so that the kubeconfig needs no credentials.
	kubeconfig := clientcmdapi.NewConfig()
	kubeconfig.Clusters["shifted"] = &clientcmdapi.Cluster{Server: "http://" + address}
	kubeconfig.Contexts["shifted"] = &clientcmdapi.Context{Cluster: "shifted"}
	kubeconfig.CurrentContext = "shifted"
	file := filepath.Join(s.dir, "shifted.kubeconfig")
	s.check(clientcmd.WriteToFile(*kubeconfig, file))
	s.env["KUBECONFIG"] = file
}

// shift is a proxy whose answers bear another Date.
func (s *scene) shift(address, by string, to *url.URL, transport http.RoundTripper) string {
	s.t.Helper()
	ahead, err := time.ParseDuration(by)
	s.check(err)
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	s.check(err)
	server := &http.Server{ReadHeaderTimeout: waitLimit, Handler: &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host },
		Transport: transport,
		ModifyResponse: func(answer *http.Response) error {
			if at, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
				answer.Header.Set("Date", at.Add(ahead).UTC().Format(http.TimeFormat))
			}
			return nil
		},
		FlushInterval: -1,
	}}
	go func() { _ = server.Serve(listener) }()
	s.ends["shifted "+to.Host] = func() { _ = server.Close() }
	return listener.Addr().String()
}
