package cmd

import (
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// withoutSetup is the way to HTTPS that changes nothing in the cluster.
const withoutSetup = "kubectl kftls port-forward --tls"

// offerForward adds to a refusal of setup the way that needs none: this user,
// this cluster or this Gateway does not admit our server.
func offerForward(err error) error {
	if !isRefusal(err) {
		return err
	}
	hint := "without a change to the cluster: " + withoutSetup
	if first := fault.HintOf(err); first != "" {
		hint = first + "; or " + hint
	}
	return fault.Wrap(fault.ReasonOf(err), hint, err)
}

func isRefusal(err error) bool {
	switch fault.ReasonOf(err) {
	case fault.Forbidden, fault.Admission, fault.Overlap, fault.NotOurs, fault.Conflict, fault.NoServicePort, fault.Unguarded:
		return true
	}
	// Admission webhooks and policies refuse with a code of their choice.
	var refused apierrors.APIStatus
	return errors.As(err, &refused) && (apierrors.IsBadRequest(err) || apierrors.IsInvalid(err) || apierrors.IsForbidden(err))
}
