package diagnose

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func pipelinesChecks() []Check {
	return []Check{
		{
			Code: "KFT901", Title: "the pipelines API is down", Layer: LayerPipelines, Severity: Error, Causes: []Symptom{PipelinesDown}, Look: lookPipelines,
			Page: Page{
				Means: "Login and gateway are well; the pipelines API behind them (ml-pipeline in namespace kubeflow, or its pages' server ml-pipeline-ui) does not answer.",
				Shows: []Shown{{"curl", "upstream connect error or disconnect/reset before headers", "measured with Envoy 1.40"}, {"curl", "no healthy upstream", "measured with Envoy 1.40"}},
				Heals: "See why: kubectl -n kubeflow describe pods -l app=ml-pipeline",
			},
		},
		{
			Code: "KFT902", Title: "the pipelines are too old for this path", Layer: LayerPipelines, Severity: Error, Causes: []Symptom{PipelinesOther}, Look: lookOldPipelines,
			Page: Page{
				Means: "kfp 2 asks for /apis/v2beta1; pipelines of the 1.x line have v1beta1 alone.",
				Shows: []Shown{{"kfp", "Cannot GET /pipeline/apis/v2beta1/healthz", "an issue of kubeflow/pipelines (8837)"}},
				Heals: "Take kfp 1.8 for this Kubeflow, or upgrade its pipelines.",
			},
		},
		{
			Code: "KFT903", Title: "the pipelines API answers something else than JSON", Layer: LayerPipelines, Severity: Error, Causes: []Symptom{PipelinesOther}, Needs: []string{"KFT321", "KFT902"}, Look: lookHTML,
			Page: Page{
				Means: "Where programs expect JSON there comes a page: another program stands at /pipeline, or the address is the dashboard's.",
				Heals: "Check the VirtualService ml-pipeline-ui in namespace kubeflow.",
			},
		},
		{
			Code: "KFT904", Title: "the gateway does not tell Kubeflow who the user is", Layer: LayerPipelines, Severity: Warning, Causes: []Symptom{PipelinesOther}, Look: lookIdentity,
			Page: Page{
				Means: "Kubeflow's programs learn from the header kubeflow-userid who asks. The gateway's RequestAuthentication makes it of the token (outputClaimToHeaders), and this one does not.",
				Shows: []Shown{{"kfp", "Request header error: there is no user identity header.", "read in kubeflow/pipelines"}},
				Heals: "Apply RequestAuthentication istio-system/dex-jwt of Kubeflow's manifests again.",
			},
		},
		{
			Code: "KFT906", Title: "the user's name and the profile's owner differ in case", Layer: LayerPipelines, Severity: Warning, Causes: []Symptom{SessionDenied}, Look: profileLook(lookCase),
			Page: Page{
				Means: "Kubeflow compares names to the letter. A profile that was made for User@example.com is not user@example.com's.",
				Shows: []Shown{{"kfp", "PermissionDenied: User 'user@example.com' is not authorized with reason: …", "read in kubeflow/pipelines"}},
				Heals: "Write the name into the profile as the login says it.",
			},
		},
		{
			Code: "KFT905", Title: "the user has no profile", Layer: LayerPipelines, Severity: Warning, Causes: []Symptom{SessionDenied}, Needs: []string{"KFT906"}, Look: profileLook(lookProfile),
			Page: Page{
				Means: "In Kubeflow a user works in namespaces that are made for profiles. A user who owns none, and whom nobody shares one with, sees nothing.",
				Shows: []Shown{{"kfp", "PermissionDenied: User 'user@example.com' is not authorized with reason: …", "read in kubeflow/pipelines"}},
				Heals: "Make a profile for the user, or share one: Manage Contributors on Kubeflow's dashboard.",
			},
		},
	}
}

// lookIdentity looks for the rule that turns Dex's token into the user's name.
func lookIdentity(_ context.Context, f *Facts) Result {
	if f.Objects == nil {
		return skipped("no cluster was asked for")
	}
	issuer, _ := f.dexIssuer()
	if issuer == "" || !f.Objects.RequestAuthentications.OK() {
		return skipped("the rules for Dex's tokens are not known")
	}
	for i := range f.Objects.RequestAuthentications.Value {
		r := &f.Objects.RequestAuthentications.Value[i]
		rules, _, _ := unstructured.NestedSlice(r.Object, "spec", "jwtRules")
		for _, entry := range rules {
			rule, _ := entry.(map[string]any)
			if rule["issuer"] != issuer || !f.Objects.selectsGateway(r) {
				continue
			}
			if text := fmt.Sprint(rule["outputClaimToHeaders"]); !strings.Contains(text, "kubeflow-userid") {
				return found("RequestAuthentication "+objectName(r)+" makes no header kubeflow-userid of Dex's tokens: Kubeflow's programs see no user",
					byAdmin("apply RequestAuthentication istio-system/dex-jwt of Kubeflow's manifests again"), evidence("RequestAuthentication "+objectName(r), "spec.jwtRules[].outputClaimToHeaders", "no kubeflow-userid")).as(itself(PipelinesOther))
			}
			return passed("it becomes kubeflow-userid")
		}
	}
	return skipped("there is no rule for Dex's tokens")
}

// user is who Kubeflow takes the session for, "" where that is not known.
func (s *SessionFacts) user() string {
	if s.User == nil || s.User.Err != nil || s.User.Status != 200 {
		return ""
	}
	return jsonString(s.User.Body, "email")
}

// profileLook judges the session's user against the owners of profiles.
func profileLook(look func(user string, owners []string) Result) func(context.Context, *Facts) Result {
	return func(_ context.Context, f *Facts) Result {
		s, why := f.given()
		switch {
		case s == nil:
			return *why
		case s.user() == "":
			return skipped("who the session is of is not known")
		case f.Objects == nil:
			return skipped("no cluster was asked for")
		case f.Objects.Profiles.Absent():
			return skipped("this cluster has no profiles")
		case !f.Objects.Profiles.OK():
			return unknown(f.Objects.Profiles.Err)
		}
		return look(s.user(), f.Objects.Profiles.Value)
	}
}

func lookCase(user string, owners []string) Result {
	for _, owner := range owners {
		if owner != user && strings.EqualFold(owner, user) {
			return found(fmt.Sprintf("the profile's owner is %s, and the login says %s: Kubeflow takes them for two people", owner, user),
				byAdmin("write the name into the profile as the login says it", "kubectl get profiles.kubeflow.org"),
				evidence("Profiles", "spec.owner.name", owner), evidence("the session", "email", user))
		}
	}
	return passed("no owner differs in case alone")
}

func lookProfile(user string, owners []string) Result {
	if slices.Contains(owners, user) {
		return passed(user + " owns a profile")
	}
	return found("no profile is owned by "+user+": without being a contributor to another one, the user sees no namespace",
		byAdmin("make a profile, or let its owner share one", "kubectl get profiles.kubeflow.org"), evidence("Profiles", "spec.owner.name", fmt.Sprintf("%d others", len(owners))))
}

func lookPipelines(_ context.Context, f *Facts) Result {
	down := f.downPipelines()
	s := f.sighting(PipelinesDown)
	switch {
	case s != nil:
		return f.pipelinesDown(s, down)
	case down == nil:
		return passed("it was not seen to be down")
	}
	if s, _ := f.given(); s != nil && s.Health != nil && isKubeflow(s.Health) {
		return f.lookDown(*down).as(onlyWarning) // its health is answered all the same
	}
	return f.lookDown(*down).as(itself(PipelinesDown))
}

// downPipelines is the first part of the pipelines, on the way of a request, that
// has no ready pod; nil for none.
func (f *Facts) downPipelines() *Part {
	if f.Objects == nil || !f.Aim.wantsSession() {
		return nil
	}
	for _, p := range []*Part{&f.Objects.PipelinesUI, &f.Objects.Pipelines} {
		if p.Service.OK() && p.Pods.OK() && p.isDown() {
			return p
		}
	}
	return nil
}

func (f *Facts) pipelinesDown(s *Sighting, down *Part) Result {
	fix := byAdmin("see why no pod is ready, and mend that", "kubectl -n kubeflow describe pods -l app=ml-pipeline")
	ev := []Evidence{s.wire()}
	if down != nil {
		r := f.lookDown(*down)
		fix, ev = r.Finding.Fix, append(ev, r.Finding.Evidence...)
	}
	return found("the pipelines API does not answer behind the login", fix, ev...)
}

func lookOldPipelines(_ context.Context, f *Facts) Result {
	s, why := f.given()
	if s == nil {
		return *why
	}
	if s.OldHealth == nil || s.OldHealth.Err != nil || !isKubeflow(s.OldHealth) || !s.OldHealth.isType("application/json") {
		return passed("it knows v2beta1, or something else is in the way")
	}
	return found("the pipelines know no v2beta1: they are of the 1.x line", locally("take kfp 1.8 for this Kubeflow", "pip install 'kfp<2'"),
		evidence(s.Via.where(healthPath), "status", s.Health.line()), evidence(s.Via.where(oldHealthPath), "status", s.OldHealth.line()))
}

func lookHTML(_ context.Context, f *Facts) Result {
	s, why := f.given()
	if s == nil {
		return *why
	}
	seen := f.sighting(PipelinesOther)
	if seen == nil {
		return passed("it answers JSON, or something else is in the way")
	}
	return found("the pipelines API answers something else than it should", byAdmin("see what is wrong: this shows what stands at /pipeline", "kubectl -n kubeflow get virtualservice ml-pipeline-ui -o yaml"), evidence(s.Via.where(healthPath), "status", s.Health.line()))
}
