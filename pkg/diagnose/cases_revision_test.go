package diagnose

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func labelled(labels map[string]string) change {
	return func(f *Facts) { f.Objects.Door.Gateway.SetLabels(labels) }
}

// istiods run with these revisions, beside gateway pods of one.
func istiods(ofGateway string, revisions ...string) change {
	return func(f *Facts) {
		gateway := pod("istio-system", "gateway-a", map[string]string{"app": "istio-ingressgateway", "istio": "ingressgateway", revisionLabel: ofGateway})
		pods := []corev1.Pod{gateway}
		for _, revision := range revisions {
			pods = append(pods, pod("istio-system", "istiod-"+revision, map[string]string{"app": "istiod", revisionLabel: revision}))
		}
		f.Objects.Pods = ok(pods)
	}
}

func revisionExamples() []example {
	old := labelled(map[string]string{revisionLabel: "1-27"})
	return []example{
		finds("KFT326", "running is default", old),
		finds("KFT326", "running is 1-28, default", old, istiods("1-28", "1-28", "")),
		clears("KFT326", Passed, old, istiods("1-27", "1-28", "1-27")),
		clears("KFT326", Skipped, old, istiods("1-27")),
		clears("KFT326", Passed, istiods("1-28", "1-28")),
		clears("KFT326", Unknown, old, func(f *Facts) { f.Objects.Pods = unread[[]corev1Pod]() }),
	}
}

func TestRevision(t *testing.T) {
	for name, test := range map[string]struct {
		with change
		want string
	}{
		"as shipped":                 {func(*Facts) {}, ""},
		"one with a name":            {istiods("", "1-28"), "1-28"},
		"two, and the gateway's":     {istiods("1-27", "1-28", "1-27"), "1-27"},
		"two, and the gateway's not": {istiods("", "1-28", "1-27"), ""},
		"the one without a name":     {istiods("default", "default", "1-28"), ""},
	} {
		if got := healthy(test.with).Objects.revision(); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
