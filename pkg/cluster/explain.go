package cluster

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// Explain says of a failed API call what was being done, why it failed and
// what to do about it. The result is a *fault.Error around err, whose own text
// is kept; nil stays nil.
func Explain(err error, doing string, args ...any) error {
	if err == nil {
		return nil
	}
	reason, hint := diagnose(err)
	return fault.Wrap(reason, hint, fmt.Errorf(doing+": %w", append(args, err)...))
}

func diagnose(err error) (fault.Reason, string) {
	var known *fault.Error
	notAdmitted := admissionHint(err)
	switch {
	case errors.As(err, &known):
		return known.Reason, known.Hint
	case errors.Is(err, context.Canceled):
		return fault.Interrupted, ""
	case notAdmitted != "":
		return fault.Admission, notAdmitted
	case apierrors.IsForbidden(err):
		return fault.Forbidden, "ask an admin of the cluster for this right; see yours: kubectl auth can-i --list -n NAMESPACE"
	case apierrors.IsUnauthorized(err), isCredentialPlugin(err):
		return fault.Unauthorized, "renew the credentials of this kubeconfig context, then check: kubectl auth whoami"
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err):
		return fault.Conflict, "somebody changed it at the same time: run the command again"
	case isNotFound(err):
		return fault.NotFound, ""
	case apierrors.IsTimeout(err), apierrors.IsServerTimeout(err), errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return fault.Timeout, "check the API server: kubectl get --raw /readyz; a longer wait: --request-timeout 60s"
	case apierrors.IsTooManyRequests(err):
		return fault.Unreachable, "the API server has too much to do: run the command again in a minute"
	case isDial(err), apierrors.IsServiceUnavailable(err), isBadGateway(err):
		return fault.Unreachable, "check the context and the network: kubectl config current-context; kubectl get --raw /readyz"
	}
	return fault.Internal, ""
}

func isNotFound(err error) bool { return apierrors.IsNotFound(err) }

// isBadGateway tells a proxy before the API server that does not reach it.
func isBadGateway(err error) bool {
	var answer apierrors.APIStatus
	return errors.As(err, &answer) && answer.Status().Code == http.StatusBadGateway
}

// isTimeout tells the time-outs of package net, wherever they are in the chain.
func isTimeout(err error) bool {
	var wait net.Error
	return errors.As(err, &wait) && wait.Timeout()
}

// isCredentialPlugin tells a failed exec credential plugin, which client-go
// reports in this form only (plugin/pkg/client/auth/exec/exec.go).
func isCredentialPlugin(err error) bool {
	return strings.Contains(err.Error(), "getting credentials: exec")
}

// isDial tells a failure on the way to the API server: name, connection, TLS,
// or an answer that is none. client-go passes on what net/http returns.
func isDial(err error) bool {
	var (
		dial      *net.OpError
		name      *net.DNSError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		transport *url.Error
	)
	return errors.As(err, &transport) || errors.As(err, &dial) || errors.As(err, &name) || errors.As(err, &authority) ||
		errors.As(err, &host) || errors.As(err, &invalid)
}
