//go:build e2e && linux

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"github.com/kftls/kubectl-kftls/test/faults"
	"github.com/kftls/kubectl-kftls/test/faults/mutate"
)

// causes are the objects of a front door that are changed at random, with the
// codes that a change of them can cause. Names with a checksum end with a star.
var causes = []struct{ object, codes string }{
	{"gateways kubeflow/kubeflow-gateway", "207 301 302 303 304 305 311 312 313 314 315 316 321 322 324 325 329 401 515 517"},
	{"services istio-system/istio-ingressgateway", "315 316 317 318 327 311 401 108 109"},
	{"virtualservices auth/dex", "321 328 601 604 605 606 705"},
	{"virtualservices oauth2-proxy/oauth2-proxy", "321 328 601 604 605 606 703"},
	{"virtualservices kubeflow/centraldashboard", "321 601 604 605 608"},
	{"virtualservices kubeflow/ml-pipeline-ui", "321 328 601 604 605 608 901 903"},
	{"authorizationpolicies istio-system/*", "601 603 606 701 702 712 716 717 718 805"},
	{"requestauthentications istio-system/*", "601 710 711 712 803"},
	{"configmaps istio-system/istio", "320 605 606 607 701 702 703 704 711 718 721 801"},
	{"configmaps auth/dex", "705 706 707 708 709 710 711 712 719 720"},
	{"configmaps oauth2-proxy/oauth2-proxy-*", "703 704 706 707 708 709 710 711 712 720 722 801 606"},
	{"secrets oauth2-proxy/oauth2-proxy-*", "703 704 706 708 709 720 801"},
	{"secrets auth/dex-oidc-client", "705 706 708 709 720"},
	{"services auth/dex", "605 705 711"},
	{"services oauth2-proxy/oauth2-proxy", "605 703 704 721"},
	{"secrets istio-system/kftls-gateway", "303 304 306 307 308 309 514"},
	{"deployments istio-system/istiod", "320"},
	{"deployments istio-system/istio-ingressgateway", "315 317 314"},
	{"deployments auth/dex", "705 711 803"},
	{"deployments oauth2-proxy/oauth2-proxy", "703"},
	{"deployments kubeflow/ml-pipeline-ui", "605 901"}, // the stand-in needs no ml-pipeline,
	{"roles istio-system/istio-ingressgateway-sds", "319"},
	{"rolebindings istio-system/istio-ingressgateway-sds", "319"},
	{"the certificate", "306 307 308 309 403 501 502 503 504 505 506 507 508 509 510 511 512 513 514 516 518"},
	{"client", "101 102 103 104 106 107 108 109 110 111 112 113 114 501 502 503 505 506 702 801 802 803 804"},
}

func matches(object, name string) bool {
	beginning, many := strings.CutSuffix(object, "*")
	return name == object || many && strings.HasPrefix(name, beginning)
}

// causedBy are the codes that fit a change.
func causedBy(target string) []string {
	var all []string
	for _, each := range causes {
		if matches(each.object, target) {
			for code := range strings.FieldsSeq(each.codes) {
				all = append(all, "KFT"+code)
			}
		}
	}
	return all
}

// mutateObject changes an object at random until the API server and istiod's
// webhook take it.
func (s *scene) mutateObject(ctx context.Context, r *rand.Rand, m *mutated) {
	s.t.Helper()
	client, err := dynamic.NewForConfig(s.door.bed.config)
	s.check(err)
	var names []string
	for name := range s.before {
		if len(causedBy(name)) > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for {
		m.target = s.aimAt(r, names)
		was := s.before[m.target]
		object := was.object.DeepCopy()
		what, gone := mutate.Object(r, object.Object)
		m.what = what
		all := client.Resource(was.resource).Namespace(object.GetNamespace())
		if gone {
			s.check(all.Delete(ctx, object.GetName(), metav1.DeleteOptions{}))
			break
		}
		now, err := all.Get(ctx, object.GetName(), metav1.GetOptions{})
		s.check(err)
		object.SetResourceVersion(now.GetResourceVersion())
		object.SetUID(now.GetUID())
		keepRollout(object, now)
		taken, err := all.Update(ctx, object, metav1.UpdateOptions{})
		if err != nil {
			s.t.Logf("refused: %s %s: %.200v", m.target, what, err)
			continue
		}
		if !sameContent(now, taken) {
			break
		}
	}
	s.inForce(ctx, r, m)
}

// keepRollout leaves the time of a Deployment's last roll-out as it is: without it
// the pods would be made anew, and with them Dex's keys.
func keepRollout(object, now *unstructured.Unstructured) {
	path := []string{"spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt"}
	if at, there, _ := unstructured.NestedString(now.Object, path...); there {
		_ = unstructured.SetNestedField(object.Object, at, path...) // where the template was changed to something else, there is no roll-out to keep
	}
}

// aimAt chooses an object, each kind of change as often as another one however
// many objects there are.
func (s *scene) aimAt(r *rand.Rand, names []string) string {
	for {
		cause := causes[r.IntN(len(causes))]
		var fitting []string
		for _, name := range names {
			if matches(cause.object, name) {
				fitting = append(fitting, name)
			}
		}
		if len(fitting) > 0 {
			return fitting[r.IntN(len(fitting))]
		}
	}
}

// inForce waits until a change is. What Dex and oauth2-proxy read when they start
// is rolled out in every second case; in the others life goes on without.
func (s *scene) inForce(ctx context.Context, r *rand.Rand, m *mutated) {
	s.t.Helper()
	kind, name, _ := strings.Cut(m.target, " ")
	namespace, name, _ := strings.Cut(name, "/")
	if kind == "configmaps" || kind == "secrets" {
		if program := map[string]string{"auth": "dex", "oauth2-proxy": "oauth2-proxy"}[namespace]; program != "" && r.IntN(2) == 0 {
			kind, name = "deployments", program
			m.what += ", rolled out"
			// It also tells istiod Dex's new keys, and does not end if no pod gets ready.
			limit, cancel := context.WithTimeout(ctx, rolloutLimit)
			defer cancel()
			if out, err := s.door.bed.command(limit, "restart", program).CombinedOutput(); err != nil {
				s.t.Logf("testbed restart %s: %v\n%.500s", program, err, out)
			}
			s.fault.Undo = "restart " + program
		}
	}
	if kind == "deployments" {
		if name == "dex" {
			s.fault.Undo = "restart dex" // it has new keys, which istiod does not know
		}
		limit, cancel := context.WithTimeout(ctx, rolloutLimit)
		defer cancel()
		done := rolledOut(namespace, name)
		wait(rolloutLimit, func() bool { return limit.Err() != nil || s.shell(limit, done).Run() == nil })
	}
	if name == "istiod" {
		return // without it nothing comes into force
	}
	// An Envoy that refuses what it gets does so for good.
	limit, cancel := context.WithTimeout(ctx, rolloutLimit)
	defer cancel()
	if out, err := s.door.bed.command(limit, "wait").CombinedOutput(); err != nil {
		s.t.Logf("testbed wait: %v\n%.500s", err, out)
	}
}

// rolloutLimit is for a Deployment or an Envoy that takes what it gets. Those
// that do not are left as they are, as in life.
const rolloutLimit = 8 * time.Second

// rolledOut is a line for sh that succeeds when a Deployment has the pods that it
// wants, and no others.
func rolledOut(namespace, name string) string {
	return fmt.Sprintf(`set -- $(kubectl -n %[1]s get deployment %[2]s --ignore-not-found -o jsonpath='{.spec.replicas} {.status.readyReplicas} {.status.updatedReplicas} {.status.replicas}')
		case ${1:-0} in
		0) test -z "$(kubectl -n %[1]s get pods -o name | grep '^pod/%[2]s-[0-9a-f]*-.....$')" ;;
		*) test "$1" = "$2" && test "$1" = "$3" && test "$1" = "$4" ;;
		esac`, namespace, name)
}

// mutateCertificate lets the gateway serve another certificate.
func (s *scene) mutateCertificate(ctx context.Context, r *rand.Rand, m *mutated) {
	s.t.Helper()
	certificate, what := mutate.Certificate(r)
	m.target, m.what = "the certificate", what
	steps := []faults.Step{{Certificate: &faults.Certificate{}}, {Run: "cp ca.crt old.crt"}, {Certificate: &certificate}}
	if r.IntN(2) == 0 {
		m.what += ", the clients have the CA from before"
		steps = append(steps, faults.Step{Run: "cp old.crt ca.crt"})
	}
	if r.IntN(3) > 0 {
		// Envoy keeps what it has where it cannot take this one.
		steps = append(steps, faults.Step{Secret: &faults.Secret{Name: "kftls-gateway"}})
	} else {
		m.what += ", in another Secret"
		steps = append(steps, faults.Step{Secret: &faults.Secret{}}, faults.Step{Run: `kubectl -n kubeflow patch gateways.networking.istio.io kubeflow-gateway --type json -p '[
			{"op":"test","path":"/spec/servers/1/port/number","value":443},
			{"op":"replace","path":"/spec/servers/1/tls/credentialName","value":"$SECRET"}]'`})
	}
	s.steps(ctx, steps)
	s.inForce(ctx, r, m)
}
