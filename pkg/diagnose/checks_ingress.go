package diagnose

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
)

// unreached are the symptoms of gateway pods that nothing leads to.
var unreached = []Symptom{NoGatewayPod, NoFrontDoor, RefusedHere, NoTunnel, NoAnswer}

func ingressChecks() []Check {
	return []Check{
		{
			Code: "KFT318", Title: "the ingress Service does not exist", Layer: LayerObjects, Severity: Error,
			Causes: unreached, Reads: StageCluster, Look: lookService,
			Page: Page{
				Means: "Kubeflow's gateway pods stand behind the Service istio-system/istio-ingressgateway. It is not there.",
				Shows: []Shown{{"kubectl port-forward", `Error from server (NotFound): services "istio-ingressgateway" not found`, "measured with kubectl 1.37"}},
				Heals: "Apply Kubeflow's manifests of the gateway again; see the Services there are: kubectl -n istio-system get services",
			},
		},
		{
			Code: "KFT317", Title: "the ingress Service selects no gateway pod", Layer: LayerObjects, Severity: Error,
			Causes: unreached, Reads: StageCluster, Look: lookServiceSelector,
			Page: Page{
				Means: "A Service leads to the pods whose labels it names. This one names labels that no gateway pod has.",
				Heals: "Correct spec.selector of the Service (app: istio-ingressgateway, istio: ingressgateway).",
			},
		},
		{
			Code: "KFT315", Title: "no gateway pod is ready", Layer: LayerObjects, Severity: Error,
			Causes: unreached, Needs: []string{"KFT317"}, Reads: StageCluster, Look: lookPods,
			Page: Page{
				Means: "The gateway is a program in pods, and none of them is there or takes traffic.",
				Shows: []Shown{{"kubectl port-forward", "error: unable to forward port because pod is not running. Current status=Pending", "an issue of kubeflow/manifests"}},
				Heals: "See why: kubectl -n istio-system describe pods -l istio=ingressgateway; scaled to zero: kubectl -n istio-system scale deployment istio-ingressgateway --replicas=1",
			},
		},
		{
			Code: "KFT314", Title: "the Gateway selects no pod", Layer: LayerObjects, Severity: Error,
			Causes: []Symptom{PortRefused, HandshakeCut, Denied, NoRoute, NoServer}, Reads: StageCluster, Look: lookGatewaySelector,
			Page: Page{
				Means: "A Gateway object programs the pods whose labels it names. It names labels that no pod has, so that nothing listens and nothing is routed.",
				Shows: []Shown{{"istioctl analyze", `IST0101 Referenced selector not found: "istio=ingressgateway"`, "read in Istio's source"}},
				Heals: "Correct spec.selector of the Gateway (istio: ingressgateway).",
			},
		},
		{
			Code: "KFT324", Title: "the Gateway selects pods behind other Services, too", Layer: LayerObjects, Severity: Warning,
			Causes: nil, Reads: StageCluster, Look: lookTooMany,
			Page: Page{
				Means: "The Gateway's selector is so wide that other pods get its servers as well.",
				Heals: "Name a label that the gateway pods alone have.",
			},
		},
		{
			Code: "KFT316", Title: "the ingress Service does not lead to the HTTPS port", Layer: LayerObjects, Severity: Error,
			Causes: []Symptom{PortRefused, HandshakeCut, NoServer, RefusedHere, AnswersPlain, NoAnswer, AnswersTLS}, Look: lookHTTPSPort,
			Page: Page{
				Means: "Clients reach the gateway's port 8443 by the Service's port 443. The Service does not publish it, or maps it to another port; istiod then gives the gateway no listener there.",
				Shows: []Shown{
					{"kubectl port-forward", "error: Service istio-ingressgateway does not have a service port 443", "measured with kubectl 1.37"},
					{"istiod", "buildGatewayListeners: skipping privileged gateway port 443 for node … as it is an unprivileged pod", "measured with Istio 1.31-dev"},
				},
				Heals: "Publish it: port 443, targetPort 8443, name https.",
			},
		},
		{
			Code: "KFT327", Title: "the ingress Service does not lead to the plain HTTP port", Layer: LayerObjects, Severity: Error,
			Causes: []Symptom{PortRefused, NoServer, RefusedHere, NoAnswer, AnswersTLS, HandshakeCut}, Look: lookPlainServicePort,
			Page: Page{
				Means: "Clients reach the gateway's port 8080 by the Service's port 80. The Service does not publish it, or maps it to another port; istiod then gives the gateway no listener there.",
				Shows: []Shown{{"kubectl port-forward", "error: Service istio-ingressgateway does not have a service port 80", "measured with kubectl 1.37"}},
				Heals: "Publish it: port 80, targetPort 8080, name http2.",
			},
		},
	}
}

func lookService(_ context.Context, f *Facts) Result {
	if f.Objects == nil {
		return skipped("no cluster was asked for")
	}
	switch ingress := f.Objects.Ingress; {
	case ingress.OK():
		return passed("Service " + objectName(ingress.Value.Object))
	case ingress.Absent():
		if f.Objects.Istio.OK() && len(f.Objects.Istio.Value) == 0 {
			return skipped("there is no Istio")
		}
		name := gateway.KubeflowIngress
		return found("there is no Service "+name.String(), byAdmin("apply Kubeflow's manifests of the gateway again; see the Services there are", "kubectl -n "+name.Namespace+" get services"),
			evidence("Service "+name.String(), "", "is not there"))
	default:
		return unknown(ingress.Err)
	}
}

// ingress is the ingress Service and the pods of its namespace.
func (f *Facts) ingress() (*corev1.Service, *Result) {
	var r Result
	switch {
	case f.Objects == nil:
		r = skipped("no cluster was asked for")
	case f.Objects.Ingress.Absent():
		r = skipped("there is no ingress Service")
	case !f.Objects.Ingress.OK():
		r = unknown(f.Objects.Ingress.Err)
	default:
		return f.Objects.Ingress.Value.Object, nil
	}
	return nil, &r
}

// gatewayLabels are those of the Gateway's selector, Kubeflow's where it is not known.
func (f *Facts) gatewayLabels() labels.Set {
	if f.Objects.Door != nil {
		if wanted := gateway.Selector(f.Objects.Door.Gateway); len(wanted) > 0 {
			return wanted
		}
	}
	return labels.Set{"istio": "ingressgateway"}
}

func lookServiceSelector(_ context.Context, f *Facts) Result {
	service, why := f.ingress()
	if service == nil {
		return *why
	}
	if len(f.Objects.Ingress.Value.Pods) > 0 {
		return passed(fmt.Sprintf("it leads to %d pods", len(f.Objects.Ingress.Value.Pods)))
	}
	if !f.Objects.Pods.OK() {
		return unknown(f.Objects.Pods.Err)
	}
	usual := labels.Set{"app": "istio-ingressgateway"}.AsSelector()
	for i := range f.Objects.Pods.Value {
		pod := &f.Objects.Pods.Value[i]
		if !usual.Matches(labels.Set(pod.Labels)) || labels.Set(service.Spec.Selector).AsSelector().Matches(labels.Set(pod.Labels)) {
			continue
		}
		wrong := contradicting(service.Spec.Selector, pod.Labels)
		return found(fmt.Sprintf("Service %s selects %s, and the gateway pods have other labels", objectName(service), labels.Set(service.Spec.Selector)),
			runs("the Service leads to the gateway pods again", fmt.Sprintf(`kubectl -n %s patch service %s --type=json -p '[{"op":"replace","path":"/spec/selector","value":{"app":"istio-ingressgateway","istio":"ingressgateway"}}]'`, service.Namespace, service.Name)),
			evidence("Service "+objectName(service), "spec.selector", labels.Set(service.Spec.Selector).String()), evidence("Pod "+objectName(pod), "metadata.labels", wrong))
	}
	return passed("no gateway pod is left out")
}

// contradicting are the labels of a pod that a selector wants otherwise.
func contradicting(selector, have map[string]string) string {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(selector)) {
		if have[key] != selector[key] {
			list = append(list, key+"="+have[key])
		}
	}
	return strings.Join(list, ", ")
}

func lookPods(_ context.Context, f *Facts) Result {
	service, why := f.ingress()
	if service == nil {
		return *why
	}
	if ready := f.Objects.Ingress.Value.Ready(); len(ready) > 0 {
		return passed(fmt.Sprintf("%d are ready", len(ready)))
	}
	if !f.Objects.Pods.OK() && len(f.Objects.Ingress.Value.Pods) == 0 {
		return unknown(f.Objects.Pods.Err)
	}
	state := "there is none"
	var ev []Evidence
	for i := range f.Objects.Pods.Value {
		pod := &f.Objects.Pods.Value[i]
		if f.gatewayLabels().AsSelector().Matches(labels.Set(pod.Labels)) {
			state = "none of them is ready"
			ev = append(ev, evidence("Pod "+objectName(pod), "status", podState(pod)))
		}
	}
	fix := byAdmin("see why no pod is ready, and mend that", fmt.Sprintf("kubectl -n %s describe pods -l %s", service.Namespace, labels.Set(service.Spec.Selector)))
	if len(ev) == 0 {
		ev = append(ev, evidence("Pods of "+objectName(service), "", "none"))
		ev, fix = append(ev, f.Objects.Gatewayer.evidence()...), f.Objects.Gatewayer.starts(service.Namespace)
	}
	return found("no gateway pod is ready: "+state, fix, ev...)
}

// podState is phase, and why a container waits.
func podState(pod *corev1.Pod) string {
	state := string(pod.Status.Phase)
	for _, c := range pod.Status.ContainerStatuses {
		if c.State.Waiting != nil && c.State.Waiting.Reason != "" {
			state += ", " + c.Name + " " + c.State.Waiting.Reason
		}
	}
	return state
}

func lookGatewaySelector(_ context.Context, f *Facts) Result {
	door, why := f.door()
	if door == nil {
		return *why
	}
	wanted := gateway.Selector(door.Gateway)
	if len(wanted) == 0 {
		return passed("it selects all gateway pods")
	}
	if !f.Objects.Pods.OK() {
		return unknown(f.Objects.Pods.Err)
	}
	selector := labels.Set(wanted).AsSelector()
	var some *corev1.Pod
	for i := range f.Objects.Pods.Value {
		pod := &f.Objects.Pods.Value[i]
		if selector.Matches(labels.Set(pod.Labels)) {
			return passed("it selects " + objectName(pod))
		}
		if pod.Labels["app"] == "istio-ingressgateway" {
			some = pod
		}
	}
	if some == nil {
		return skipped("there is no gateway pod that it could select")
	}
	return found(fmt.Sprintf("Gateway %s selects %s, and no pod has these labels", door.Name(), labels.Set(wanted)),
		f.patchSelector(door), evidence("Gateway "+door.Name(), "spec.selector", labels.Set(wanted).String()),
		evidence("Pod "+objectName(some), "metadata.labels", "istio="+some.Labels["istio"]+", app="+some.Labels["app"])).as(breaks(NoServer, everywhere))
}

func (f *Facts) patchSelector(door *gateway.FrontDoor) Fix {
	if managerOf(door.Gateway) != "" {
		return f.edit(door.Gateway, `set spec.selector to istio: ingressgateway`)
	}
	return runs("the Gateway programs Kubeflow's gateway pods again", fmt.Sprintf(`kubectl -n %s patch gateway.networking.istio.io %s --type=json -p '[{"op":"replace","path":"/spec/selector","value":{"istio":"ingressgateway"}}]'`,
		door.Gateway.GetNamespace(), door.Gateway.GetName()))
}

func lookTooMany(_ context.Context, f *Facts) Result {
	door, why := f.door()
	if door == nil {
		return *why
	}
	if !f.Objects.Pods.OK() {
		return unknown(f.Objects.Pods.Err)
	}
	wanted := gateway.Selector(door.Gateway)
	behind := map[string]bool{}
	for _, pod := range door.Ingress.Pods {
		behind[pod.Name] = true
	}
	for i := range f.Objects.Pods.Value {
		pod := &f.Objects.Pods.Value[i]
		if len(wanted) > 0 && labels.Set(wanted).AsSelector().Matches(labels.Set(pod.Labels)) && !behind[pod.Name] && portforward.IsReady(pod) && len(behind) > 0 {
			return found(fmt.Sprintf("Gateway %s programs pod %s, too, which is not behind Service %s", door.Name(), objectName(pod), door.ServiceName()),
				f.edit(door.Gateway, "name a label that the gateway pods alone have"), evidence("Gateway "+door.Name(), "spec.selector", labels.Set(wanted).String()))
		}
	}
	return passed("it selects the pods behind the ingress Service alone")
}
