package node

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// firstProbes is how often a container is asked until it is ready for the first time: a
// testbed that is up one second later is a worse testbed.
const firstProbes = 100 * time.Millisecond

// probe is a container's readiness probe, pointed at its pod's address.
type probe struct {
	check            func(ctx context.Context) error
	period, timeout  time.Duration
	failureThreshold int
}

// probeFor makes the readiness probe of a container. One without a probe is ready when its
// first port accepts connections, and one without ports when it runs.
func probeFor(c *corev1.Container, address string) probe {
	spec := c.ReadinessProbe
	if spec == nil {
		spec = &corev1.Probe{}
	}
	p := probe{
		period:           seconds(spec.PeriodSeconds, 10),
		timeout:          seconds(spec.TimeoutSeconds, 1),
		failureThreshold: max(1, int(spec.FailureThreshold)),
	}
	switch {
	case spec.HTTPGet != nil:
		p.check = httpCheck(c, spec.HTTPGet, address)
	case spec.TCPSocket != nil:
		p.check = tcpCheck(address, portNumber(c, spec.TCPSocket.Port))
	case len(c.Ports) > 0:
		p.check = tcpCheck(address, c.Ports[0].ContainerPort)
	default:
		p.check = func(context.Context) error { return nil }
	}
	return p
}

// once asks once, within the probe's time-out.
func (p probe) once(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	return p.check(ctx)
}

// probeClient keeps no connections: a kubelet opens one for each probe.
var probeClient = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func httpCheck(c *corev1.Container, get *corev1.HTTPGetAction, address string) func(context.Context) error {
	scheme := strings.ToLower(string(get.Scheme))
	if scheme == "" {
		scheme = "http"
	}
	url := scheme + "://" + address + ":" + itoa(portNumber(c, get.Port)) + "/" + strings.TrimPrefix(get.Path, "/")
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		request.Header.Set("User-Agent", "kube-probe/1.37")
		for _, h := range get.HTTPHeaders {
			request.Header.Add(h.Name, h.Value)
		}
		answer, err := probeClient.Do(request)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 10<<10))
		if answer.StatusCode < 200 || answer.StatusCode >= 400 {
			return fmt.Errorf("HTTP probe failed with statuscode: %d", answer.StatusCode)
		}
		return nil
	}
}

func tcpCheck(address string, port int32) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp4", address+":"+itoa(port))
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

// portNumber finds a port that may be given by a container port's name; 0 if there is none.
func portNumber(c *corev1.Container, port intstr.IntOrString) int32 {
	if port.Type == intstr.Int {
		return port.IntVal
	}
	for _, p := range c.Ports {
		if p.Name == port.StrVal {
			return p.ContainerPort
		}
	}
	return 0
}

// seconds is an API field's number of seconds, or the field's documented default.
func seconds(value, fallback int32) time.Duration {
	if value <= 0 {
		value = fallback
	}
	return time.Duration(value) * time.Second
}
