package clienttrust

import "crypto/x509"

// judgeBoring is gRPC's BoringSSL: a chain as OpenSSL checks it, but with its
// own rule for addresses, then gRPC's check of the name.
func judgeBoring(t *trial) Cause {
	if last := t.path[len(t.path)-1]; selfSigned(last) && mayNotSign(last) {
		t.path = t.path[:max(1, len(t.path)-1)] // nobody's issuer, not its own either
		return UnknownIssuer
	}
	if !t.anchored {
		return t.untrusted()
	}
	if cause := t.opensslPath(nil); cause != Accepted {
		return cause
	}
	if t.addressBelowConstraint() {
		return AddressConstraint
	}
	if cause := t.constraints(true, false); cause != Accepted {
		return cause
	}
	if t.named() || t.subjectNames() {
		return Accepted
	}
	return t.wrongName()
}

// mayNotSign tells of a key usage without the signing of certificates.
func mayNotSign(c *x509.Certificate) bool {
	return c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0
}

func grpcText(t *trial, cause Cause) string {
	const start = "CERTIFICATE_VERIFY_FAILED: "
	switch cause {
	case WrongName, NoAddress, NoSAN:
		return "Hostname Verification Check failed"
	case AddressConstraint:
		return start + "unsupported name constraint type"
	}
	return start + opensslWords(t, cause)
}
