package pasted

// kubectlTexts are what kubectl says of clusters and rights.
func kubectlTexts() table {
	return table{
		program: "kubectl", seen: "not checked",
		texts: []text{
			{pattern: "no configuration has been provided", codes: "KFT201", says: "there is no kubeconfig"},
			{pattern: "did you specify the right host or port?", codes: "KFT201 KFT202", says: "the Kubernetes API server does not answer, or there is no kubeconfig"},
			{pattern: "Unable to connect to the server", codes: "KFT202", says: "the Kubernetes API server cannot be reached"},
			{pattern: "You must be logged in to the server", codes: "KFT203", says: "the Kubernetes API server does not take the kubeconfig's credentials"},
			{pattern: "error: context \"…\" does not exist", codes: "KFT201", says: "the kubeconfig has no such context"},
			{pattern: `namespaces "istio-system" not found`, codes: "KFT206", says: "the cluster has no Istio where it is expected"},
			{pattern: `the server doesn't have a resource type "gateway`, codes: "KFT206", says: "the cluster has no Istio"},
			{pattern: `services "{name}" not found`, codes: "KFT318", says: "there is no such Service"},
			{pattern: `cannot create resource "pods/portforward"`, codes: "KFT204", says: "the user may not forward ports"},
			{pattern: "pods/portforward", codes: "KFT204", says: "the user may not forward ports", depth: symptom},
			{pattern: "Apply failed with {num} conflict…networking.istio.io", codes: "KFT302", says: "another program wrote the Gateway's servers too; a forced apply would take them away", seen: "measured with a real API server"},
			{pattern: "failed calling webhook \"…validation.istio.io\"", codes: "KFT320", says: "istiod does not answer to the question whether the object is right", seen: "measured with the real istiod"},
			{pattern: "port names in servers must be unique", codes: "KFT311 KFT310", says: "two servers of the Gateway have a port of one name", seen: "measured with the real istiod"},
			{pattern: "SIMPLE TLS requires a server certificate", codes: "KFT312", says: "the HTTPS server names no certificate", seen: "measured with the real istiod"},
			{pattern: "server must have TLS settings for HTTPS/TLS protocols", codes: "KFT312", says: "the HTTPS server says nothing about TLS", seen: "read in the source of Istio"},
			{pattern: "server cannot have TLS settings for plain text HTTP ports", codes: "KFT312", says: "a server for plain HTTP has TLS settings", seen: "read in the source of Istio"},
			{pattern: "server config must contain at least one host", codes: "KFT313", says: "a server of the Gateway has no hosts", seen: "measured with the real istiod"},
			{pattern: "PASSTHROUGH mode does not use certificates", codes: "KFT312", says: "the HTTPS server's TLS mode is missing or passes TLS through", seen: "measured with the real istiod"},
		},
	}
}

// forwardTexts are what kubectl port-forward says.
func forwardTexts() table {
	const measured = "measured with a real kubectl, istiod and Envoy"
	return table{
		program: "kubectl port-forward", seen: "read in issues and source of Kubernetes",
		texts: []text{
			{pattern: "Unable to listen on port {num}", codes: "KFT106 KFT107", says: "another program has the local port, most often another port-forward"},
			{pattern: "unable to listen on any of the requested ports", codes: "KFT106 KFT107", says: "another program has the local port, most often another port-forward"},
			{pattern: "bind: address already in use", codes: "KFT106 KFT107", says: "another program has the local port, most often another port-forward", depth: symptom},
			{pattern: "unable to forward port because pod is not running", codes: "KFT315", says: "the gateway's pod is not running"},
			{pattern: "failed to connect to localhost:{num} inside namespace", codes: "KFT401 KFT301 KFT303 KFT316", says: "the port-forward works, but nothing listens on the port inside the pod"},
			{pattern: "dial tcp4 127.0.0.1:{num}: connect: connection refused", codes: "KFT401 KFT301 KFT303", says: "the port-forward works, but nothing listens on the port inside the pod"},
			{pattern: "does not have a service port {num}", codes: "KFT316", says: "the Service does not publish the port", seen: measured},
			{pattern: "network namespace for sandbox \"…\" is closed", codes: "KFT402 KFT315", says: "the pod that the port-forward leads to is gone", seen: "read in the source of containerd"},
			{pattern: "failed to find sandbox", codes: "KFT402 KFT315", says: "the pod that the port-forward leads to is gone", seen: "read in the source of containerd"},
			{pattern: "error forwarding port {num} to pod", codes: "KFT402 KFT401 KFT301", says: "the port-forward could not reach the port inside the pod", depth: symptom},
			{pattern: "rror occurred forwarding {num} -> {num}", codes: "KFT402 KFT301 KFT303", says: "a connection through the port-forward broke", depth: symptom, seen: measured},
			{pattern: "lost connection to pod", codes: "KFT402 KFT301 KFT303 KFT313", says: "the port-forward has ended: one reset by the gateway is enough", depth: symptom, seen: measured},
			{pattern: "timed out waiting for the condition", codes: "KFT315 KFT402", says: "the pod was not ready in time", depth: symptom, seen: "not checked"},
			{pattern: "error upgrading connection", codes: "KFT205 KFT204 KFT202", says: "the API server, or something in front of it, refuses the port-forward", depth: symptom, seen: "not checked"},
			{pattern: "unable to upgrade connection", codes: "KFT205 KFT204", says: "the API server, or something in front of it, refuses the port-forward", depth: symptom, seen: "not checked"},
		},
	}
}
