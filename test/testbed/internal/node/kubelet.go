package node

import (
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cri-streaming/pkg/streaming/portforward"
)

// A container runtime's limits for streams, as containerd sets them.
const (
	streamIdle     = 4 * time.Hour
	streamCreation = 30 * time.Second
)

// kubelet serves what the API server asks a kubelet for: port-forward and logs.
func (n *Node) kubelet() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/portForward/{namespace}/{pod}", n.servePortForward)
	mux.HandleFunc("/portForward/{namespace}/{pod}/{uid}", n.servePortForward)
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", n.serveLogs)
	for _, verb := range []string{"exec", "attach", "run"} {
		mux.HandleFunc("/"+verb+"/", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, verb+": a pod of the testbed is a process without a container, where nothing can be executed", http.StatusNotImplemented)
		})
	}
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	return mux
}

// servePortForward upgrades the connection and forwards its streams. The connection is not
// tied to the pod's life: only new streams fail when the pod is gone.
func (n *Node) servePortForward(w http.ResponseWriter, r *http.Request) {
	name := types.NamespacedName{Namespace: r.PathValue("namespace"), Name: r.PathValue("pod")}
	n.mu.Lock()
	run, static := n.byName[name], n.statics[name]
	n.mu.Unlock()
	box := &podSandbox{}
	switch {
	case run != nil:
		box.id, box.address, box.closed = sandboxID(run.pod), run.look().address.String(), run.ended
	case static != nil:
		box.id, box.address = digest("sandbox/"+static.name.String()), n.controlPlane()
	default:
		http.Error(w, "pod not found ("+name.Name+"_"+name.Namespace+")", http.StatusNotFound)
		return
	}
	options, err := portforward.NewV4Options(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	portforward.ServePortForward(w, r, box, box.id, "", options, streamIdle, streamCreation, portforward.SupportedProtocols)
}
