package diagnose

import (
	"context"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kftls/kubectl-kftls/pkg/clienttrust"
	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

// gathering collects the facts. Whatever waits for nothing else is asked for at
// once: the cluster's objects, the user's own road, the clients of this computer.
type gathering struct {
	ctx     context.Context
	options Options
	facts   *Facts
	cookies []session.Cookie

	own     *Road
	tunnels []*Road
	clients []clienttrust.Client
	objects chan *Objects
	wire    sync.WaitGroup // the roads and the clients
}

// begin asks, and waits for nothing but the files of this computer.
func begin(ctx context.Context, o Options) *gathering {
	g := &gathering{ctx: ctx, options: o, objects: make(chan *Objects, 1)}
	g.facts = &Facts{
		Aim: o.aim(), Now: o.now(), Computer: gatherComputer(o),
		Access: Access{Cluster: o.Cluster, Err: o.ClusterErr, Wanted: o.ClusterWanted},
	}
	if o.URL != nil {
		g.own = ownRoad(o.URL, o.Env)
		g.own.model = g.facts.Aim.Model
		g.wire.Go(func() { g.own.probe(ctx) })
	}
	g.wire.Go(func() { g.clients = findClients(ctx, o) })
	go func() {
		if o.Cluster == nil {
			g.objects <- nil
			return
		}
		g.objects <- reader{ctx: ctx, cluster: o.Cluster, options: o}.objects()
	}()
	g.cookies = g.facts.readCookies(o)
	return g
}

// await waits for the facts of a stage, and adds them.
func (g *gathering) await(stage Stage) {
	f := g.facts
	switch stage {
	case StageCluster:
		if f.Objects = <-g.objects; f.Objects != nil {
			f.trustOurs(f.Objects)
		}
		g.tunnels = f.tunnels(g.options.Dialer)
		for _, r := range g.tunnels {
			g.wire.Go(func() { r.probe(g.ctx) })
		}
	case StageWire:
		g.wire.Wait()
		if g.own != nil {
			f.Roads = append(f.Roads, g.own)
		}
		f.Roads = append(f.Roads, g.tunnels...)
		f.trust(g.clients)
		f.Session = f.askWithSession(g.ctx, g.cookies)
		if g.options.RunClients {
			f.runClients(g.ctx)
		}
		f.Seen = f.observe()
		f.deepen(g.ctx, g.options)
	}
}

// end waits for what was begun and is not wanted any more: it ends with its context.
func (g *gathering) end() { g.wire.Wait() }

// reader reads the cluster's objects, each once.
type reader struct {
	ctx     context.Context
	cluster *cluster.Cluster
	options Options
}

const (
	securityGroup   = "security.istio.io"
	networkingGroup = "networking.istio.io"
	// securityVersion is served by Istio 1.9, Kubeflow 1.3's, to today.
	securityVersion = "v1beta1"
)

// objects reads all that every diagnosis needs: side by side, after one question
// for the versions of Istio's API.
func (r reader) objects() *Objects {
	o := &Objects{
		Name: r.options.Gateway, Secrets: map[types.NamespacedName]Known[*SecretFacts]{},
		// Without Istio nobody looks for them.
		Login: unreadLogin(errNotAsked), Models: Known[[]Model]{Err: errNotAsked}, Profiles: Known[[]string]{Err: errNotAsked},
	}
	if o.Name.Name == "" {
		o.Name = gateway.KubeflowGateway
	}
	system := gateway.KubeflowIngress.Namespace
	var group sync.WaitGroup
	group.Go(func() { o.Istio = know(r.cluster.GroupVersions(r.ctx, networkingGroup)) })
	group.Go(func() {
		o.Ingress = know(portforward.Resolve(r.ctx, r.cluster.Core, r.cluster.Discovery, system, gateway.KubeflowIngress.Name))
	})
	group.Go(func() { o.Pods = r.pods(system) })
	group.Go(func() { o.CA = r.configMap(o.Name.Namespace, gateway.ConfigMapName) })
	group.Go(func() { o.Mesh = r.configMap(system, "istio") })
	group.Go(func() { o.Policies = r.list(securityGroup, securityVersion, "authorizationpolicies", system) })
	group.Go(func() {
		o.RequestAuthentications = r.list(securityGroup, securityVersion, "requestauthentications", system)
	})
	group.Go(func() { o.Proxy = r.part("oauth2-proxy", "oauth2-proxy", "app.kubernetes.io/name=oauth2-proxy") })
	group.Go(func() { o.Dex = r.part("auth", "dex", "app=dex") })
	group.Wait()
	if revision := o.revision(); revision != "" {
		if mesh := r.configMap(system, "istio-"+revision); mesh.OK() {
			o.Mesh = mesh
		}
	}
	if !o.Istio.OK() || len(o.Istio.Value) == 0 {
		return o
	}
	version := o.Istio.Value[0]
	group.Go(func() { o.Gateways = r.gateways(o.Name, version) })
	group.Go(func() { o.VirtualServices = r.list(networkingGroup, version, "virtualservices", metav1.NamespaceAll) })
	group.Go(func() { o.Login = r.login(o) })
	if r.options.CookieFile != "" {
		group.Go(func() { o.Profiles = r.profileOwners() })
	}
	if r.options.aim().wantsSession() {
		group.Go(func() { o.Pipelines = r.part("kubeflow", "ml-pipeline", "app=ml-pipeline") })
		group.Go(func() { o.PipelinesUI = r.part("kubeflow", "ml-pipeline-ui", "app=ml-pipeline-ui") })
	}
	group.Go(func() { o.EnvoyFilters = r.list(networkingGroup, "v1alpha3", "envoyfilters", system) })
	group.Wait()
	if r.options.aim().Model != nil {
		o.Models = r.models(o)
	}
	if o.Ingress.Absent() {
		r.findIngress(o)
	}
	o.assemble()
	if !o.Proxy.Exists() { // the era before oauth2-proxy
		if auth := r.part(system, "authservice", "app=authservice"); auth.Exists() {
			o.Proxy = auth
		}
	}
	group.Go(func() { r.secrets(o) })
	group.Go(func() { o.findWorkloads(r.ctx, r.cluster) })
	group.Wait()
	return o
}

// findIngress looks for the Service of a gateway that does not bear Kubeflow's
// usual name, by the pods that the Gateway selects; with it goes what is in its
// namespace.
func (r reader) findIngress(o *Objects) {
	for i := range o.Gateways.Value {
		if objectName(&o.Gateways.Value[i]) != o.Name.String() {
			continue
		}
		ingress, err := gateway.IngressOf(r.ctx, r.cluster, &o.Gateways.Value[i])
		if err != nil {
			return // the usual one is what is missing
		}
		o.Ingress = Known[*portforward.Service]{Value: ingress}
		namespace := ingress.Object.Namespace
		if namespace == gateway.KubeflowIngress.Namespace {
			return
		}
		o.Pods.Value = append(o.Pods.Value, r.pods(namespace).Value...)
		o.Policies.Value = append(o.Policies.Value, r.list(securityGroup, securityVersion, "authorizationpolicies", namespace).Value...)
		o.RequestAuthentications.Value = append(o.RequestAuthentications.Value, r.list(securityGroup, securityVersion, "requestauthentications", namespace).Value...)
		o.EnvoyFilters.Value = append(o.EnvoyFilters.Value, r.list(networkingGroup, "v1alpha3", "envoyfilters", namespace).Value...)
		return
	}
}

// assemble makes the front door of what was read, as far as it goes.
func (o *Objects) assemble() {
	for i := range o.Gateways.Value {
		if objectName(&o.Gateways.Value[i]) == o.Name.String() && o.Ingress.OK() {
			o.Door = gateway.Assemble(&o.Gateways.Value[i], o.Gateways.Value, o.Ingress.Value)
		}
	}
}

func know[T any](value T, err error) Known[T] { return Known[T]{Value: value, Err: err} }

// fromCache lets the API server answer lists out of its memory: a diagnosis
// costs a large cluster nothing.
func fromCache(selector string) metav1.ListOptions {
	return metav1.ListOptions{LabelSelector: selector, ResourceVersion: "0"}
}

func (r reader) pods(namespace string) Known[[]corev1.Pod] { return r.podsBy(namespace, "") }

func (r reader) podsBy(namespace, selector string) Known[[]corev1.Pod] {
	list, err := r.cluster.Core.Pods(namespace).List(r.ctx, fromCache(selector))
	if err != nil {
		return Known[[]corev1.Pod]{Err: cluster.Explain(err, "list the pods of namespace %s", namespace)}
	}
	return Known[[]corev1.Pod]{Value: list.Items}
}

func (r reader) configMap(namespace, name string) Known[*corev1.ConfigMap] {
	object, err := r.cluster.Core.ConfigMaps(namespace).Get(r.ctx, name, metav1.GetOptions{})
	return know(object, cluster.Explain(err, "read ConfigMap %s/%s", namespace, name))
}

func (r reader) list(group, version, resource, namespace string) Known[[]unstructured.Unstructured] {
	kind := schema.GroupVersionResource{Group: group, Version: version, Resource: resource}
	list, err := r.cluster.Dynamic.Resource(kind).Namespace(namespace).List(r.ctx, fromCache(""))
	if err != nil {
		return Known[[]unstructured.Unstructured]{Err: cluster.Explain(err, "list %s", resource)}
	}
	return Known[[]unstructured.Unstructured]{Value: list.Items}
}

// gateways lists all Gateways, or reads the one where listing is not allowed.
func (r reader) gateways(name types.NamespacedName, version string) Known[[]unstructured.Unstructured] {
	all := r.list(networkingGroup, version, "gateways", metav1.NamespaceAll)
	if all.OK() {
		return all
	}
	kind := schema.GroupVersionResource{Group: networkingGroup, Version: version, Resource: "gateways"}
	one, err := r.cluster.Dynamic.Resource(kind).Namespace(name.Namespace).Get(r.ctx, name.Name, metav1.GetOptions{})
	if err != nil {
		return Known[[]unstructured.Unstructured]{Err: cluster.Explain(err, "read Gateway %s", name)}
	}
	return Known[[]unstructured.Unstructured]{Value: []unstructured.Unstructured{*one}}
}

// part reads the Service and the pods of a part of the login.
func (r reader) part(namespace, name, selector string) Part {
	p := Part{Namespace: namespace, Name: name}
	var group sync.WaitGroup
	group.Go(func() {
		service, err := r.cluster.Core.Services(namespace).Get(r.ctx, name, metav1.GetOptions{})
		p.Service = know(service, cluster.Explain(err, "read Service %s/%s", namespace, name))
	})
	group.Go(func() { p.Pods = r.podsBy(namespace, selector) })
	group.Wait()
	return p
}
