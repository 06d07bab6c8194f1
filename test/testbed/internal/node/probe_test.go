package node

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestProbe(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "/bad", http.StatusFound)
		case "/bad":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/header":
			if r.Header.Get("X-Probe") != "yes" {
				w.WriteHeader(http.StatusForbidden)
			}
		case "/hang":
			<-r.Context().Done()
		}
	}))
	defer server.Close()
	host, portText, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string, at intstr.IntOrString) *corev1.Probe {
		return &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
			Path: path, Port: at, HTTPHeaders: []corev1.HTTPHeader{{Name: "X-Probe", Value: "yes"}},
		}}}
	}
	ports := []corev1.ContainerPort{{Name: "web", ContainerPort: int32(port)}}
	closed := []corev1.ContainerPort{{Name: "web", ContainerPort: 1}}
	for _, test := range []struct {
		name  string
		probe *corev1.Probe
		ports []corev1.ContainerPort
		ready bool
	}{
		{"200", get("/", intstr.FromInt(port)), nil, true},
		{"named port", get("/", intstr.FromString("web")), ports, true},
		{"headers", get("/header", intstr.FromString("web")), ports, true},
		{"a redirect is good, wherever it leads", get("/redirect", intstr.FromInt(port)), nil, true},
		{"503", get("/bad", intstr.FromInt(port)), nil, false},
		{"no answer in time", get("/hang", intstr.FromInt(port)), nil, false},
		{"refused", get("/", intstr.FromString("web")), closed, false},
		{"unknown port name", get("/", intstr.FromString("none")), ports, false},
		{"tcp", &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromString("web")}}}, ports, true},
		{"tcp refused", &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromString("web")}}}, closed, false},
		{"no probe, port open", nil, ports, true},
		{"no probe, port closed", nil, closed, false},
		{"no probe, no port", nil, nil, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := probeFor(&corev1.Container{ReadinessProbe: test.probe, Ports: test.ports}, host)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if err := p.once(ctx); (err == nil) != test.ready {
				t.Errorf("probe says %v, want ready: %v", err, test.ready)
			}
		})
	}
}

func TestProbeDefaults(t *testing.T) {
	p := probeFor(&corev1.Container{ReadinessProbe: &corev1.Probe{PeriodSeconds: 2, FailureThreshold: 30}}, "127.0.0.1")
	if p.period != 2*time.Second || p.timeout != time.Second || p.failureThreshold != 30 {
		t.Errorf("period %v, timeout %v, threshold %d", p.period, p.timeout, p.failureThreshold)
	}
	if p := probeFor(&corev1.Container{}, "127.0.0.1"); p.period != 10*time.Second || p.failureThreshold != 1 {
		t.Errorf("period %v, threshold %d", p.period, p.failureThreshold)
	}
}
