package diagnose

import (
	"context"
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
			Code: "KFT903", Title: "the pipelines API answers something else than JSON", Layer: LayerPipelines, Severity: Error, Causes: []Symptom{PipelinesOther}, Needs: []string{"KFT902"}, Look: lookHTML,
			Page: Page{
				Means: "Where programs expect JSON there comes a page: another program stands at /pipeline, or the address is the dashboard's.",
				Heals: "Check the VirtualService ml-pipeline-ui in namespace kubeflow.",
			},
		},
	}
}

func lookPipelines(_ context.Context, f *Facts) Result {
	s := f.sighting(PipelinesDown)
	if s == nil {
		if f.Objects != nil && f.Aim.wantsSession() && f.Objects.Pipelines.Service.OK() && f.Objects.Pipelines.Pods.OK() && f.Objects.Pipelines.ready() == 0 {
			return f.lookDown(f.Objects.Pipelines).as(itself(PipelinesDown))
		}
		return passed("it was not seen to be down")
	}
	fix := byAdmin("see why no pod is ready, and mend that", "kubectl -n kubeflow describe pods -l app=ml-pipeline")
	ev := []Evidence{s.wire()}
	if f.Objects != nil {
		p := f.Objects.Pipelines
		if p.Pods.OK() && len(p.Pods.Value) == 0 {
			fix = runs("starts it", "kubectl -n kubeflow scale deployment ml-pipeline --replicas=1", "kubectl -n kubeflow rollout status deployment ml-pipeline --timeout=60s")
			ev = append(ev, evidence("Pods app=ml-pipeline in kubeflow", "", "none"))
		}
	}
	return found("the pipelines API does not answer behind the login", fix, ev...)
}

func lookOldPipelines(_ context.Context, f *Facts) Result {
	s, why := f.given()
	if s == nil {
		return *why
	}
	if s.Health == nil || s.Health.Err != nil || s.Health.Status != 404 || !s.Health.says("Cannot GET") {
		return passed("it knows v2beta1, or something else is in the way")
	}
	return found("the pipelines know no v2beta1: they are of the 1.x line", locally("take kfp 1.8 for this Kubeflow", "pip install 'kfp<2'"), evidence(s.Via.where(healthPath), "status", s.Health.line()))
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
