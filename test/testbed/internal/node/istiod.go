package node

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// The ports on which istiod's container listens, and on the control plane's address the
// node in its place: https://istio.io/latest/docs/ops/deployment/application-requirements/#ports-used-by-istio
const (
	istiodDebugPort      = 8080
	istiodPlainPort      = 15010
	istiodSecurePort     = 15012
	istiodMonitoringPort = 15014
	istiodWebhookPort    = 15017
)

// holdLimit is how long a program waits for the one that it is started after. Then it
// starts all the same, as it would in a cluster.
const holdLimit = 20 * time.Second

// istiodCommand runs istiod with the arguments of its Deployment. Cobra lets the last of
// two equal flags win, so what must differ comes last.
func istiodCommand(n *Node, s *sandbox) (command, error) {
	address := s.address.String()
	args := append(s.localArgs(),
		"--kubeconfig="+n.config.IstiodKubeconfig,
		"--httpAddr="+address+":"+itoa(istiodDebugPort),
		"--grpcAddr="+address+":"+itoa(istiodPlainPort),
		"--secureGRPCAddr="+address+":"+itoa(istiodSecurePort),
		"--monitoringAddr="+address+":"+itoa(istiodMonitoringPort),
		"--httpsAddr="+address+":"+itoa(istiodWebhookPort),
		"--ctrlz_address="+address,
	)
	s.differ("arguments: listens on %s, reached by all at %s", address, n.controlPlane())
	s.differ("arguments: --kubeconfig in place of env KUBECONFIG and the ServiceAccount's mounted token")
	s.dropEnv("KUBECONFIG")
	s.setEnv("ISTIOD_CUSTOM_HOST", n.controlPlane(), "a name in its certificate that resolves here")
	s.setEnv("PILOT_ENABLE_ALPN_FILTER", "false", "an upstream Envoy lacks Istio's filters")
	s.setEnv("PILOT_ENABLE_METADATA_EXCHANGE", "false", "an upstream Envoy lacks Istio's filters")
	s.setEnv("ENABLE_DEBUG_ON_HTTP", "true", "/debug/syncz tells when every gateway is in sync")
	return command{args: args}, nil
}

// holdIstiod lets Dex start first: else the first fetch of its keys fails, and logins get
// 401 until istiod asks again, which is up to a minute later. Its name resolves when the
// cluster takes it for ready.
func (n *Node) holdIstiod() string {
	return n.holdFor(Dex, "waits for Dex, whose keys istiod fetches once a minute", func(v view) bool { return v.told })
}

// holdGateway waits until istiod answers: Envoy's next attempt comes ever later.
func (n *Node) holdGateway() string {
	return n.holdFor(Istiod, "waits for istiod", func(v view) bool { return v.up })
}

// holdFor returns why while pods with that program are young, and none is so far.
func (n *Node) holdFor(name, why string, isSoFar func(view) bool) string {
	young := false
	for _, r := range n.snapshot() {
		if r.program.name != name || r.ending() {
			continue
		}
		if isSoFar(r.look()) {
			return ""
		}
		young = young || n.now().Sub(r.seen) < holdLimit
	}
	if !young {
		return ""
	}
	return why
}

// isIstiod tells istiod's pods from others.
func isIstiod(pod *corev1.Pod) bool {
	p := programOf(pod)
	return p != nil && p.name == Istiod
}
