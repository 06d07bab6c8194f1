package testutil

import (
	"maps"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Object builds an object of any kind; more is merged into its top level.
func Object(apiVersion, kind, namespace, name string, more map[string]any) *unstructured.Unstructured {
	object := map[string]any{
		"apiVersion": apiVersion, "kind": kind,
		"metadata": map[string]any{"namespace": namespace, "name": name},
	}
	maps.Copy(object, more)
	return &unstructured.Unstructured{Object: object}
}

// Gateway builds an Istio Gateway that selects Kubeflow's gateway pods.
func Gateway(namespace, name string, servers ...map[string]any) *unstructured.Unstructured {
	list := make([]any, len(servers))
	for i, server := range servers {
		list[i] = server
	}
	return Object("networking.istio.io/v1", "Gateway", namespace, name, map[string]any{
		"spec": map[string]any{"selector": map[string]any{"istio": "ingressgateway"}, "servers": list},
	})
}

// KubeflowGateway builds the Gateway that Kubeflow ships: plain HTTP for all
// hosts; more servers are put behind it.
func KubeflowGateway(more ...map[string]any) *unstructured.Unstructured {
	return Gateway("kubeflow", "kubeflow-gateway", append([]map[string]any{HTTP("http", 80, "*")}, more...)...)
}

// HTTP builds a plain server of a Gateway.
func HTTP(name string, port int64, hosts ...string) map[string]any {
	return server(name, port, "HTTP", hosts)
}

// HTTPS builds a server of a Gateway that serves a Secret.
func HTTPS(name string, port int64, secret string, hosts ...string) map[string]any {
	built := server(name, port, "HTTPS", hosts)
	built["tls"] = map[string]any{"mode": "SIMPLE", "credentialName": secret}
	return built
}

func server(name string, port int64, protocol string, hosts []string) map[string]any {
	list := make([]any, len(hosts))
	for i, host := range hosts {
		list[i] = host
	}
	return map[string]any{
		"port":  map[string]any{"name": name, "number": port, "protocol": protocol},
		"hosts": list,
	}
}

// Service builds a Service of the gateway pods. Ports maps its ports to theirs.
func Service(namespace, name string, ports map[int64]int64) *unstructured.Unstructured {
	var list []any
	for port, target := range ports {
		list = append(list, map[string]any{"port": port, "targetPort": target, "protocol": "TCP"})
	}
	return Object("v1", "Service", namespace, name, map[string]any{
		"spec": map[string]any{"selector": map[string]any{"istio": "ingressgateway"}, "ports": list},
	})
}

// IngressService builds Kubeflow's own Service of the gateway pods.
func IngressService() *unstructured.Unstructured {
	return Service("istio-system", "istio-ingressgateway", map[int64]int64{80: 8080, 443: 8443})
}

// Endpoints builds the EndpointSlice of a Service with ready pods; a name that
// begins with "!" is one that is not ready.
func Endpoints(namespace, service string, pods ...string) *unstructured.Unstructured {
	var endpoints []any
	for _, pod := range pods {
		isReady := pod[0] != '!'
		if !isReady {
			pod = pod[1:]
		}
		endpoints = append(endpoints, map[string]any{
			"addresses":  []any{"10.0.0.1"},
			"conditions": map[string]any{"ready": isReady},
			"targetRef":  map[string]any{"kind": "Pod", "namespace": namespace, "name": pod, "uid": "uid-of-" + pod},
		})
	}
	slice := Object("discovery.k8s.io/v1", "EndpointSlice", namespace, service+"-1", map[string]any{
		"addressType": "IPv4", "endpoints": endpoints,
	})
	slice.SetLabels(map[string]string{"kubernetes.io/service-name": service})
	return slice
}

// Pod builds a pod with labels.
func Pod(namespace, name string, labels map[string]string) *unstructured.Unstructured {
	pod := Object("v1", "Pod", namespace, name, map[string]any{
		"status": map[string]any{"conditions": []any{map[string]any{"type": "Ready", "status": "True"}}},
	})
	pod.SetLabels(labels)
	return pod
}

// VirtualService builds one that routes a path prefix from a Gateway.
func VirtualService(namespace, name, gateway, prefix string) *unstructured.Unstructured {
	return Object("networking.istio.io/v1", "VirtualService", namespace, name, map[string]any{
		"spec": map[string]any{
			"gateways": []any{gateway},
			"hosts":    []any{"*"},
			"http":     []any{map[string]any{"match": []any{map[string]any{"uri": map[string]any{"prefix": prefix}}}}},
		},
	})
}

// Kubeflow builds the objects of a Kubeflow's front door with two gateway pods.
func Kubeflow() []*unstructured.Unstructured {
	return []*unstructured.Unstructured{
		KubeflowGateway(),
		IngressService(),
		Endpoints("istio-system", "istio-ingressgateway", "gateway-a", "gateway-b"),
		Service("oauth2-proxy", "oauth2-proxy", map[int64]int64{80: 4180}),
	}
}
