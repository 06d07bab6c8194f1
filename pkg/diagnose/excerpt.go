package diagnose

import (
	"cmp"
	"crypto/x509"
	"net/url"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
)

// Excerpt is what a bug report needs of the cluster's objects: named fields, and
// no others. Nothing of it comes from annotations, environments, the data of
// Secrets or, save what is named here, of ConfigMaps.
type Excerpt struct {
	IstioVersions          []string             `json:"istioVersions"`
	Gateways               []ObjectExcerpt      `json:"gateways"`
	VirtualServices        []ObjectExcerpt      `json:"virtualServices"`
	Policies               []ObjectExcerpt      `json:"authorizationPolicies"`
	RequestAuthentications []IssuerExcerpt      `json:"requestAuthentications"`
	EnvoyFilters           []ObjectExcerpt      `json:"envoyFilters"`
	Services               []ServiceExcerpt     `json:"services"`
	Pods                   []PodExcerpt         `json:"pods"`
	Secrets                []SecretExcerpt      `json:"secrets"`
	Certificates           []CertificateExcerpt `json:"certificates"`
	Dex                    *DexExcerpt          `json:"dex,omitempty"`
	// Unread says of what could not be read why.
	Unread map[string]string `json:"unread,omitempty"`
}

// ObjectExcerpt is an object and what was taken of its spec.
type ObjectExcerpt struct {
	Name string `json:"name"`
	Spec any    `json:"spec,omitempty"`
}

// IssuerExcerpt is whom a RequestAuthentication believes. Keys are fetched from a
// host; the rest of that URL is left out.
type IssuerExcerpt struct {
	Name     string   `json:"name"`
	Selector any      `json:"selector,omitempty"`
	Issuers  []string `json:"issuers"`
	KeyHosts []string `json:"keyHosts"`
}

// ServiceExcerpt is a Service.
type ServiceExcerpt struct {
	Name     string               `json:"name"`
	Type     corev1.ServiceType   `json:"type"`
	Selector map[string]string    `json:"selector,omitempty"`
	Ports    []ServicePortExcerpt `json:"ports"`
}

// ServicePortExcerpt is a port of a Service.
type ServicePortExcerpt struct {
	Name       string          `json:"name,omitempty"`
	Protocol   corev1.Protocol `json:"protocol,omitempty"`
	Port       int32           `json:"port"`
	TargetPort string          `json:"targetPort"`
}

// PodExcerpt is a pod.
type PodExcerpt struct {
	Name   string            `json:"name"`
	Phase  corev1.PodPhase   `json:"phase"`
	Ready  bool              `json:"ready"`
	Images []string          `json:"images"`
	Labels map[string]string `json:"labels,omitempty"`
}

// SecretExcerpt is a Secret without its data.
type SecretExcerpt struct {
	Name string            `json:"name"`
	Type corev1.SecretType `json:"type"`
	// Keys are the names of its fields.
	Keys []string `json:"keys"`
}

// CertificateExcerpt is a certificate, and where it was seen.
type CertificateExcerpt struct {
	From      string    `json:"from"`
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	NotBefore time.Time `json:"notBefore"`
	NotAfter  time.Time `json:"notAfter"`
	Names     string    `json:"subjectAltName"`
	SHA256    string    `json:"sha256"`
}

// DexExcerpt is what of Dex's settings is taken.
type DexExcerpt struct {
	Issuer     string             `json:"issuer"`
	Connectors []ConnectorExcerpt `json:"connectors"`
}

// ConnectorExcerpt is a connector without its settings.
type ConnectorExcerpt struct {
	ID   string `json:"id"`
	Type string `json:"type"`
}

// Excerpt takes what a bug report needs of the objects that were looked at.
func (d *Diagnosis) Excerpt() *Excerpt {
	e := &Excerpt{Unread: map[string]string{}}
	if o := d.facts.Objects; o != nil {
		e.takeIstio(o)
		e.takeCore(o)
	}
	e.takeCertificates(d.facts)
	e.IstioVersions, e.Gateways, e.VirtualServices = notNil(e.IstioVersions), notNil(e.Gateways), notNil(e.VirtualServices)
	e.Policies, e.RequestAuthentications = notNil(e.Policies), notNil(e.RequestAuthentications)
	e.EnvoyFilters, e.Services, e.Pods = notNil(e.EnvoyFilters), notNil(e.Services), notNil(e.Pods)
	e.Secrets, e.Certificates = notNil(e.Secrets), notNil(e.Certificates)
	return e
}

func (e *Excerpt) unread(what string, err error) {
	if err != nil {
		e.Unread[what] = plain(err.Error())
	}
}

func (e *Excerpt) takeIstio(o *Objects) {
	e.IstioVersions = o.Istio.Value
	gateways := o.gatewaysOfInterest()
	e.Gateways = excerpts(gateways, gatewayFields)
	e.VirtualServices = excerpts(o.virtualServicesOf(gateways), virtualServiceField)
	e.Policies = excerpts(pointers(o.Policies.Value), policyFields)
	e.EnvoyFilters = excerpts(pointers(o.EnvoyFilters.Value), envoyFilterFields)
	for i := range o.RequestAuthentications.Value {
		e.RequestAuthentications = append(e.RequestAuthentications, issuers(&o.RequestAuthentications.Value[i]))
	}
	slices.SortFunc(e.RequestAuthentications, func(a, b IssuerExcerpt) int { return cmp.Compare(a.Name, b.Name) })
	e.unread("versions of "+networkingGroup, o.Istio.Err)
	e.unread("Gateways", o.Gateways.Err)
	e.unread("VirtualServices", o.VirtualServices.Err)
	e.unread("AuthorizationPolicies", o.Policies.Err)
	e.unread("RequestAuthentications", o.RequestAuthentications.Err)
	e.unread("EnvoyFilters", o.EnvoyFilters.Err)
}

// gatewaysOfInterest are the Gateway that counts and those of the same pods: a
// cluster may have a thousand others.
func (o *Objects) gatewaysOfInterest() []*unstructured.Unstructured {
	var found []*unstructured.Unstructured
	if o.Door != nil {
		found = slices.Clone(o.Door.Gateways())
	}
	for i := range o.Gateways.Value {
		g := &o.Gateways.Value[i]
		isTaken := func(t *unstructured.Unstructured) bool { return objectName(t) == objectName(g) }
		if objectName(g) == o.Name.String() && !slices.ContainsFunc(found, isTaken) {
			found = append(found, g)
		}
	}
	return found
}

// virtualServicesOf are those that name one of these Gateways, and those beside
// the Gateway and the parts of the login, whatever they name.
func (o *Objects) virtualServicesOf(gateways []*unstructured.Unstructured) []*unstructured.Unstructured {
	near := []string{o.Name.Namespace, o.Proxy.Namespace, o.Dex.Namespace, "kubeflow"}
	var found []*unstructured.Unstructured
	for _, v := range pointers(o.VirtualServices.Value) {
		named := stringsIn(v.Object, "spec", "gateways")
		names := func(g *unstructured.Unstructured) bool { return slices.Contains(named, objectName(g)) }
		if slices.Contains(near, v.GetNamespace()) || slices.ContainsFunc(gateways, names) {
			found = append(found, v)
		}
	}
	return found
}

func pointers(list []unstructured.Unstructured) []*unstructured.Unstructured {
	var all []*unstructured.Unstructured
	for i := range list {
		all = append(all, &list[i])
	}
	return all
}

func excerpts(objects []*unstructured.Unstructured, taken fields) []ObjectExcerpt {
	var all []ObjectExcerpt
	for _, object := range objects {
		all = append(all, ObjectExcerpt{objectName(object), taken.of(object.Object["spec"])})
	}
	slices.SortFunc(all, func(a, b ObjectExcerpt) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

func issuers(object *unstructured.Unstructured) IssuerExcerpt {
	selector, _, _ := unstructured.NestedMap(object.Object, "spec", "selector")
	e := IssuerExcerpt{
		Name: objectName(object), Selector: fields{"matchLabels": anyLabels}.of(selector),
		Issuers: []string{}, KeyHosts: []string{},
	}
	rules, _, _ := unstructured.NestedSlice(object.Object, "spec", "jwtRules")
	for _, rule := range rules {
		entry, _ := rule.(map[string]any)
		issuer, _ := entry["issuer"].(string)
		e.Issuers = append(e.Issuers, bareURL(issuer))
		if keys, _ := entry["jwksUri"].(string); keys != "" {
			e.KeyHosts = append(e.KeyHosts, hostOf(keys))
		}
	}
	return e
}

// bareURL is a URL without user, query and fragment, or an identifier that is none.
func bareURL(text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	u, err := url.Parse(text)
	if err != nil {
		return "(not a URL)"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// withoutUser is a URL without user and password. What is none is an identifier,
// such as an e-mail address.
func withoutUser(text string) string {
	if !strings.Contains(text, "://") || !strings.Contains(text, "@") {
		return text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return "(not a URL)"
	}
	u.User = nil
	return u.String()
}

func hostOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "(not a URL)"
	}
	return u.Host
}

func (e *Excerpt) takeCore(o *Objects) {
	if o.Ingress.OK() {
		e.takeService(o.Ingress.Value.Object)
	}
	e.unread("the ingress Service", o.Ingress.Err)
	e.takePods(o.Pods.Value)
	e.unread("the gateway pods", o.Pods.Err)
	for _, part := range []Part{o.Proxy, o.Dex, o.Pipelines, o.PipelinesUI} {
		if part.Name == "" {
			continue
		}
		if part.Service.OK() {
			e.takeService(part.Service.Value)
		}
		e.takePods(part.Pods.Value)
		e.unread("Service "+part.Namespace+"/"+part.Name, part.Service.Err)
		e.unread("Pods of "+part.Namespace+"/"+part.Name, part.Pods.Err)
	}
	for name, secret := range o.Secrets {
		if secret.OK() {
			e.Secrets = append(e.Secrets, SecretExcerpt{name.String(), secret.Value.Type, secret.Value.Keys})
		}
		e.unread("Secret "+name.String(), secret.Err)
	}
	slices.SortFunc(e.Secrets, func(a, b SecretExcerpt) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortStableFunc(e.Services, func(a, b ServiceExcerpt) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortStableFunc(e.Pods, func(a, b PodExcerpt) int { return cmp.Compare(a.Name, b.Name) })
	if dex := o.Login.Dex; dex.OK() && dex.Value.Issuer != "" {
		e.Dex = &DexExcerpt{Issuer: bareURL(dex.Value.Issuer), Connectors: []ConnectorExcerpt{}}
		for i, id := range dex.Value.Connectors {
			e.Dex.Connectors = append(e.Dex.Connectors, ConnectorExcerpt{id, dex.Value.ConnectorTypes[i]})
		}
	}
}

func (e *Excerpt) takeService(service *corev1.Service) {
	if service == nil {
		return
	}
	s := ServiceExcerpt{Name: objectName(service), Type: service.Spec.Type, Selector: service.Spec.Selector, Ports: []ServicePortExcerpt{}}
	for _, port := range service.Spec.Ports {
		s.Ports = append(s.Ports, ServicePortExcerpt{port.Name, port.Protocol, port.Port, port.TargetPort.String()})
	}
	e.Services = append(e.Services, s)
}

func (e *Excerpt) takePods(pods []corev1.Pod) {
	for i := range pods {
		pod := &pods[i]
		p := PodExcerpt{Name: objectName(pod), Phase: pod.Status.Phase, Ready: portforward.IsReady(pod), Images: []string{}, Labels: map[string]string{}}
		for _, container := range pod.Spec.Containers {
			p.Images = append(p.Images, container.Image)
		}
		for _, label := range []string{"app", "istio"} {
			if value, ok := pod.Labels[label]; ok {
				p.Labels[label] = value
			}
		}
		e.Pods = append(e.Pods, p)
	}
}

// takeCertificates takes what the roads showed, what the Secrets hold, and the
// roots that both are checked against.
func (e *Excerpt) takeCertificates(f *Facts) {
	for _, r := range f.Roads {
		if r.Handshake != nil {
			e.takeChain(r.Name, r.Handshake.Chain)
		}
	}
	if f.Objects != nil {
		for name, secret := range f.Objects.Secrets {
			if secret.OK() {
				e.takeChain("Secret "+name.String(), secret.Value.Chain)
			}
		}
	}
	e.takeChain(f.Computer.RootsFrom, f.Computer.RootCertificates)
	slices.SortStableFunc(e.Certificates, func(a, b CertificateExcerpt) int { return cmp.Compare(a.From, b.From) })
}

func (e *Excerpt) takeChain(from string, chain []*x509.Certificate) {
	for _, c := range chain {
		e.Certificates = append(e.Certificates, CertificateExcerpt{
			From: from, Subject: c.Subject.String(), Issuer: c.Issuer.String(),
			NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(), Names: names(c), SHA256: ca.Fingerprint(c),
		})
	}
}
