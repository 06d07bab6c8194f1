package gateway

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
)

// Places are the objects that setup looks at and writes, by name.
type Places struct {
	// Gateway, Service and Secret: the last lies in the Service's namespace.
	Gateway, Service types.NamespacedName
	SecretName       string
}

// UsualPlaces are Kubeflow's own names, for a front door that could not be
// looked at. A zero Gateway and an empty name of the Secret mean the usual ones.
func UsualPlaces(gateway types.NamespacedName, secretName string) Places {
	if gateway.Name == "" {
		gateway = KubeflowGateway
	}
	if secretName == "" {
		secretName = SecretName
	}
	return Places{Gateway: gateway, Service: KubeflowIngress, SecretName: secretName}
}

// Places are those of a front door, with our Secret's name.
func (d *FrontDoor) Places(secretName string) Places {
	service := d.Ingress.Object
	return Places{
		Gateway:    types.NamespacedName{Namespace: d.Gateway.GetNamespace(), Name: d.Gateway.GetName()},
		Service:    types.NamespacedName{Namespace: service.Namespace, Name: service.Name},
		SecretName: secretName,
	}
}

// LookRights are what a run needs that changes nothing. The Secret is not among
// them: what is served stands in for it.
func (p Places) LookRights() []cluster.Right {
	rights := []cluster.Right{
		named("get", istioGroup, "gateways", p.Gateway),
		named("get", "", "configmaps", p.configMap()),
		named("get", "", "services", p.Service),
		{Verb: "list", Group: "discovery.k8s.io", Resource: "endpointslices", Namespace: p.Service.Namespace},
		{Verb: "get", Resource: "pods", Subresource: "portforward", Namespace: p.Service.Namespace},
		{Verb: "create", Resource: "pods", Subresource: "portforward", Namespace: p.Service.Namespace},
	}
	if p.Service != KubeflowIngress { // the way to it leads over the pods' labels
		rights = append(rights, named("get", "", "services", KubeflowIngress),
			cluster.Right{Verb: "list", Resource: "services", Namespace: p.Service.Namespace},
			cluster.Right{Verb: "list", Resource: "pods", Namespace: p.Service.Namespace})
	}
	return rights
}

// WriteRights are what a first setup needs beside LookRights. Secret and
// ConfigMap are created by server-side apply, so that create can be limited to
// their names; by a POST it could not.
func (p Places) WriteRights() []cluster.Right {
	return slices.Concat(
		[]cluster.Right{named("patch", istioGroup, "gateways", p.Gateway)},
		eachVerb("", "configmaps", p.configMap(), "create", "patch"),
		eachVerb("", "secrets", p.secret(), "get", "create", "patch"),
	)
}

// TeardownRights are what teardown needs beside those of setup.
func (p Places) TeardownRights() []cluster.Right {
	return []cluster.Right{named("delete", "", "configmaps", p.configMap()), named("delete", "", "secrets", p.secret())}
}

func (p Places) configMap() types.NamespacedName {
	return types.NamespacedName{Namespace: p.Gateway.Namespace, Name: ConfigMapName}
}

func (p Places) secret() types.NamespacedName {
	return types.NamespacedName{Namespace: p.Service.Namespace, Name: p.SecretName}
}

// Rights are what the writes of a plan need.
func (p *Plan) Rights() []cluster.Right {
	var rights []cluster.Right
	for _, change := range p.Changes {
		object := change.Before
		if object == nil {
			object = change.After
		}
		name := types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetName()}
		switch change.Action {
		case Create:
			rights = append(rights, eachVerb(change.Resource.Group, change.Resource.Resource, name, "create", "patch")...)
		case Update:
			rights = append(rights, named("patch", change.Resource.Group, change.Resource.Resource, name))
		case Delete:
			rights = append(rights, named("delete", change.Resource.Group, change.Resource.Resource, name))
		}
	}
	return rights
}

func named(verb, group, resource string, object types.NamespacedName) cluster.Right {
	return cluster.Right{Verb: verb, Group: group, Resource: resource, Namespace: object.Namespace, Name: object.Name}
}

func eachVerb(group, resource string, object types.NamespacedName, verbs ...string) []cluster.Right {
	var rights []cluster.Right
	for _, verb := range verbs {
		rights = append(rights, named(verb, group, resource, object))
	}
	return rights
}
