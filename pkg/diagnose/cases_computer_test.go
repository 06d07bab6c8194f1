package diagnose

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
)

// env sets variables of this computer.
func env(pairs ...string) change {
	return func(f *Facts) { f.Computer.Env = envOf(pairs...) }
}

func envOf(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// file puts a file on this computer.
func file(name, text string) change {
	return func(f *Facts) {
		before := f.Computer.ReadFile
		f.Computer.ReadFile = func(asked string) ([]byte, error) {
			if asked == name {
				return []byte(text), nil
			}
			return before(asked)
		}
	}
}

var (
	errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	errReset   = &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	errNoName  = &net.DNSError{Err: "no such host", Name: "kubeflow.example.com", IsNotFound: true}
	errInPod   = &portforward.RemoteError{Target: portforward.Target{Namespace: "istio-system", Pod: "gateway-a", Port: 8443}, Text: "dial tcp4 127.0.0.1:8443: connect: connection refused"}
)

const (
	local = "https://localhost:8443"
	far   = "https://kubeflow.example.com"
)

// skewed is a road whose clock is off.
func skewed(d time.Duration) change {
	return each(isAny, func(r *Road) { r.Date, r.HasDate = d, true })
}

func computerExamples() []example {
	ownCut := each(isOwn, broken(Handshake{Err: errReset, Cut: true}))
	return []example{
		finds("KFT101", "no port-forward is running", to(local), each(isOwn, dialled(errRefused))),
		finds("KFT101", "load balancer or node port", to(far), each(isOwn, dialled(errRefused))),
		clears("KFT101", Passed, to(local)),
		clears("KFT101", Skipped),
		finds("KFT115", "runs in WSL", to(local), each(isOwn, dialled(errRefused)), env("WSL_DISTRO_NAME", "Debian")),
		clears("KFT115", Passed, to(local), each(isOwn, dialled(errRefused))),
		clears("KFT115", Passed, to(far), each(isOwn, dialled(errRefused)), env("SSH_CONNECTION", "x")),
		finds("KFT102", "kubeflow.example.com", to(far), each(isOwn, dialled(errNoName))),
		clears("KFT102", Passed, to(far)),
		clears("KFT102", Skipped),
		finds("KFT103", "to the proxy proxy.example.com:3128", to(local), env("https_proxy", "http://proxy.example.com:3128"),
			each(isOwn, func(r *Road) { r.ProxyErr = errReset })),
		clears("KFT103", Passed, to(local), env("https_proxy", "http://proxy.example.com:3128")),
		finds("KFT103", "does not lead to kubeflow.example.com", to(far), env("HTTPS_PROXY", "http://proxy.example.com:3128"),
			each(isOwn, func(r *Road) { r.Proxy = "proxy.example.com:3128"; dialled(errReset)(r) })),
		clears("KFT103", Passed, to(far), env("HTTPS_PROXY", "http://proxy.example.com:3128")),
		clears("KFT103", Passed, to(local), env("HTTPS_PROXY", "http://proxy.example.com:3128", "NO_PROXY", "example.org,localhost")),
		clears("KFT103", Skipped),
		finds("KFT104", "REQUESTS_CA_BUNDLE names /gone.pem", env("REQUESTS_CA_BUNDLE", "/gone.pem")),
		finds("KFT104", "SSL_CERT_FILE names /text", env("SSL_CERT_FILE", "/text"), file("/text", "no certificate")),
		clears("KFT104", Passed, env("CURL_CA_BUNDLE", "/ca.pem"), file("/ca.pem", string(pemOf(ourCA.certificate)))),
		clears("KFT104", Passed, env("REQUESTS_CA_BUNDLE", "/etc/ssl/certs"), func(f *Facts) {
			f.Computer.ReadFile = func(string) ([]byte, error) { return nil, errors.New("read /etc/ssl/certs: is a directory") }
		}),
		finds("KFT105", "differ by", skewed(2*time.Hour)),
		finds("KFT105", "differ by", skewed(-5*time.Minute)).as(Warning),
		clears("KFT105", Passed, skewed(20*time.Second)),
		clears("KFT105", Skipped),
		finds("KFT106", "another certificate than the gateway", to(local), each(isOwn, func(r *Road) { r.Handshake.Chain = below(newCA("other")).chain() })),
		finds("KFT106", "another program", to(local), each(isOwn, func(r *Road) {
			broken(Handshake{Err: errors.New("tls: first record does not look like a TLS handshake"), Plain: "HTTP/"})(r)
			r.plainServer = "nginx"
		})),
		finds("KFT106", "another program", to("http://localhost:8080"), each(isOwn, func(r *Road) {
			r.Answers = map[string]*Answer{frontPath: answer(200, "text/html", "<title>Welcome to nginx!</title>", "Server", "nginx")}
		})),
		clears("KFT106", Passed, to(local)),
		clears("KFT106", Skipped, to(far)),
		clears("KFT106", Skipped, to(local), ownCut),
		finds("KFT107", "closes connections, while the gateway answers", to(local), ownCut),
		finds("KFT107", "closed the first connection and ended", to("http://localhost:8443"), each(isOwn, func(r *Road) { failed(errReset)(r); r.endedWithUs = true })),
		clears("KFT107", Passed, to(local)),
		clears("KFT107", Skipped, to(far), ownCut),
		clears("KFT107", Skipped, to(local), each(isTLS, broken(Handshake{Err: errReset, Cut: true}))),
		finds("KFT108", "speaks plain HTTP", to(local), each(isOwn, broken(Handshake{Err: errors.New("tls"), Plain: "HTTP/"}))),
		clears("KFT108", Passed, to(local)),
		clears("KFT108", Skipped, to(local), seen(AnswersPlain)),
		finds("KFT109", "speaks TLS", to("http://localhost:8443"), each(isOwn, func(r *Road) { failed(errReset)(r); r.speaksTLS = true })),
		clears("KFT109", Skipped, to("http://localhost:8443"), each(isOwn, failed(errReset))),
		clears("KFT109", Passed, to("http://localhost:8080")),
		finds("KFT110", "has credentials for localhost", to(local), file("/home/u/.netrc", "machine localhost login u password p")),
		finds("KFT110", "has credentials for localhost", to(local), env("NETRC", "/n"), file("/n", "default login u password p")),
		clears("KFT110", Passed, to(local), file("/home/u/.netrc", "machine example.com login u password p")),
		clears("KFT110", Passed, to(local), file("/home/u/.netrc", "machine example.com login machine password default")),
		clears("KFT110", Passed, to(local)),
		clears("KFT110", Skipped),
		finds("KFT111", "/_/pipeline", to("https://localhost:8443/_/pipeline")),
		clears("KFT111", Passed, to("https://localhost:8443/pipeline")),
		clears("KFT111", Skipped),
		finds("KFT112", "ca.crt cannot be used", func(f *Facts) { f.Computer.CAFile, f.Computer.CAError = "ca.crt", errNoCertificate }),
		clears("KFT112", Passed, func(f *Facts) { f.Computer.CAFile = "ca.crt" }),
		clears("KFT112", Skipped),
		finds("KFT113", "c.txt cannot be used", func(f *Facts) { f.Computer.CookieFile, f.Computer.CookieError = "c.txt", errors.New("no cookie") }),
		clears("KFT113", Passed, func(f *Facts) {
			f.Computer.CookieFile, f.Computer.CookieNames = "c.txt", []string{"oauth2_proxy_kubeflow"}
		}),
		finds("KFT113", "a value without a name", func(f *Facts) {
			f.Computer.CookieFile, f.Computer.CookieNames, f.Computer.CookieIsValue = "c.txt", []string{"oauth2_proxy_kubeflow"}, true
		}).as(Warning),
		clears("KFT113", Skipped),
		finds("KFT114", "no answer from kubeflow.example.com:443", to(far), each(isOwn, dialled(context.DeadlineExceeded))),
		clears("KFT114", Passed, to(far)),
		clears("KFT114", Skipped),
	}
}

func accessExamples() []example {
	fails := func(reason fault.Reason, text string) change {
		return func(f *Facts) {
			f.Objects.Istio = Known[[]string]{Err: fault.New(reason, "", "ask for the API group: %s", text)}
			f.Roads = nil
		}
	}
	noCluster := func(f *Facts) {
		f.Access = Access{Err: fault.New(fault.Usage, "", "read kubeconfig: context %q does not exist", "x"), Wanted: true}
		f.Objects, f.Roads = nil, nil
	}
	noTunnel := each(isAny, dialled(fault.New(fault.Unreachable, "", "open a port-forward to pod istio-system/gateway-a: no")))
	return []example{
		finds("KFT201", "leads to no cluster", noCluster),
		clears("KFT201", Skipped, noCluster, func(f *Facts) { f.Access.Wanted = false }),
		clears("KFT201", Skipped, to(local), withoutCluster),
		clears("KFT201", Passed),
		finds("KFT202", "https://api.test does not answer", fails(fault.Unreachable, "connection refused")),
		finds("KFT202", "https://api.test does not answer", fails(fault.Timeout, "context deadline exceeded")),
		clears("KFT202", Passed),
		clears("KFT202", Passed, fails(fault.Forbidden, "forbidden")),
		clears("KFT202", Skipped, to(local), withoutCluster),
		finds("KFT203", "does not take the credentials of context test", fails(fault.Unauthorized, "Unauthorized")),
		clears("KFT203", Passed),
		clears("KFT203", Skipped, to(local), withoutCluster),
		finds("KFT204", "may not forward ports in namespace istio-system", noTunnel, func(f *Facts) { f.Objects.MayForward = ok(false) }),
		finds("KFT204", "may not forward", each(isAny, dialled(fault.New(fault.Forbidden, "", "pods/portforward is forbidden"))), func(f *Facts) { f.Objects.MayForward = unread[bool]() }),
		clears("KFT204", Passed, noTunnel),
		clears("KFT204", Passed),
		clears("KFT204", Skipped, to(local), withoutCluster),
		finds("KFT206", "context test does not serve Istio", func(f *Facts) { f.Objects.Istio = ok([]string{}) }),
		clears("KFT206", Passed),
		clears("KFT206", Unknown, fails(fault.Forbidden, "forbidden")),
		clears("KFT206", Skipped, to(local), withoutCluster),
		finds("KFT207", "no Gateway kubeflow/kubeflow-gateway", gateways()),
		finds("KFT207", "no Gateway kubeflow/kubeflow-gateway", gateways(otherGateway(time.Hour))),
		finds("KFT207", "no Gateway", func(f *Facts) { f.Objects.Gateways = absent[[]unstructuredObject]("kubeflow-gateway") }),
		clears("KFT207", Passed),
		clears("KFT207", Unknown, func(f *Facts) { f.Objects.Gateways = unread[[]unstructuredObject]() }),
		clears("KFT207", Skipped, to(local), withoutCluster),
	}
}
