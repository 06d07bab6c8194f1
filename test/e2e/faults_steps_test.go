//go:build e2e && linux

package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/kftls/kubectl-kftls/test/faults"
)

func (s *scene) steps(ctx context.Context, all []faults.Step) {
	s.t.Helper()
	for _, step := range all {
		s.step(ctx, step)
	}
}

func (s *scene) step(ctx context.Context, step faults.Step) {
	s.t.Helper()
	switch {
	case step.Run != "":
		s.run(ctx, s.expand(step.Run))
	case step.Until != "":
		if !wait(waitLimit, func() bool { return s.shell(ctx, s.expand(step.Until)).Run() == nil }) {
			s.t.Fatalf("%s: not within %s", step.Until, waitLimit)
		}
	case step.Apply != "":
		s.apply(ctx, s.expand(step.Apply))
	case step.Certificate != nil:
		s.check(step.Certificate.Write(s.dir))
	case step.Secret != nil:
		s.check(s.writeSecret(ctx, *step.Secret))
	case step.Server != nil:
		s.check(s.writeServer(ctx, *step.Server))
	case step.Model != "":
		s.serveModel(ctx, step.Model)
	case step.Listen != nil:
		s.listen(s.expand(step.Listen.Port), step.Listen.As)
	case step.API != "":
		s.frontAPI(step.API)
	case step.Clocks != nil:
		s.shiftClocks(*step.Clocks)
	case step.Relay != nil:
		s.relay(*step.Relay)
	case step.Close != "":
		port := s.expand(step.Close)
		s.ends[port]()
		delete(s.ends, port)
	case step.Forward != 0:
		s.forward(ctx, step.Forward)
	case step.Env != nil:
		for name, value := range step.Env {
			s.env[name] = s.expand(value)
		}
	case step.Testbed != "":
		s.testbed(step.Testbed)
	default:
		s.t.Fatal("a step does nothing")
	}
}

func (s *scene) apply(ctx context.Context, objects string) {
	s.t.Helper()
	cmd := s.shell(ctx, "kubectl apply --server-side --force-conflicts -f -")
	cmd.Stdin = strings.NewReader(objects)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("apply: %v\n%s", err, out)
	}
}

// writeSecret makes the Secret anew: a type cannot be changed.
func (s *scene) writeSecret(ctx context.Context, wanted faults.Secret) error {
	client, err := typedcore.NewForConfig(s.door.bed.config)
	if err != nil {
		return err
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: s.known["SECRET"], Namespace: "istio-system"},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{},
	}
	if wanted.Name != "" {
		secret.Name = s.expand(wanted.Name)
	}
	if wanted.Namespace != "" {
		secret.Namespace = wanted.Namespace
	}
	if wanted.Type != "" {
		secret.Type = corev1.SecretType(wanted.Type)
	}
	files := wanted.Files
	if files == nil {
		files = map[string]string{"tls.crt": "tls.crt", "tls.key": "tls.key"}
	}
	for key, file := range files {
		secret.Data[key] = []byte{}
		if file != "" {
			if secret.Data[key], err = os.ReadFile(filepath.Join(s.dir, file)); err != nil {
				return err
			}
		}
	}
	secrets := client.Secrets(secret.Namespace)
	old, err := secrets.Get(ctx, secret.Name, metav1.GetOptions{})
	switch {
	case errors.IsNotFound(err):
	case err != nil:
		return err
	case old.Type == secret.Type:
		_, err = secrets.Update(ctx, secret, metav1.UpdateOptions{})
		return err
	default:
		if err := secrets.Delete(ctx, secret.Name, metav1.DeleteOptions{}); err != nil {
			return err
		}
	}
	_, err = secrets.Create(ctx, secret, metav1.CreateOptions{})
	return err
}

var gateways = schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "gateways"}

// writeServer puts an HTTPS server into Kubeflow's Gateway, in place of the one
// that is there.
func (s *scene) writeServer(ctx context.Context, wanted faults.Server) error {
	client, err := dynamic.NewForConfig(s.door.bed.config)
	if err != nil {
		return err
	}
	all := client.Resource(gateways).Namespace("kubeflow")
	gateway, err := all.Get(ctx, "kubeflow-gateway", metav1.GetOptions{})
	if err != nil {
		return err
	}
	old, _, err := unstructured.NestedSlice(gateway.Object, "spec", "servers")
	if err != nil {
		return err
	}
	var servers []any
	for _, server := range old {
		if name, _, _ := unstructured.NestedString(server.(map[string]any), "port", "name"); name != "https" {
			servers = append(servers, server)
		}
	}
	hosts := []any{"*"}
	if wanted.Hosts != nil {
		hosts = nil
		for _, host := range wanted.Hosts {
			hosts = append(hosts, host)
		}
	}
	tlsBlock := map[string]any{"mode": "SIMPLE", "credentialName": s.known["SECRET"]}
	if wanted.CredentialName != "" {
		tlsBlock["credentialName"] = s.expand(wanted.CredentialName)
	}
	if wanted.Mode != "" {
		tlsBlock["mode"] = wanted.Mode
	}
	if wanted.Mode == "PASSTHROUGH" {
		delete(tlsBlock, "credentialName")
	}
	servers = append(servers, map[string]any{
		"hosts": hosts, "tls": tlsBlock,
		"port": map[string]any{"name": "https", "number": int64(443), "protocol": "HTTPS"},
	})
	if err := unstructured.SetNestedSlice(gateway.Object, servers, "spec", "servers"); err != nil {
		return err
	}
	_, err = all.Update(ctx, gateway, metav1.UpdateOptions{})
	return err
}

// listen holds a port of this computer as another program would.
func (s *scene) listen(port, as string) {
	s.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	s.check(err)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodConnect {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		fmt.Fprintln(w, "another program is here")
	}))
	s.check(server.Listener.Close())
	server.Listener = listener
	s.ends[port] = func() { server.CloseClientConnections(); server.Close() }
	switch as {
	case "plain", "proxy":
		server.Start()
	case "tls":
		server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		server.StartTLS()
	case "provider":
		server.Config.Handler = unverifyingProvider()
		server.Start()
	case "closing", "silent":
		s.ends[port] = func() { _ = listener.Close() }
		go takeConnections(listener, as == "silent")
	default:
		s.t.Fatalf("nobody listens as %s", as)
	}
}

// unverifyingProvider is a provider of logins (OAuth 2.0), which lets everybody in
// at once, and says that it has not verified the e-mail address. It leads back to
// the URL in ?back=, since Dex's own is one that only the cluster can look up.
func unverifyingProvider() http.Handler {
	answer := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, text)
		}
	}
	provider := http.NewServeMux()
	provider.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		asked := r.URL.Query()
		code := url.Values{"code": {"1"}, "state": {asked.Get("state")}}
		http.Redirect(w, r, asked.Get("back")+"?"+code.Encode(), http.StatusFound)
	})
	provider.HandleFunc("POST /token", answer(`{"access_token": "1", "token_type": "Bearer"}`))
	provider.HandleFunc("GET /userinfo", answer(`{"id": "1", "user_name": "user", "email": "user@example.com", "email_verified": false}`))
	return provider
}

// takeConnections closes each connection at once, or keeps it and says nothing.
func takeConnections(listener net.Listener, silent bool) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		if silent {
			go func() { _, _ = io.Copy(io.Discard, conn) }()
			continue
		}
		_ = conn.Close()
	}
}

// forward starts kubectl port-forward from $PORT to a port of the Service.
func (s *scene) forward(ctx context.Context, servicePort int) {
	s.t.Helper()
	port := s.known["PORT"]
	var said buffer
	// It outlives this step, and ends with the scene.
	cmd := s.shell(context.WithoutCancel(ctx), "exec kubectl -n istio-system port-forward service/istio-ingressgateway "+port+":"+strconv.Itoa(servicePort))
	cmd.Stdout, cmd.Stderr = &said, &said
	s.check(cmd.Start())
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	s.ends[port] = func() { _ = cmd.Process.Kill(); <-done }
	if !wait(10*time.Second, func() bool { return strings.Contains(said.String(), "Forwarding from") }) {
		s.t.Fatalf("kubectl port-forward: %s", said.String())
	}
}
