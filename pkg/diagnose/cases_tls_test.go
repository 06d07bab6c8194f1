package diagnose

import (
	"context"
	"crypto/x509"
	"errors"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

func tunnelExamples() []example {
	fails := func(err error) change { return each(isAny, dialled(err)) }
	odd := each(func(r *Road) bool { return r.Pod == "gateway-b" }, func(r *Road) { r.Handshake.Chain = below(ourCA).chain() })
	return []example{
		finds("KFT205", "upgrade that a tunnel needs is refused", fails(fault.New(fault.Unreachable, "", "websocket: bad handshake"))),
		clears("KFT205", Passed, fails(fault.New(fault.Unreachable, "", "error dialing backend: no route to host"))),
		clears("KFT205", Passed),
		finds("KFT402", "could not carry a connection", fails(fault.New(fault.Unreachable, "", "error dialing backend: no route to host"))),
		clears("KFT402", Passed),
		finds("KFT403", "do not serve the same", odd),
		finds("KFT403", "do not serve the same", each(func(r *Road) bool { return r.Pod == "gateway-b" }, broken(Handshake{Err: errReset, Cut: true}))),
		clears("KFT403", Passed),
		finds("KFT401", "nothing listens on the port", each(isTLS, broken(Handshake{Err: errInPod}))),
		clears("KFT401", Passed),
	}
}

// clientHas gives the user's clients other roots.
func clientHas(from string, roots ...*x509.Certificate) change {
	return func(f *Facts) {
		f.Computer.Roots, f.Computer.RootCertificates, f.Computer.RootsFrom = pool(roots), roots, from
	}
}

// system are the roots of a computer that knows none of ours; the CA is not ours
// to tell of either.
func system(f *Facts) {
	f.Computer.Roots, f.Computer.RootCertificates, f.Computer.RootsFrom = pool(nil), nil, "the roots of this computer"
	f.Objects.CA = absent[*corev1ConfigMap]("kftls-ca")
}

func tlsExamples() []example {
	selfSigned := sign(nil, newKey(), leafTemplate())
	again := newCA("kftls CA")
	stranger := newCA("somebody's CA")
	middle := sign(stranger, newKey(), &x509.Certificate{
		Subject: nameOf("somebody's intermediate"), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	strangers, deep := below(stranger), below(middle)
	constrained := newCA("constrained", func(c *x509.Certificate) {
		c.PermittedDNSDomainsCritical, c.PermittedDNSDomains = true, []string{"example.com"}
	})
	oldCA := newCA("old", until(now.Add(-time.Hour)))
	client := below(ourCA, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	weak := sign(ourCA, weakKey(), leafTemplate())
	letsEncrypt := clientHas("the roots of this computer", stranger.certificate)
	withoutSecret := func(f *Facts) { f.Objects.Secrets[ourSecret] = absent[*SecretFacts]("x") }
	relaxed := func(f *Facts) { // a certificate of somebody's, and nothing that says whom to trust
		f.Aim.Expect = ExpectNothing
		system(f)
		f.Computer.Roots = nil
	}
	wrongOrder := []*x509.Certificate{deep.certificate, stranger.certificate, middle.certificate}
	return []example{
		finds("KFT501", `signed by "CN=somebody's CA"`, system, serves(strangers.chain()...)),
		finds("KFT501", `signed by "CN=somebody's CA"`, relaxed, serves(strangers.chain()...)).as(Warning),
		clears("KFT501", Passed),
		clears("KFT501", Skipped, https(), plainOnly),
		finds("KFT502", "sends its own certificate alone", system, serves(strangers.certificate)),
		finds("KFT502", "ends before its CA", system, serves(deep.certificate, middle.certificate)),
		clears("KFT502", Passed, system, serves(strangers.chain()...)),
		clears("KFT502", Passed, letsEncrypt, serves(strangers.certificate)),
		finds("KFT503", "vouches for itself alone", system, serves(selfSigned.certificate)),
		finds("KFT503", "vouches for itself alone", relaxed, serves(selfSigned.certificate)).as(Warning),
		clears("KFT503", Passed),
		clears("KFT503", Passed, system, serves(strangers.chain()...)),
		clears("KFT503", Passed, clientHas("ca.crt", selfSigned.certificate), serves(selfSigned.certificate)),
		finds("KFT504", "no subjectAltName", serves(below(ourCA, named()).chain()...)),
		clears("KFT504", Passed),
		finds("KFT505", "is for kubeflow.example.com, not for localhost", serves(below(ourCA, named("kubeflow.example.com")).chain()...)),
		finds("KFT505", "not for kubeflow.example.com", to(far)),
		clears("KFT505", Passed, to(far), serves(below(ourCA, named("*.example.com")).chain()...)),
		clears("KFT505", Passed),
		finds("KFT506", "is not for the address 127.0.0.1, only for localhost", to("https://127.0.0.1:8443"), serves(below(ourCA, named("localhost")).chain()...)),
		finds("KFT506", "has 127.0.0.1 among its DNS names", to("https://127.0.0.1:8443"), serves(below(ourCA, named("127.0.0.1")).chain()...)),
		clears("KFT506", Passed, to("https://127.0.0.1:8443")),
		clears("KFT506", Skipped),
		finds("KFT507", "has expired on", serves(below(ourCA, until(now.Add(-time.Hour))).chain()...)),
		clears("KFT507", Passed),
		clears("KFT507", Skipped, plainOnly),
		finds("KFT508", "is valid from", serves(below(ourCA, from(now.Add(time.Hour))).chain()...)),
		clears("KFT508", Passed),
		finds("KFT509", "has the name of the issuer and another key", clientHas("ca.crt", again.certificate), serves(ourLeaf.chain()...)),
		finds("KFT509", "has the name of the issuer and another key", clientHas("ca.crt", again.certificate), serves(ourLeaf.certificate)),
		clears("KFT509", Passed),
		clears("KFT509", Passed, clientHas("ca.crt", stranger.certificate), serves(ourLeaf.chain()...)),
		finds("KFT510", "may not be used by servers", serves(client.chain()...)),
		clears("KFT510", Passed),
		clears("KFT510", Passed, serves(below(ourCA, func(c *x509.Certificate) { c.ExtKeyUsage = nil }).chain()...)),
		finds("KFT511", "certificate 1 of the chain is signed by", clientHas("ca.crt", stranger.certificate), serves(wrongOrder...)),
		clears("KFT511", Passed),
		clears("KFT511", Skipped, plainOnly),
		finds("KFT512", "an RSA key of 1024 bits", serves(weak.chain()...)),
		clears("KFT512", Passed),
		finds("KFT513", "its CA may not sign for", clientHas("ca.crt", constrained.certificate), serves(below(constrained).chain()...)),
		clears("KFT513", Passed),
		clears("KFT513", Passed, clientHas("ca.crt", constrained.certificate), serves(below(constrained, named("kubeflow.example.com")).chain()...)),
		finds("KFT514", "still serves a certificate whose Secret is gone", withoutSecret),
		finds("KFT514", "serves another certificate than Secret istio-system/kftls-gateway", serves(below(ourCA).chain()...)),
		clears("KFT514", Passed),
		clears("KFT514", Unknown, func(f *Facts) { f.Objects.Secrets[ourSecret] = unread[*SecretFacts]() }),
		clears("KFT514", Skipped, secret(map[string][]byte{"tls.crt": []byte("x"), "tls.key": []byte("x")})),
		finds("KFT515", "refuses clients without a certificate", each(isTLS, broken(Handshake{Err: errors.New("remote error: tls: certificate required"), WantsClient: true}))),
		clears("KFT515", Passed),
		finds("KFT516", "closed before a certificate is shown", cut),
		finds("KFT516", "closed before a certificate is shown", each(isTLS, broken(Handshake{Err: context.DeadlineExceeded, TimedOut: true}))),
		clears("KFT516", Passed),
		finds("KFT517", "no TLS version or cipher in common", each(isTLS, broken(Handshake{Err: errors.New("remote error: tls: protocol version not supported")}))),
		clears("KFT517", Passed),
		finds("KFT518", `the CA "CN=old" has expired`, clientHas("ca.crt", oldCA.certificate), serves(below(oldCA).chain()...)),
		clears("KFT518", Passed),
		finds("KFT609", "does not pass connections on to it", to(far), each(isOwn, func(r *Road) { r.Handshake.Chain = strangers.chain(); r.Handshake.Trust = x509.UnknownAuthorityError{} })),
		finds("KFT609", "does not pass connections on to it", to(far), each(isOwn, broken(Handshake{Err: errReset, Cut: true}))),
		clears("KFT609", Skipped, to(local)),
		clears("KFT609", Skipped, to(far), cut),
		clears("KFT609", Passed, to(far)),
	}
}
