package diagnose

import (
	"context"
	"strings"
)

func tunnelChecks() []Check {
	return []Check{
		{
			Code: "KFT205", Title: "something in front of the API server refuses the tunnel", Layer: LayerAccess, Severity: Error,
			Causes: []Symptom{NoTunnel}, Needs: []string{"KFT204", "KFT315"}, Look: lookUpgrade,
			Page: Page{
				Means: "A tunnel is an upgrade of a connection to the API server, to WebSocket or SPDY. A proxy or load balancer in front of the API server may know neither.",
				Shows: []Shown{{"kubectl", "error: error upgrading connection: …", "not checked"}},
				Heals: "Try the other kind: kubectl kftls port-forward --transport spdy; or take a way to the API server without the proxy.",
			},
		},
		{
			Code: "KFT402", Title: "the tunnel to the gateway pod breaks", Layer: LayerTunnel, Severity: Error,
			Causes: []Symptom{NoTunnel, NoAnswer}, Needs: []string{"KFT204", "KFT205", "KFT315"}, Look: lookTunnel,
			Page: Page{
				Means: "The API server could not carry a connection to the pod: the node does not answer it, or the pod is going.",
				Shows: []Shown{{"kubectl port-forward", "error: lost connection to pod", "measured with kubectl 1.37"}},
				Heals: "See the pods and their nodes: kubectl -n istio-system get pods -o wide; kubectl get nodes",
			},
		},
		{
			Code: "KFT403", Title: "gateway pods serve different certificates", Layer: LayerTunnel, Severity: Error,
			Causes: []Symptom{PodsDiffer}, Needs: []string{"KFT319", "KFT320"}, Look: lookPodsDiffer,
			Page: Page{
				Means: "Each gateway pod is programmed by itself. One of them has not got what the others have: it lost istiod, or refused the last change.",
				Heals: "Start the one anew: kubectl -n istio-system delete pod NAME",
			},
		},
		{
			Code: "KFT401", Title: "nothing listens on the port inside the gateway pod", Layer: LayerTunnel, Severity: Error,
			Causes: []Symptom{PortRefused}, Look: lookPortRefused,
			Page: Page{
				Means: "The tunnel reached the pod, and no program in it listens on the port. The gateway listens where a server of a Gateway says so, and where it has taken that server.",
				Shows: []Shown{{"kubectl port-forward", "failed to connect to localhost:8443 inside namespace …: connect: connection refused", "measured with kubectl 1.37"}},
				Heals: "See what istiod says of the Gateway: kubectl -n istio-system logs -l app=istiod --tail=-1 --since=15m",
			},
		},
	}
}

func lookUpgrade(_ context.Context, f *Facts) Result {
	s := f.sighting(NoTunnel)
	if s == nil {
		return passed("tunnels open")
	}
	for _, mark := range []string{"upgrade", "websocket", "101", "bad handshake"} {
		if strings.Contains(strings.ToLower(s.Text), mark) {
			return found("the upgrade that a tunnel needs is refused on the way to the API server",
				locally("the other kind of upgrade may get through", f.program()+" port-forward --transport spdy"), s.wire()).as(probably)
		}
	}
	return passed("the upgrade is not what fails")
}

func lookTunnel(_ context.Context, f *Facts) Result {
	s := f.sighting(NoTunnel)
	if s == nil {
		return passed("tunnels carry")
	}
	return found("the API server could not carry a connection to the gateway pod", byAdmin("see what is wrong: this shows the pods and their nodes", "kubectl -n istio-system get pods -o wide", "kubectl get nodes"), s.wire())
}

func lookPodsDiffer(_ context.Context, f *Facts) Result {
	s := f.sighting(PodsDiffer)
	if s == nil {
		return passed("they serve the same, or there is one")
	}
	odd, known := f.oddPod()
	var ev []Evidence
	for _, r := range f.Roads {
		if r.Own || r.Handshake == nil {
			continue
		}
		text := "no certificate"
		if len(r.Handshake.Chain) > 0 {
			text = served(r.Handshake.Chain[0])
		}
		ev = append(ev, evidence(r.Name, "serves", text))
	}
	result := found("gateway pods do not serve the same", runs("a new pod takes what istiod has now", "kubectl -n istio-system delete pod "+odd), ev...).as(func(x *Finding) { x.Fix.Destructive = true })
	if !known {
		return result.as(probably)
	}
	return result
}

// oddPod is the pod that has not got what the others have: one that serves no
// certificate, or another one than the Secret holds. Where the Secret may not be
// read, it is the one with the oldest certificate, which is not known to be so.
func (f *Facts) oddPod() (pod string, known bool) {
	var oldest *Road
	held := f.secretLeaf()
	for _, r := range f.Roads {
		if r.Own || r.Handshake == nil {
			continue
		}
		if len(r.Handshake.Chain) == 0 {
			return r.Pod, true
		}
		leaf := r.Handshake.Chain[0]
		if held != nil && !leaf.Equal(held) {
			return r.Pod, true
		}
		if oldest == nil || leaf.NotBefore.Before(oldest.Handshake.Chain[0].NotBefore) {
			oldest = r
		}
	}
	if oldest == nil {
		return "NAME", false
	}
	return oldest.Pod, false
}

func lookPortRefused(_ context.Context, f *Facts) Result {
	s := f.sighting(PortRefused)
	if s == nil {
		return passed("the ports are open")
	}
	return found("nothing listens on the port inside the gateway pod", byAdmin("see what is wrong: this shows what istiod says of the Gateway", "kubectl -n istio-system logs -l app=istiod --tail=-1 --since=15m"), append([]Evidence{s.wire()}, f.logEvidence()...)...).as(probably)
}
