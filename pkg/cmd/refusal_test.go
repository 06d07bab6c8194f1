package cmd

import (
	"errors"
	"net/http"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// newEnded is what an endpoint says of a session that has ended.
func newEnded(hint string) error {
	return fault.New(fault.LoginNeeded, hint, "the session has ended")
}

// denied is a webhook's refusal, as the API server passes it on.
func denied(code int32) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Code: code, Message: `admission webhook "validate.example.com" denied the request: no`,
		Reason: map[int32]metav1.StatusReason{
			http.StatusForbidden: metav1.StatusReasonForbidden, http.StatusBadRequest: metav1.StatusReasonBadRequest,
			http.StatusUnprocessableEntity: metav1.StatusReasonInvalid,
		}[code],
	}}
}

func TestOfferForward(t *testing.T) {
	const offer = "without a change to the cluster: kubectl kftls port-forward --tls"
	const rule = "it is a rule of this cluster; ask who keeps the webhook (whose it is: " + cluster.ListWebhooks + "); or " + offer
	for name, tc := range map[string]struct {
		err  error
		hint string
	}{
		"no right":      {fault.New(fault.Forbidden, "ask an admin", "x"), "ask an admin; or " + offer},
		"overlap":       {fault.New(fault.Overlap, "", "x"), offer},
		"not ours":      {fault.New(fault.NotOurs, "", "x"), offer},
		"conflict":      {fault.New(fault.Conflict, "", "x"), offer},
		"no port":       {fault.New(fault.NoServicePort, "", "x"), offer},
		"unguarded":     {errors.Join(fault.New(fault.Unguarded, "", "x"), errors.New("y")), offer},
		"webhook, 400":  {cluster.Explain(denied(http.StatusBadRequest), "create"), rule},
		"webhook, 422":  {cluster.Explain(denied(http.StatusUnprocessableEntity), "create"), rule},
		"quota":         {fault.New(fault.Admission, "make room", "x"), "make room; or " + offer},
		"down":          {fault.New(fault.Unreachable, "look", "x"), "look"},
		"said no":       {fault.New(fault.Declined, "", "x"), ""},
		"interrupted":   {fault.New(fault.Interrupted, "", "x"), ""},
		"not Kubeflow":  {fault.New(fault.NotKubeflow, "", "x"), ""},
		"without cause": {errors.New("x"), ""},
	} {
		got := offerForward(tc.err)
		if hint := fault.HintOf(got); hint != tc.hint {
			t.Errorf("%s: hint %q, want %q", name, hint, tc.hint)
		}
		if fault.ReasonOf(got) != fault.ReasonOf(tc.err) || got.Error() != tc.err.Error() {
			t.Errorf("%s: it became another error: %v", name, got)
		}
	}
	if offerForward(nil) != nil {
		t.Error("nil became an error")
	}
}
