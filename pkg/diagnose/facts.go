package diagnose

import (
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kftls/kubectl-kftls/pkg/clienttrust"
	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/diagnose/pasted"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

// Known is a fact that may not have been readable. An unread fact is unknown,
// never well.
type Known[T any] struct {
	Value T
	Err   error
}

// OK tells that the fact was read.
func (k Known[T]) OK() bool { return k.Err == nil }

// Absent tells that the object does not exist.
func (k Known[T]) Absent() bool {
	return apierrors.IsNotFound(k.Err) || fault.ReasonOf(k.Err) == fault.NotFound
}

// Facts are all that checks judge by. They hold no secrets.
type Facts struct {
	Aim      Aim
	Now      time.Time
	Computer Computer
	Access   Access
	// Objects is nil without a cluster.
	Objects *Objects
	// Roads are what the wire showed, the user's own first.
	Roads []*Road
	// Session is what a session's requests were answered; nil where none was given.
	Session *SessionFacts
	// Log is what istiod's log says of known causes; asked only where a symptom
	// makes it worth asking.
	Log Known[[]pasted.Meaning]
	// LoginLog is oauth2-proxy's, where a login is wanted and none was made.
	LoginLog Known[[]pasted.Meaning]
	// Seen are the symptoms, in the order of the road.
	Seen []Sighting

	verdicts    []clienttrust.Verdict
	unpublished error     // why the HTTPS port leads to no port of the pods
	before      []outcome // of the checks that came before the one that runs
}

// Computer is what matters of this computer.
type Computer struct {
	// Program is how the user calls this program.
	Program string
	// Env looks up an environment variable.
	Env func(string) string
	// ReadFile reads a file.
	ReadFile func(string) ([]byte, error)
	// Home is the user's home folder, "" where there is none.
	Home string
	// Roots are those that the user's certificates are checked against: the given
	// CA file's, else our CA's, else the system's (nil).
	Roots *x509.CertPool
	// RootCertificates are the same, where they are not the system's.
	RootCertificates []*x509.Certificate
	// RootsFrom says in words where they come from.
	RootsFrom string
	// CAFile is the file that was given, and CAError why it cannot be used.
	CAFile  string
	CAError error
	// CookieFile and CookieError are the same for a cookie file.
	CookieFile  string
	CookieError error
	CookieNames []string
	// CookieIsValue tells that the file holds a value alone, without a name.
	CookieIsValue bool
}

// Access is the way into the cluster.
type Access struct {
	Cluster *cluster.Cluster
	// Err is why there is no cluster, nil also where none was wanted.
	Err error
	// Wanted tells that a cluster belongs to the question.
	Wanted bool
}

// Objects are what the cluster says about the front door.
type Objects struct {
	// Istio are the versions of networking.istio.io, the preferred first.
	Istio Known[[]string]
	// Name is the Gateway that counts.
	Name types.NamespacedName
	// Gateways are all of the cluster, or the one that may be read.
	Gateways Known[[]unstructured.Unstructured]
	// Door is assembled from what could be read; nil without Gateway or Service.
	Door *gateway.FrontDoor
	// Ingress is the Service in front of the gateway pods.
	Ingress Known[*portforward.Service]
	// Pods are those of the ingress Service's namespace: gateway and istiod.
	Pods Known[[]corev1.Pod]
	// Gatewayer and Istiod make the pods of gateway and istiod; looked for where
	// there are none.
	Gatewayer, Istiod *Workload
	// CA is the ConfigMap of setup.
	CA Known[*corev1.ConfigMap]

	VirtualServices        Known[[]unstructured.Unstructured]
	Policies               Known[[]unstructured.Unstructured]
	RequestAuthentications Known[[]unstructured.Unstructured]
	EnvoyFilters           Known[[]unstructured.Unstructured]
	Mesh                   Known[*corev1.ConfigMap]
	// Certificates are cert-manager's, in the namespace of the gateway pods.
	Certificates Known[[]unstructured.Unstructured]

	// Secrets are those that HTTPS servers name, and namesakes beside the Gateway.
	Secrets map[types.NamespacedName]Known[*SecretFacts]

	// Proxy and Dex are the parts of the login, and Login how they are set up.
	Proxy, Dex Part
	Login      LoginFacts
	// Profiles are the owners of Kubeflow's profiles; read only with a session.
	Profiles Known[[]string]
	// Pipelines is the pipelines API, and PipelinesUI their pages' server, which
	// stands before it at /pipeline; read only where they are asked for.
	Pipelines, PipelinesUI Part
	// MayForward tells whether the user may open tunnels; asked only where one failed.
	MayForward Known[bool]
	// Models are KServe's InferenceServices; read only where one is asked for.
	Models Known[[]Model]
	// GatewayReadsSecrets tells whether the gateway's account may; asked only where
	// a certificate is missing.
	GatewayReadsSecrets Known[bool]
}

// Part is a program of the login.
type Part struct {
	Namespace, Name string
	Service         Known[*corev1.Service]
	Pods            Known[[]corev1.Pod]
	// Workload makes the pods; looked for where there are none.
	Workload *Workload
}

// Exists tells that the part is installed as far as one may see.
func (p Part) Exists() bool { return p.Service.OK() && p.Service.Value != nil || len(p.Pods.Value) > 0 }

// ready counts the pods that take traffic.
func (p Part) ready() int {
	n := 0
	for i := range p.Pods.Value {
		if portforward.IsReady(&p.Pods.Value[i]) {
			n++
		}
	}
	return n
}

// SessionFacts are what the given session was answered.
type SessionFacts struct {
	// Names are those of its cookies.
	Names []string
	Era   session.Era
	// Via is the road that it was sent on.
	Via *Road
	// User, Front and Health are the answers of the auth proxy, the front page and
	// the pipelines; nil where it was not sent.
	User, Front, Health *Answer
	// OldHealth is the answer of the pipelines of the 1.x line, asked for where
	// Health is no answer of newer ones.
	OldHealth *Answer
	// NotSent is why it was not sent anywhere.
	NotSent string
}

// objectName is namespace/name.
func objectName(o metav1.Object) string {
	return o.GetNamespace() + "/" + o.GetName()
}

// via lists the roads.
func (f *Facts) via() []string {
	names := make([]string, 0, len(f.Roads))
	for _, r := range f.Roads {
		names = append(names, r.Name)
	}
	return names
}

// sees tells whether a symptom was observed.
func (f *Facts) sees(symptoms ...Symptom) bool { return f.sighting(symptoms...) != nil }

// sighting is the first of these symptoms that is in the way, else the first that
// was observed, nil for none.
func (f *Facts) sighting(symptoms ...Symptom) *Sighting {
	var first *Sighting
	for i := range f.Seen {
		if !slices.Contains(symptoms, f.Seen[i].Symptom) {
			continue
		}
		if f.Seen[i].Failure {
			return &f.Seen[i]
		}
		if first == nil {
			first = &f.Seen[i]
		}
	}
	return first
}

// foundBefore tells whether one of these checks found something.
func (f *Facts) foundBefore(codes ...string) bool {
	for _, o := range f.before {
		for _, code := range codes {
			if o.check.Code == code && o.result.Status == Found {
				return true
			}
		}
	}
	return false
}

// wire is a sighting as evidence.
func (s *Sighting) wire() Evidence {
	return evidence(s.Via, "", fmt.Sprintf("%s: %s", s.Symptom, s.Text))
}

// program is how fixes call this program.
func (f *Facts) program() string { return f.Computer.Program }
