package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// transport is a failed request as net/http returns it.
func transport(err error) error {
	return &url.Error{Op: "Get", URL: "https://api.example.com/version", Err: err}
}

// waited is a time-out of package net.
type waited struct{ error }

func (waited) Timeout() bool   { return true }
func (waited) Temporary() bool { return true }

func TestExplain(t *testing.T) {
	secrets := schema.GroupResource{Resource: "secrets"}
	tests := []struct {
		name string
		err  error
		want fault.Reason
		hint string
	}{
		{"forbidden", apierrors.NewForbidden(secrets, "a", errors.New("no")), fault.Forbidden, "kubectl auth can-i --list -n NAMESPACE"},
		{"unauthorized", apierrors.NewUnauthorized("no"), fault.Unauthorized, "kubectl auth whoami"},
		{"a credential plugin", transport(errors.New("getting credentials: exec: executable aws not found")), fault.Unauthorized, "kubectl auth whoami"},
		{"conflict", apierrors.NewConflict(secrets, "a", errors.New("stale")), fault.Conflict, "run the command again"},
		{"made meanwhile", apierrors.NewAlreadyExists(secrets, "a"), fault.Conflict, "run the command again"},
		{"not found", apierrors.NewNotFound(secrets, "a"), fault.NotFound, ""},
		{"the API server timed out", apierrors.NewTimeoutError("slow", 1), fault.Timeout, "--request-timeout"},
		{"the API server says to wait", apierrors.NewServerTimeout(secrets, "get", 1), fault.Timeout, "--request-timeout"},
		{"deadline", transport(context.DeadlineExceeded), fault.Timeout, "--request-timeout"},
		{"a dial that timed out", transport(&net.OpError{Op: "dial", Err: waited{errors.New("i/o timeout")}}), fault.Timeout, "--request-timeout"},
		{"one wrapped further", fmt.Errorf("open: %w", &net.OpError{Op: "dial", Err: waited{errors.New("i/o timeout")}}), fault.Timeout, "--request-timeout"},
		{"Ctrl-C", transport(context.Canceled), fault.Interrupted, ""},
		{"refused", transport(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), fault.Unreachable, "kubectl get --raw /readyz"},
		{"refused, without a request", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, fault.Unreachable, "kubectl get --raw /readyz"},
		{"no such host", transport(&net.DNSError{Err: "no such host", Name: "api.example.com"}), fault.Unreachable, "kubectl config current-context"},
		{"reset", transport(&net.OpError{Op: "read", Err: syscall.ECONNRESET}), fault.Unreachable, "kubectl get --raw /readyz"},
		{"hung up", transport(io.EOF), fault.Unreachable, "kubectl get --raw /readyz"},
		{"no HTTP", transport(errors.New("malformed HTTP response")), fault.Unreachable, "kubectl get --raw /readyz"},
		{"no TLS", transport(tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}), fault.Unreachable, "kubectl get --raw /readyz"},
		{"unknown CA", transport(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), fault.Unreachable, "kubectl config current-context"},
		{"wrong name", x509.HostnameError{Certificate: &x509.Certificate{}, Host: "a"}, fault.Unreachable, "kubectl config current-context"},
		{"expired", x509.CertificateInvalidError{Reason: x509.Expired}, fault.Unreachable, "kubectl config current-context"},
		{"shutting down", apierrors.NewServiceUnavailable("down"), fault.Unreachable, "kubectl get --raw /readyz"},
		{"a webhook refused", apierrors.NewBadRequest(`admission webhook "policy.example.com" denied the request: no`), fault.Admission, "ask who keeps the webhook (whose it is: kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations "},
		{"a webhook hangs", apierrors.NewInternalError(errors.New(`failed calling webhook "policy.example.com": failed to call webhook: context deadline exceeded`)), fault.Admission, "the webhook must answer first"},
		{"istiod is away", apierrors.NewInternalError(errors.New(`failed calling webhook "rev.validation.istio.io": failed to call webhook: connection refused`)), fault.Admission, "it is istiod's: kubectl get pods -A -l app=istiod"},
		{"a quota is used up", apierrors.NewForbidden(secrets, "a", errors.New("exceeded quota: team, requested: count/secrets=1, used: count/secrets=1, limited: count/secrets=1")), fault.Admission, "kubectl get resourcequota -A --field-selector metadata.name=team"},
		{"a policy", apierrors.NewForbidden(secrets, "a", errors.New("ValidatingAdmissionPolicy 'no-secrets' with binding 'all' denied request: no")), fault.Admission, "kubectl get validatingadmissionpolicy no-secrets -o yaml"},
		{"a webhook's words of somebody else", errors.New(`failed calling webhook "a.example.com"`), fault.Internal, ""},
		{"a proxy before it", apierrors.NewGenericServerResponse(http.StatusBadGateway, "GET", secrets, "a", "no upstream", 0, true), fault.Unreachable, "kubectl get --raw /readyz"},
		{"too much to do", apierrors.NewTooManyRequestsError("wait"), fault.Unreachable, "run the command again in a minute"},
		{"anything", errors.New("x"), fault.Internal, ""},
		{"known already", fault.New(fault.NoReadyPod, "wait", "none is ready"), fault.NoReadyPod, "wait"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := Explain(test.err, "read Secret %s/%s", "ns", "a")
			if fault.ReasonOf(got) != test.want {
				t.Errorf("reason %q, want %q", fault.ReasonOf(got), test.want)
			}
			if hint := fault.HintOf(got); !strings.Contains(hint, test.hint) || (hint == "") != (test.hint == "") {
				t.Errorf("hint %q, want %q in it", hint, test.hint)
			}
			if want := "read Secret ns/a: " + test.err.Error(); got.Error() != want || !errors.Is(got, test.err) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	if Explain(nil, "read") != nil {
		t.Error("nil did not stay nil")
	}
}
