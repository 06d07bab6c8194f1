package profiles_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"github.com/kftls/kubectl-kftls/test/testbed/profiles"
)

func TestDefaultProfileExists(t *testing.T) {
	if _, err := profiles.Open(profiles.Default); err != nil {
		t.Error(err)
	}
	if _, err := profiles.Open("kubeflow-0.1"); err == nil || !strings.Contains(err.Error(), profiles.Default) {
		t.Errorf("an unknown profile: %v", err)
	}
}

func TestEveryObjectIsNamedOnceAndInANamespaceOfTheProfile(t *testing.T) {
	clusterScoped := []string{"Namespace", "ClusterRole", "ClusterRoleBinding"}
	eachProfile(t, func(t *testing.T, p profile) {
		seen := map[string]string{}
		for _, o := range p {
			if o.GetAPIVersion() == "" || o.GetKind() == "" || o.GetName() == "" {
				t.Errorf("%s lacks apiVersion, kind or name", o)
			}
			if slices.Contains(clusterScoped, o.GetKind()) {
				if o.GetNamespace() != "" {
					t.Errorf("%s has a namespace", o)
				}
			} else if !p.has("Namespace", "", o.GetNamespace()) {
				t.Errorf("%s is in no namespace of the profile", o)
			}
			id := o.GetKind() + " " + o.GetNamespace() + "/" + o.GetName()
			if other, ok := seen[id]; ok {
				t.Errorf("%s is in %s too", o, other)
			}
			seen[id] = o.file
		}
	})
}

func TestDifferencesAreExplained(t *testing.T) {
	eachProfile(t, func(t *testing.T, p profile) {
		for _, o := range p {
			for name, value := range o.GetAnnotations() {
				if strings.HasPrefix(name, "testbed.kftls.github.io/") && (name != profiles.DifferenceAnnotation || len(value) < 20) {
					t.Errorf("%s: annotation %s: %q", o, name, value)
				}
			}
		}
	})
}

func TestNoGatewayServesHTTPSAsShipped(t *testing.T) {
	eachProfile(t, func(t *testing.T, p profile) {
		for _, name := range []string{"kubeflow/kubeflow-gateway", "istio-system/istio-ingressgateway"} {
			namespace, name, _ := strings.Cut(name, "/")
			if !p.has("Gateway", namespace, name) {
				t.Errorf("no Gateway %s/%s", namespace, name)
			}
		}
		for _, gateway := range p.kind("Gateway") {
			if gateway.GetAPIVersion() != "networking.istio.io/v1alpha3" {
				t.Errorf("%s is %s, Kubeflow's is v1alpha3", gateway, gateway.GetAPIVersion())
			}
			servers := list(gateway.Object, "spec", "servers")
			if len(servers) != 1 {
				t.Errorf("%s has %d servers", gateway, len(servers))
			}
			for _, server := range servers {
				port, _, _ := unstructured.NestedInt64(server, "port", "number")
				if protocol := text(server, "port", "protocol"); protocol != "HTTP" || port != 80 || server["tls"] != nil {
					t.Errorf("%s serves %s on %d", gateway, protocol, port)
				}
			}
		}
	})
}

// undeclared are ports that Kubeflow's containers before 26.03 serve and do not list, which Kubernetes does not ask for.
var undeclared = []string{"istio-system/istiod 15012", "istio-system/istiod 15014"}

func TestServicesLeadToPortsOfWorkloads(t *testing.T) {
	eachProfile(t, func(t *testing.T, p profile) {
		services := typed[*corev1.Service](p)
		if len(services) == 0 {
			t.Fatal("no Services")
		}
		for _, service := range services {
			pod := p.podOf(service.Namespace, service.Spec.Selector)
			if pod == nil {
				t.Errorf("Service %s/%s selects no workload's pods", service.Namespace, service.Name)
				continue
			}
			for _, port := range service.Spec.Ports {
				listed := fmt.Sprintf("%s/%s %d", service.Namespace, service.Name, port.Port)
				if !offers(pod, port) && !slices.Contains(undeclared, listed) {
					t.Errorf("Service %s/%s: port %d leads nowhere", service.Namespace, service.Name, port.Port)
				}
			}
		}
	})
}

// podOf is the pod template that a selector finds, or nil.
func (p profile) podOf(namespace string, selector map[string]string) *corev1.PodTemplateSpec {
	for _, w := range p.workloads() {
		if w.Namespace == namespace && len(selector) > 0 && selects(selector, w.pod.Labels) {
			return &w.pod
		}
	}
	return nil
}

// offers tells whether a container has the port that a Service leads to.
func offers(pod *corev1.PodTemplateSpec, port corev1.ServicePort) bool {
	target := port.TargetPort
	if target.String() == "0" { // absent: the same number
		target = intstr.FromInt32(port.Port)
	}
	return slices.ContainsFunc(pod.Spec.Containers, func(c corev1.Container) bool {
		return slices.ContainsFunc(c.Ports, func(offered corev1.ContainerPort) bool {
			return offered.ContainerPort == target.IntVal || (target.StrVal != "" && offered.Name == target.StrVal)
		})
	})
}

func TestVirtualServicesLeadFromGatewaysToServices(t *testing.T) {
	eachProfile(t, func(t *testing.T, p profile) {
		virtualServices := p.kind("VirtualService")
		if len(virtualServices) == 0 {
			t.Fatal("no VirtualServices")
		}
		for _, vs := range virtualServices {
			gateways, _, _ := unstructured.NestedStringSlice(vs.Object, "spec", "gateways")
			if len(gateways) == 0 {
				t.Errorf("%s is bound to no Gateway", vs)
			}
			for _, gateway := range gateways {
				namespace, name, other := strings.Cut(gateway, "/")
				if !other {
					namespace, name = vs.GetNamespace(), gateway
				}
				if !p.has("Gateway", namespace, name) {
					t.Errorf("%s is bound to %s, which is not there", vs, gateway)
				}
			}
			for _, rule := range list(vs.Object, "spec", "http") {
				for _, route := range list(rule, "route") {
					port, _, _ := unstructured.NestedInt64(route, "destination", "port", "number")
					if host := text(route, "destination", "host"); !p.serves(host, port) {
						t.Errorf("%s leads to %s:%d, which is no Service", vs, host, port)
					}
				}
			}
		}
	})
}

// serves tells whether a full cluster name and a port are those of a Service.
func (p profile) serves(host string, port int64) bool {
	return slices.ContainsFunc(typed[*corev1.Service](p), func(service *corev1.Service) bool {
		return host == service.Name+"."+service.Namespace+".svc.cluster.local" &&
			slices.ContainsFunc(service.Spec.Ports, func(p corev1.ServicePort) bool { return int64(p.Port) == port })
	})
}

func TestPoliciesSelectPodsAndNameProvidersOfTheMesh(t *testing.T) {
	eachProfile(t, func(t *testing.T, p profile) {
		providers := p.meshProviders(t)
		for name, provider := range providers {
			if !p.serves(provider.Service, provider.Port) {
				t.Errorf("the mesh's provider %s leads to %s:%d, which is no Service", name, provider.Service, provider.Port)
			}
		}
		policies := append(p.kind("AuthorizationPolicy"), p.kind("RequestAuthentication")...)
		for _, policy := range policies {
			selector, _, _ := unstructured.NestedStringMap(policy.Object, "spec", "selector", "matchLabels")
			if len(selector) > 0 && p.podOf(policy.GetNamespace(), selector) == nil {
				t.Errorf("%s selects no pods", policy)
			}
			custom := text(policy.Object, "spec", "action") == "CUSTOM"
			if _, ok := providers[text(policy.Object, "spec", "provider", "name")]; custom && !ok {
				t.Errorf("%s names a provider that the mesh has not", policy)
			}
		}
	})
}

type provider struct {
	Service string `json:"service"`
	Port    int64  `json:"port"`
}

// meshProviders are the external authorizers in the mesh's configuration, by name.
func (p profile) meshProviders(t *testing.T) map[string]provider {
	t.Helper()
	var mesh struct {
		ExtensionProviders []struct {
			Name string    `json:"name"`
			HTTP *provider `json:"envoyExtAuthzHttp"`
		} `json:"extensionProviders"`
	}
	found := map[string]provider{}
	for _, config := range typed[*corev1.ConfigMap](p) {
		if config.Namespace != "istio-system" || config.Name != "istio" {
			continue
		}
		if err := yaml.Unmarshal([]byte(config.Data["mesh"]), &mesh); err != nil {
			t.Fatalf("mesh: %v", err)
		}
		for _, one := range mesh.ExtensionProviders {
			if one.HTTP != nil {
				found[one.Name] = *one.HTTP
			}
		}
		return found
	}
	t.Fatal("no ConfigMap istio-system/istio")
	return nil
}

func TestBindingsBindRolesOfTheProfileToItsAccounts(t *testing.T) {
	eachProfile(t, func(t *testing.T, p profile) {
		check := func(name, namespace string, role rbacv1.RoleRef, subjects []rbacv1.Subject) {
			roleNamespace := ""
			if role.Kind == "Role" {
				roleNamespace = namespace
			}
			ofKubernetes := role.Kind == "ClusterRole" && strings.HasPrefix(role.Name, "system:")
			if !ofKubernetes && !p.has(role.Kind, roleNamespace, role.Name) {
				t.Errorf("%s/%s binds %s %s, which is not there", namespace, name, role.Kind, role.Name)
			}
			for _, subject := range subjects {
				if subject.Kind == "ServiceAccount" && !p.has("ServiceAccount", subject.Namespace, subject.Name) {
					t.Errorf("%s/%s binds ServiceAccount %s/%s, which is not there", namespace, name, subject.Namespace, subject.Name)
				}
			}
		}
		for _, b := range typed[*rbacv1.RoleBinding](p) {
			check(b.Name, b.Namespace, b.RoleRef, b.Subjects)
		}
		for _, b := range typed[*rbacv1.ClusterRoleBinding](p) {
			check(b.Name, "", b.RoleRef, b.Subjects)
		}
	})
}
