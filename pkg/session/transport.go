package session

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// transportFailure explains a request that got no answer. A failure of the road
// that has a reason of its own keeps it.
func transportFailure(ctx context.Context, k call, err error) error {
	doing := fmt.Sprintf("%s: %s %s", k.stage, k.method, shown(k.url))
	if _, known := errors.AsType[*fault.Error](err); known {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, context.Cause(ctx))
	}
	_, unverified := errors.AsType[*tls.CertificateVerificationError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, notTLS := errors.AsType[tls.RecordHeaderError](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fault.New(fault.Timeout, "try again; kubectl kftls status says what stands", "%s: no answer within %s", doing, requestTimeout)
	case unverified || unknown:
		return fault.New(fault.Certificate, "name the CA that signed Kubeflow's certificate: --ca-file FILE; or, knowing what it means, --insecure",
			"%s: %w", doing, err)
	case notTLS || errors.Is(err, http.ErrSchemeMismatch):
		return fault.New(fault.Certificate, "come by http, or to the port that speaks TLS", "%s: the port speaks no TLS: %w", doing, err)
	}
	return fault.New(fault.Unreachable, "kubectl kftls status says what stands", "%s: %w", doing, err)
}
