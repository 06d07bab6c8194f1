package testutil

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/pkg/portforward"
)

// GatewayPods stand in for Envoy and istiod: each connection is served as the
// Gateways and Secrets in the API server say at that moment, 443 on 8443 and
// 80 on 8080. They are a
// portforward.Dialer.
type GatewayPods struct {
	API *APIServer
	// Namespace is where the Secrets lie; istio-system where empty.
	Namespace string
	// Answer is what a request without a session gets; nil means LoginWall.
	Answer func(r PodRequest) PodAnswer
	// Late names pods that do not serve TLS yet; nil means none.
	Late func(pod string) bool
	// Serves is the certificate of a pod in place of the Secret's; nil means the
	// Secret's.
	Serves func(pod, serverName string) *tls.Certificate
	// Fail is the error of a dial; nil means none.
	Fail func(t portforward.Target) error
	// Stall tells that a connection takes everything and says nothing.
	Stall func(t portforward.Target) bool

	mu      sync.Mutex
	running sync.WaitGroup
	ends    map[net.Conn]bool
}

// PodRequest is a request as a gateway pod sees it.
type PodRequest struct {
	Pod, Host, Path string
	IsTLS           bool
	// Port is the pod's.
	Port uint16
}

// PodAnswer is what it gets.
type PodAnswer struct {
	Status      int
	ContentType string
	Location    string
	Body        string
}

// NewGatewayPods makes pods that end with the test.
func NewGatewayPods(t *testing.T, api *APIServer) *GatewayPods {
	t.Helper()
	p := &GatewayPods{API: api, Namespace: "istio-system", ends: map[net.Conn]bool{}}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// LoginWall answers as Kubeflow 1.9.1 and later does.
func LoginWall(r PodRequest) PodAnswer {
	if strings.HasPrefix(r.Path, "/pipeline/apis/") {
		return PodAnswer{Status: http.StatusUnauthorized, Body: "{}"}
	}
	return PodAnswer{Status: http.StatusForbidden, ContentType: "text/html; charset=utf-8", Body: "<title>Sign In</title>"}
}

// Open answers as a Kubeflow without login does.
func Open(PodRequest) PodAnswer {
	return PodAnswer{Status: http.StatusOK, ContentType: "text/html", Body: "<title>Kubeflow Central Dashboard</title>"}
}

// DialTarget implements portforward.Dialer.
func (p *GatewayPods) DialTarget(ctx context.Context, t portforward.Target) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if p.Fail != nil {
		if err := p.Fail(t); err != nil {
			return nil, err
		}
	}
	client, server := net.Pipe()
	p.mu.Lock()
	p.ends[server] = true
	p.mu.Unlock()
	p.running.Go(func() {
		defer p.end(server)
		p.serve(server, t)
	})
	return client, nil
}

// Close implements portforward.Dialer.
func (p *GatewayPods) Close() error {
	p.mu.Lock()
	for conn := range p.ends {
		_ = conn.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
	return nil
}

func (p *GatewayPods) end(conn net.Conn) {
	_ = conn.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.ends, conn)
}

func (p *GatewayPods) serve(conn net.Conn, t portforward.Target) {
	if p.Stall != nil && p.Stall(t) {
		buffer := make([]byte, 1<<10)
		for {
			if _, err := conn.Read(buffer); err != nil {
				return
			}
		}
	}
	isTLS, isServed := p.protocol(t.Port)
	if !isServed || isTLS && p.Late != nil && p.Late(t.Pod) {
		return
	}
	if isTLS {
		secure := tls.Server(conn, &tls.Config{
			SessionTicketsDisabled: true, // nobody reads them, and a pipe has no buffer
			GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
				return p.certificate(t, hello.ServerName)
			},
		})
		if secure.HandshakeContext(context.Background()) != nil {
			return
		}
		conn = secure
	}
	p.talk(conn, t, isTLS)
}

func (p *GatewayPods) talk(conn net.Conn, t portforward.Target, isTLS bool) {
	reader := bufio.NewReader(conn)
	for {
		request, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		wall := LoginWall
		if p.Answer != nil {
			wall = p.Answer
		}
		answer := wall(PodRequest{Pod: t.Pod, Host: request.Host, Path: request.URL.Path, IsTLS: isTLS, Port: t.Port})
		head := fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Length: %d\r\n", answer.Status, http.StatusText(answer.Status), len(answer.Body))
		if answer.ContentType != "" {
			head += "Content-Type: " + answer.ContentType + "\r\n"
		}
		if answer.Location != "" {
			head += "Location: " + answer.Location + "\r\n"
		}
		if _, err := conn.Write([]byte(head + "\r\n" + answer.Body)); err != nil {
			return
		}
	}
}

// entries are the servers of all Gateways that a pod's port serves.
func (p *GatewayPods) entries(port uint16) []map[string]any {
	number := map[uint16]int64{8080: 80, 8443: 443}[port]
	if number == 0 {
		number = int64(port)
	}
	var found []map[string]any
	for _, gateway := range p.API.all("gateways") {
		list, _, _ := unstructured.NestedSlice(gateway.Object, "spec", "servers")
		for _, raw := range list {
			entry, _ := raw.(map[string]any)
			if has, _, _ := unstructured.NestedInt64(entry, "port", "number"); has == number {
				found = append(found, entry)
			}
		}
	}
	return found
}

func (p *GatewayPods) protocol(port uint16) (isTLS, isServed bool) {
	for _, entry := range p.entries(port) {
		protocol, _, _ := unstructured.NestedString(entry, "port", "protocol")
		return protocol == "HTTPS", true
	}
	return false, false
}

func (p *GatewayPods) certificate(t portforward.Target, serverName string) (*tls.Certificate, error) {
	if p.Serves != nil {
		if certificate := p.Serves(t.Pod, serverName); certificate != nil {
			return certificate, nil
		}
	}
	for _, entry := range p.entries(t.Port) {
		hosts, _, _ := unstructured.NestedStringSlice(entry, "hosts")
		name, _, _ := unstructured.NestedString(entry, "tls", "credentialName")
		if admits(hosts, serverName) {
			return p.secret(name)
		}
	}
	return nil, errors.New("no filter chain matches")
}

func admits(hosts []string, name string) bool {
	for _, host := range hosts {
		if host == "*" || host == name || strings.HasPrefix(host, "*.") && strings.HasSuffix(name, host[1:]) {
			return true
		}
	}
	return false
}

func (p *GatewayPods) secret(name string) (*tls.Certificate, error) {
	secret := p.API.Get("Secret", p.Namespace, name)
	if secret == nil {
		return nil, fmt.Errorf("secret %s/%s not found", p.Namespace, name)
	}
	data, _, _ := unstructured.NestedStringMap(secret.Object, "data")
	chain, err := base64.StdEncoding.DecodeString(data["tls.crt"])
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(data["tls.key"])
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(chain, key)
	return &pair, err
}
