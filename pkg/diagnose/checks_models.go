package diagnose

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/endpoint"
)

func modelChecks() []Check {
	return []Check{
		{
			Code: "KFT907", Title: "the request does not reach the InferenceService", Layer: LayerPipelines, Severity: Error,
			Causes: []Symptom{ModelMissed, Denied, NoRoute}, Look: lookModel,
			Page: Page{
				Means: "KServe's models share the gateway with Kubeflow's pages, and the gateway tells them apart by the name in the Host header: NAME.NAMESPACE.example.com, as the InferenceService's status.url says it (or by a path that KServe's pathTemplate makes). A request to localhost, an IP address or another name goes to Kubeflow's dashboard instead, which knows no such path, or to nobody.",
				Shows: []Shown{
					{"dashboard, with a session", "Cannot GET /v1/models/NAME", "measured with a stand-in for the dashboard"},
					{"curl, without one", "403 and the sign-in page, or 302 to /dex/auth", "measured with Istio 1.31-dev, Kubeflow 1.8 to 26.03"},
				},
				Heals: "Name it: kubectl kftls cookie -o curl | curl -K - -H \"Host: NAME.NAMESPACE.example.com\" http://localhost:8080/v1/models/NAME. The name is in: kubectl get inferenceservices -A",
			},
		},
		{
			Code: "KFT908", Title: "the login guards the InferenceService, too", Layer: LayerPipelines, Severity: Error,
			Causes: nil, Needs: []string{"KFT701", "KFT907"}, Look: lookGuardedModel,
			Page: Page{
				Means: "Models behind Kubeflow's gateway are guarded by the same login as its pages. A request that brings no session is sent to the login, and a program takes that for the model's answer.",
				Shows: []Shown{
					{"curl", "403 and the sign-in page, or 302 to /dex/auth", "measured with Istio 1.31-dev, Kubeflow 1.8 to 26.03"},
				},
				Heals: "Send the session along: kubectl kftls cookie -o curl | curl -K - -H \"Host: NAME.NAMESPACE.example.com\" http://localhost:8080/v1/models/NAME. Where the gateway takes tokens of ServiceAccounts (the overlays m2m of Kubeflow's manifests), programs send one in the header Authorization.",
			},
		},
	}
}

// lookModel compares whom a request for a model asks for with the names that
// InferenceServices are known by.
func lookModel(_ context.Context, f *Facts) Result {
	asked := f.Aim.Model
	switch {
	case asked == nil:
		return skipped("no address of an InferenceService was named")
	case f.sees(NameUnknown):
		return skipped("the name in the address does not resolve")
	case f.Objects == nil, !f.Objects.Models.OK(), !f.Objects.VirtualServices.OK():
		return f.nameless()
	}
	for _, m := range f.Objects.Models.Value {
		if m.takes(f.gatewayName(), asked) {
			return passed("InferenceService " + m.name() + " takes it")
		}
	}
	namespace, name := asked.named()
	meant := slices.DeleteFunc(slices.Clone(f.Objects.Models.Value), func(m Model) bool {
		return m.Name != name || namespace != "" && m.Namespace != namespace
	})
	switch {
	case len(meant) == 1:
		return f.missed(meant[0])
	case len(meant) == 0 && len(f.Objects.Models.Value) == 1 && name != "": // a model's name need not be its InferenceService's
		return f.missed(f.Objects.Models.Value[0]).as(probably)
	}
	ev := []Evidence{evidence("the request", "Host", asked.Host)}
	for _, m := range f.Objects.Models.Value {
		ev = append(ev, evidence("InferenceService "+m.name(), "hosts", strings.Join(m.hosts(), ", ")))
	}
	return found(fmt.Sprintf("no InferenceService takes requests for %s at the name %s", asked.Path, asked.Host),
		runs("shows the InferenceServices there are, and the addresses of those that are ready", "kubectl get inferenceservices.serving.kserve.io -A"), ev...).as(itself(ModelMissed))
}

// missed says how an InferenceService is reached that a request is not sent to.
func (f *Facts) missed(m Model) Result {
	asked := f.Aim.Model
	hosts := m.hosts()
	if len(hosts) == 0 {
		why := m.NotReady
		if why == "" {
			why = "it has no status.url"
		}
		return found(fmt.Sprintf("InferenceService %s has no address yet", m.name()),
			byAdmin("see what it waits for", fmt.Sprintf("kubectl -n %s describe inferenceservices.serving.kserve.io %s", quoted(m.Namespace), quoted(m.Name))),
			evidence("InferenceService "+m.name(), "status.conditions[Ready]", why)).as(itself(ModelMissed))
	}
	source, field := "InferenceService "+m.name(), "status.url"
	value := m.URL
	if value == "" {
		source, field, value = "VirtualService "+objectName(m.route), "spec.hosts", strings.Join(hosts, ", ")
	}
	ev := []Evidence{evidence("the request", "Host", asked.Host), evidence(source, field, value)}
	if own := f.own(); own != nil {
		if a := own.answer(asked.Path); a != nil {
			ev = append(ev, evidence(own.where(asked.Path), "status", a.line()))
		}
	}
	return found(fmt.Sprintf("the request asks for %s, and InferenceService %s is known as %s alone: Kubeflow's pages take it, or nobody", asked.Host, m.name(), hosts[0]),
		f.asksModel("names the InferenceService in the Host header, and brings the session that the login wants", hosts[0]), ev...).as(itself(ModelMissed))
}

// nameless judges a request without knowing the InferenceServices: what bears the
// name of this computer or a bare address is none's.
func (f *Facts) nameless() Result {
	asked := f.Aim.Model
	_, notAddress := netip.ParseAddr(asked.Host)
	if asked.Host != "localhost" && notAddress != nil {
		return skipped("the InferenceServices are not known")
	}
	if strings.HasPrefix(asked.Path, "/serving/") {
		return skipped("the InferenceServices are not known, and the path may lead to one")
	}
	own := f.own()
	a := own.answer(asked.Path)
	if a == nil || a.Status < 300 {
		return skipped("the InferenceServices are not known, and the answer says nothing about them")
	}
	return found(fmt.Sprintf("the request asks for %s, and InferenceServices are known by names such as NAME.NAMESPACE.example.com", asked.Host),
		locally("take the name from the column URL and send it along: curl -H \"Host: NAME.NAMESPACE.example.com\"", "kubectl get inferenceservices.serving.kserve.io -A"),
		evidence("the request", "Host", asked.Host), evidence(own.where(asked.Path), "status", a.line())).as(func(x *Finding) {
		x.Confidence, x.observed = Likely, ModelMissed
	})
}

// lookGuardedModel speaks of requests that are sent to the right InferenceService
// and bring no session.
func lookGuardedModel(_ context.Context, f *Facts) Result {
	asked := f.Aim.Model
	switch {
	case asked == nil:
		return skipped("no address of an InferenceService was named")
	case f.Aim.HasSession:
		return skipped("a session was given")
	}
	own := f.own()
	a := own.answer(asked.Path)
	if a == nil {
		return skipped("no connection came about")
	}
	if symptom, _ := f.meaning(own, a); symptom != NotLoggedIn {
		return passed("no login is in the way")
	}
	return found("the login is in front of the InferenceService: a request without a session does not reach it",
		f.asksModel("logs in where that is needed, and brings the session along", asked.Host),
		evidence(own.where(asked.Path)+" without a session", "status", a.line())).as(func(x *Finding) {
		x.Confidence, x.observed = Likely, NotLoggedIn
	})
}

func (m Model) name() string { return m.Namespace + "/" + m.Name }

// gatewayName is that of Kubeflow's Gateway, or of the one that was named.
func (f *Facts) gatewayName() string {
	if f.Objects.Door != nil {
		return f.Objects.Door.Name()
	}
	return f.Objects.Name.String()
}

// verb is what a path of the inference protocols asks a model to do; without it the
// path asks whether the model is ready, which every client may.
var verb = regexp.MustCompile(`(:[a-z]+|/infer|/generate|/generate_stream)$`)

// asksModel is a command that reaches an InferenceService.
func (f *Facts) asksModel(text, host string) Fix {
	address := *f.Aim.URL
	address.Path = verb.ReplaceAllString(address.Path, "")
	name := "-H " + quoted("Host: "+host) + " "
	if strings.EqualFold(host, address.Hostname()) {
		name = ""
	}
	fix := locally(text+"; requests that predict go the same way", fmt.Sprintf("%s cookie -o curl | curl -sS -K - %s%s", f.program(), name, quoted(address.String())))
	if !endpoint.IsLoopback(address.Hostname()) {
		fix.Commands[0] = strings.Replace(fix.Commands[0], " cookie ", " cookie --url "+quoted(address.Scheme+"://"+address.Host)+" ", 1)
	}
	return fix
}

// modelNamed is the InferenceService that a name is of, nil for none.
func (f *Facts) modelNamed(host string) *Model {
	if f.Objects == nil || !f.Objects.Models.OK() {
		return nil
	}
	for i := range f.Objects.Models.Value {
		if m := &f.Objects.Models.Value[i]; slices.Contains(m.hosts(), host) {
			return m
		}
	}
	return nil
}

// unknownModelName says how a model is asked whose name is in no DNS: KServe makes
// names of Knative's domain, example.com as Kubeflow ships it.
func (f *Facts) unknownModelName(m Model, s *Sighting) Result {
	host := f.Aim.URL.Hostname()
	local := *f.Aim.URL
	local.Scheme, local.Host, local.Path = "http", "localhost:8080", verb.ReplaceAllString(local.Path, "")
	return found(fmt.Sprintf("%s is the name by which the gateway knows InferenceService %s, and no DNS server and no hosts file of this computer knows it", host, m.name()),
		locally("a port-forward leads to the gateway, and the Host header names the InferenceService",
			f.program()+" port-forward 8080:80 &",
			fmt.Sprintf("%s cookie -o curl | curl -sS -K - -H %s %s", f.program(), quoted("Host: "+host), quoted(local.String()))),
		evidence("InferenceService "+m.name(), "status.url", m.URL), s.wire())
}
