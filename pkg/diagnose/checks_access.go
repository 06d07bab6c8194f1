package diagnose

import (
	"context"
	"fmt"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

func accessChecks() []Check {
	return []Check{
		{
			Code: "KFT201", Title: "no cluster is named", Layer: LayerAccess, Severity: Error, Causes: []Symptom{NoKubeconfig}, Reads: StageComputer, Look: lookKubeconfig,
			Page: Page{
				Means: "kubectl's settings (the kubeconfig) name no cluster, or not the context that was asked for.",
				Shows: []Shown{{"kubectl", "error: current-context is not set", "not checked"}},
				Heals: "See the contexts there are: kubectl config get-contexts; choose one: kubectl config use-context NAME.",
			},
		},
		{
			Code: "KFT202", Title: "the API server does not answer", Layer: LayerAccess, Severity: Error, Causes: []Symptom{NoAPIServer}, Reads: StageCluster, Look: lookAPIServer,
			Page: Page{
				Means: "The cluster's API server cannot be reached, or something else answers at its address: a VPN that is off, a cluster that was deleted, a certificate that the kubeconfig does not trust.",
				Shows: []Shown{{"kubectl", "The connection to the server HOST was refused - did you specify the right host or port?", "not checked"}},
				Heals: "Check context and network: kubectl config current-context; kubectl get --raw /readyz",
			},
		},
		{
			Code: "KFT203", Title: "the API server does not take the kubeconfig's credentials", Layer: LayerAccess, Severity: Error, Causes: []Symptom{APIRefuses}, Reads: StageCluster, Look: lookCredentials,
			Page: Page{
				Means: "The credentials in the kubeconfig have expired, or the program that makes them failed. This is the login at the cluster, not at Kubeflow.",
				Shows: []Shown{{"kubectl", "error: You must be logged in to the server (Unauthorized)", "measured with kubectl 1.37"}},
				Heals: "Renew them as your cluster's provider says, then check: kubectl auth whoami",
			},
		},
		{
			Code: "KFT204", Title: "the right to forward ports is missing", Layer: LayerAccess, Severity: Error, Causes: []Symptom{NoTunnel}, Look: lookForwardRight,
			Page: Page{
				Means: "A tunnel to a pod needs the right get (WebSocket) or create (SPDY) on pods/portforward in the namespace of the gateway pods.",
				Shows: []Shown{{"kubectl", `pods "…" is forbidden: User "…" cannot create resource "pods/portforward" in API group "" in the namespace "istio-system"`, "measured with Kubernetes 1.37"}},
				Heals: "Ask an admin for it, or use an address that leads to the gateway.",
			},
		},
		{
			Code: "KFT206", Title: "the cluster has no Istio", Layer: LayerAccess, Severity: Error, Causes: []Symptom{NoFrontDoor}, Reads: StageCluster, Look: lookIstio,
			Page: Page{
				Means: "Kubeflow's front door is a gateway of Istio, and this cluster does not serve Istio's API: most often it is another cluster than was meant.",
				Heals: "Check the context: kubectl config current-context",
			},
		},
		{
			Code: "KFT207", Title: "the cluster has no Gateway of a Kubeflow", Layer: LayerAccess, Severity: Error, Causes: []Symptom{NoFrontDoor, NoServer, PortRefused, HandshakeCut, Denied, NoRoute}, Needs: []string{"KFT206"}, Reads: StageCluster, Look: lookGateway,
			Page: Page{
				Means: "Every part of Kubeflow names the Gateway kubeflow/kubeflow-gateway as its entrance. It is not there: Kubeflow is not installed, or under another name.",
				Heals: "See the Gateways there are: kubectl get gateways.networking.istio.io -A; name another one by --gateway.",
			},
		},
	}
}

func lookKubeconfig(_ context.Context, f *Facts) Result {
	if f.Access.Err == nil {
		if f.Access.Cluster == nil {
			return skipped("no cluster was asked for")
		}
		return passed("context " + f.Access.Cluster.Context)
	}
	if !f.Access.Wanted {
		return skipped("no cluster: " + plain(f.Access.Err.Error()))
	}
	return found("the kubeconfig leads to no cluster", locally("see the contexts there are, and choose one", "kubectl config get-contexts"),
		evidence("the kubeconfig", "", f.Access.Err.Error()))
}

// accessError is why the cluster could not be asked.
func (f *Facts) accessError() error {
	if f.Objects == nil {
		return nil
	}
	return f.Objects.Istio.Err
}

func lookAPIServer(_ context.Context, f *Facts) Result {
	if f.Access.Cluster == nil {
		return skipped("no cluster was asked for")
	}
	err := f.accessError()
	switch fault.ReasonOf(err) {
	case fault.Unreachable, fault.Timeout, fault.Internal, fault.Certificate:
		return found("the API server "+f.Access.Cluster.Server+" does not answer as one",
			locally("check context and network", "kubectl config current-context", "kubectl get --raw /readyz"), evidence(f.Access.Cluster.Server, "", err.Error()))
	}
	return passed(f.Access.Cluster.Server + " answers")
}

func lookCredentials(_ context.Context, f *Facts) Result {
	if f.Access.Cluster == nil {
		return skipped("no cluster was asked for")
	}
	if err := f.accessError(); fault.ReasonOf(err) == fault.Unauthorized {
		return found("the API server does not take the credentials of context "+f.Access.Cluster.Context,
			locally("renew them as the cluster's provider says, then check", "kubectl auth whoami"), evidence("the API server", "", err.Error()))
	}
	return passed("they are taken")
}

func lookForwardRight(_ context.Context, f *Facts) Result {
	if f.Objects == nil {
		return skipped("no cluster was asked for")
	}
	s := f.sighting(NoTunnel)
	if s == nil {
		return passed("tunnels open")
	}
	may := f.Objects.MayForward
	namespace := f.Objects.Ingress.Value.Object.Namespace
	if may.OK() && !may.Value || strings.Contains(s.Text, "forbidden") {
		return found("the user may not forward ports in namespace "+namespace,
			byAdmin("needed is get (or create, for SPDY) on pods/portforward", fmt.Sprintf("kubectl -n %s create role kftls-port-forward --verb=get,create --resource=pods/portforward", namespace),
				fmt.Sprintf("kubectl -n %s create rolebinding kftls-port-forward --role=kftls-port-forward --user=USER", namespace)), s.wire())
	}
	return passed("the right is there")
}

func lookIstio(_ context.Context, f *Facts) Result {
	if f.Objects == nil {
		return skipped("no cluster was asked for")
	}
	versions := f.Objects.Istio
	switch {
	case !versions.OK():
		return unknown(versions.Err)
	case len(versions.Value) == 0:
		return found("the cluster of context "+f.Access.Cluster.Context+" does not serve Istio's API",
			locally("check the context", "kubectl config current-context"), evidence("the API server", "API group", networkingGroup+" is not there"))
	}
	return passed("networking.istio.io " + strings.Join(versions.Value, ", "))
}

func lookGateway(_ context.Context, f *Facts) Result {
	o := f.Objects
	if o == nil {
		return skipped("no cluster was asked for")
	}
	if !o.Gateways.OK() && !o.Gateways.Absent() {
		return unknown(o.Gateways.Err)
	}
	var there []string
	for i := range o.Gateways.Value {
		name := objectName(&o.Gateways.Value[i])
		if name == o.Name.String() {
			return passed("Gateway " + name)
		}
		there = append(there, name)
	}
	text := "there is none"
	if len(there) > 0 {
		text = "there are " + strings.Join(there, ", ")
	}
	return found("there is no Gateway "+o.Name.String(), locally("see the Gateways there are; name another one by --gateway", "kubectl get gateways.networking.istio.io -A"),
		evidence("Gateways of the cluster", "", text))
}
