package node

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// EnvoyAdminPort is where a gateway's Envoy answers its operator, on the pod's address. In
// a cluster pilot-agent uses the same port.
const EnvoyAdminPort = 15000

// replicaKey is the node metadata by which the EnvoyFilter testbed-listen tells the gateway
// pods apart: "0" is the first gateway address.
const replicaKey = "TESTBED_REPLICA"

// drainTime is pilot-agent's terminationDrainDuration: so long Envoy goes on for the
// clients that it has, asking them to leave, before it is ended.
const drainTime = 5 * time.Second

// envoyBootstrap is what pilot-agent would write for Envoy, less what only pilot-agent's
// sockets can give.
//
//go:embed envoy.json.tmpl
var envoyBootstrap string

// envoyCommand does pilot-agent's work: it writes Envoy's bootstrap and starts it.
func envoyCommand(n *Node, s *sandbox) (command, error) {
	token, err := os.ReadFile(s.inRoot("/var/run/secrets/tokens/istio-token"))
	if err != nil {
		return command{}, fmt.Errorf("read the gateway's token: %w", err)
	}
	rootCert := s.inRoot("/var/run/secrets/istio/root-cert.pem")
	if _, err := os.Stat(rootCert); err != nil {
		return command{}, fmt.Errorf("read istiod's root certificate: %w", err)
	}
	bootstrap, err := bootstrapFor(s, n.controlPlane(), strings.TrimSpace(string(token)), rootCert)
	if err != nil {
		return command{}, err
	}
	path := filepath.Join(s.dir, "bootstrap.json")
	if err := os.WriteFile(path, bootstrap, 0o600); err != nil {
		return command{}, err
	}
	s.differ("program: upstream Envoy without pilot-agent; the node writes its bootstrap, and istiod programs it")
	s.differ("listeners: on %s in place of 0.0.0.0, by EnvoyFilter testbed-listen", s.address)
	args := []string{
		"--config-path", path, "--use-dynamic-base-id", "--concurrency", "1",
		// Else lines wait up to 10 s for the access log.
		"--file-flush-interval-msec", "50",
		"--drain-time-s", itoa(int(drainTime.Seconds())), "--drain-strategy", "immediate",
	}
	return command{args: append(args, logFlags(s.localArgs())...)}, nil
}

// logFlags turns pilot-agent's flags for Envoy's log into Envoy's own.
func logFlags(agent []string) []string {
	var flags []string
	for _, arg := range agent {
		if level, ok := strings.CutPrefix(arg, "--proxyLogLevel="); ok {
			flags = append(flags, "--log-level", level)
		}
		if levels, ok := strings.CutPrefix(arg, "--proxyComponentLogLevel="); ok {
			flags = append(flags, "--component-log-level", levels)
		}
	}
	return flags
}

// bootstrapFor writes Envoy's bootstrap for one gateway pod.
func bootstrapFor(s *sandbox, controlPlane, token, rootCert string) ([]byte, error) {
	node, err := json.MarshalIndent(s.proxyNode(), " ", " ")
	if err != nil {
		return nil, fmt.Errorf("write the gateway's node: %w", err)
	}
	text := strings.NewReplacer(
		"@NODE@", string(node),
		"@ADDRESS@", s.address.String(),
		"@CONTROL_PLANE@", controlPlane,
		"@TOKEN@", inJSON(token),
		"@ROOT@", inJSON(rootCert),
	).Replace(envoyBootstrap)
	if !json.Valid([]byte(text)) {
		return nil, errors.New("write the gateway's bootstrap: it is not JSON")
	}
	return []byte(text), nil
}

// inJSON is text as it stands between the quotes of a JSON string.
func inJSON(text string) string {
	quoted, _ := json.Marshal(text) // a string cannot fail
	return string(quoted[1 : len(quoted)-1])
}

// proxyNode tells istiod who asks, in pilot-agent's words: each env ISTIO_META_X is the
// metadata X. https://github.com/istio/istio/blob/1.28.0/pkg/bootstrap/config.go
func (s *sandbox) proxyNode() map[string]any {
	namespace := s.pod.Namespace
	metadata := map[string]any{}
	for _, v := range s.env {
		if key, ok := strings.CutPrefix(v.name, "ISTIO_META_"); ok {
			metadata[key] = v.value
		}
	}
	metadata["NAME"] = s.pod.Name
	metadata["NAMESPACE"] = namespace
	metadata["SERVICE_ACCOUNT"] = serviceAccount(s.pod)
	metadata["INSTANCE_IPS"] = podIP(s.address)
	metadata["ISTIO_VERSION"] = imageTag(s.container.Image)
	metadata["LABELS"] = s.pod.Labels
	metadata["ANNOTATIONS"] = s.pod.Annotations
	metadata[replicaKey] = itoa(lastOctet(s.address) - firstGatewayOctet)
	return map[string]any{
		"id":       fmt.Sprintf("router~%s~%s.%s~%s.svc.cluster.local", podIP(s.address), s.pod.Name, namespace, namespace),
		"cluster":  s.pod.Labels["app"] + "." + namespace,
		"metadata": metadata,
	}
}

// drainEnvoy does what pilot-agent does on SIGTERM: Envoy tells its clients to leave, and
// is ended some seconds later.
func drainEnvoy(ctx context.Context, address string) {
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	url := "http://" + address + ":" + itoa(EnvoyAdminPort) + "/drain_listeners?graceful"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		return
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return // no Envoy, nothing to drain
	}
	answer.Body.Close()
	<-ctx.Done()
}
