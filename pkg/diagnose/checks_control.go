package diagnose

import (
	"context"
	"fmt"

	"github.com/kftls/kubectl-kftls/pkg/portforward"
)

func controlChecks() []Check {
	return []Check{
		{
			Code: "KFT319", Title: "the gateway's ServiceAccount may not read Secrets", Layer: LayerObjects, Severity: Error, KeepsOld: true,
			Causes: []Symptom{HandshakeCut, NoAnswer, PortRefused, PodsDiffer}, Needs: []string{"KFT303", "KFT304", "KFT305", "KFT306", "KFT307", "KFT308", "KFT309", "KFT312", "KFT313"}, Look: lookGatewayRights,
			Page: Page{
				Means: "istiod hands a certificate to the gateway only if the gateway pods' ServiceAccount may read Secrets there. The right comes from the Role istio-ingressgateway-sds and its RoleBinding.",
				Shows: []Shown{{"istiod", "attempted to access unauthorized certificates NAME: istio-ingressgateway-service-account/istio-system is not authorized to read secrets", "measured with Istio 1.31-dev"}},
				Heals: "Create Role and RoleBinding again; then write the Secret anew (an annotation is enough), since istiod asks no second time by itself.",
			},
		},
		{
			Code: "KFT320", Title: "istiod is not running", Layer: LayerObjects, Severity: Error, KeepsOld: true,
			Causes: []Symptom{HandshakeCut, NoAnswer, PortRefused, PodsDiffer, BadToken, NoServer}, Reads: StageCluster, Look: lookIstiod,
			Page: Page{
				Means: "istiod programs the gateway. Without it the gateway goes on with what it knew last: new certificates, servers and routes do not reach it, and new gateway pods know nothing. Its webhook also refuses every change of a Gateway then.",
				Shows: []Shown{{"kubectl", `failed calling webhook "rev.validation.istio.io": … connection refused`, "measured with Istio 1.31-dev"}},
				Heals: "Start it: kubectl -n istio-system rollout status deployment istiod; scaled to zero: kubectl -n istio-system scale deployment istiod --replicas=1",
			},
		},
	}
}

func lookGatewayRights(_ context.Context, f *Facts) Result {
	if f.Objects == nil {
		return skipped("no cluster was asked for")
	}
	if len(f.Objects.httpsServers()) == 0 {
		return skipped("there is no HTTPS server")
	}
	if !f.blind() && !f.sees(HandshakeCut, NoAnswer, PortRefused, PodsDiffer) {
		return skipped("a certificate is served")
	}
	may := f.Objects.GatewayReadsSecrets
	switch {
	case !may.OK():
		return unknown(may.Err)
	case may.Value:
		return passed("it may")
	}
	namespace, account := f.Objects.Ingress.Value.Object.Namespace, f.Objects.gatewayAccount()
	commands := []string{
		fmt.Sprintf("kubectl -n %s create role istio-ingressgateway-sds --verb=get,watch,list --resource=secrets --dry-run=client -o yaml | kubectl apply -f -", namespace),
		fmt.Sprintf("kubectl -n %s create rolebinding istio-ingressgateway-sds --role=istio-ingressgateway-sds --serviceaccount=%s:%s --dry-run=client -o yaml | kubectl apply -f -", namespace, namespace, account),
	}
	if _, name, why := f.servedSecret(); why == nil {
		commands = append(commands, "sleep 61 # istiod keeps a refusal in mind for a minute",
			fmt.Sprintf("kubectl -n %s annotate secret %s kftls.github.io/touched=\"$(date +%%s)\" --overwrite", quoted(name.Namespace), quoted(name.Name)))
	}
	return found(fmt.Sprintf("ServiceAccount %s/%s of the gateway pods may not list Secrets, and istiod gives it no certificate", namespace, account),
		runs("gives it the right that Kubeflow's manifests give, then has istiod look again", commands...),
		evidence("SubjectAccessReview", "list secrets in "+namespace, "not allowed for "+account))
}

func lookIstiod(_ context.Context, f *Facts) Result {
	if f.Objects == nil {
		return skipped("no cluster was asked for")
	}
	if !f.Objects.Pods.OK() {
		return unknown(f.Objects.Pods.Err)
	}
	seen := 0
	for i := range f.Objects.Pods.Value {
		pod := &f.Objects.Pods.Value[i]
		if pod.Labels["app"] != "istiod" {
			continue
		}
		seen++
		if portforward.IsReady(pod) {
			return passed("Pod " + objectName(pod) + " is ready")
		}
	}
	if seen == 0 && len(f.Objects.Pods.Value) == 0 {
		return skipped("no pod of the namespace may be seen")
	}
	fix := byAdmin("see why no pod is ready, and mend that", "kubectl -n istio-system describe pods -l app=istiod")
	cause := "no pod of istiod is ready"
	if seen == 0 {
		cause, fix = "there is no pod of istiod", f.Objects.Istiod.starts("istio-system")
	}
	return found(cause+": what changes does not reach the gateway", fix, append([]Evidence{evidence("Pods app=istiod in istio-system", "", itoa(seen)+", none ready")}, f.Objects.Istiod.evidence()...)...)
}
