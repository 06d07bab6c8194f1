package clienttrust

import (
	"bytes"
	"crypto/x509"
	"slices"
)

const pkixInvalid = "PKIX path validation failed: java.security.cert.CertPathValidatorException: "

// judgeJava is PKIX as JSSE applies it: the constraints of a trust anchor do not
// count, nor does its time.
func judgeJava(t *trial) Cause {
	switch {
	case t.nameless():
		return NoSAN // refused before anything else
	case !t.anchored:
		return t.untrusted()
	case t.badSignature():
		return BadSignature
	}
	if len(t.path) == 1 { // a leaf that is trusted itself is not looked at
		return t.javaEnd()
	}
	for _, c := range t.path[:len(t.path)-1] {
		switch {
		case t.now.Before(c.NotBefore):
			return NotYetValid
		case t.now.After(c.NotAfter):
			return Expired
		}
	}
	if t.lacksCA() {
		return BadCA
	}
	if cause := t.constraints(false, false); cause != Accepted {
		return cause
	}
	return t.javaEnd()
}

// nameless tells of a leaf that no name is in: Java does not parse it.
func (t *trial) nameless() bool {
	leaf := t.leaf()
	return len(leaf.Subject.Names) == 0 && len(leaf.DNSNames) == 0 && len(leaf.IPAddresses) == 0
}

// javaEnd is what is asked of the leaf alone.
func (t *trial) javaEnd() Cause {
	if !servesWeb(t.leaf()) {
		return WrongUsage
	}
	if t.named() || !t.isIP() && t.subjectNames() {
		return Accepted
	}
	return t.wrongName()
}

func javaText(t *trial, cause Cause) string {
	switch cause {
	case UnknownIssuer, SelfSignedInChain, SelfSigned, BadSignature:
		return javaTrust(t)
	case Expired, NotYetValid:
		return pkixInvalid + "validity check failed"
	case WrongUsage:
		return "Extended key usage does not permit use for TLS server authentication"
	case WrongName, NoAddress, NoSAN:
		return javaName(t)
	}
	return "PKIX path "
}

// javaTrust says what comes of a chain without an anchor. Java looks for a root
// by the name of the last issuer; only without one it builds a path
// (sun.security.validator.PKIXValidator).
func javaTrust(t *trial) string {
	last := t.chain[len(t.chain)-1]
	if !slices.ContainsFunc(t.roots, func(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, last.RawIssuer) }) {
		return "PKIX path building failed: sun.security.provider.certpath.SunCertPathBuilderException: " +
			"unable to find valid certification path to requested target"
	}
	if len(t.chain) > 1 {
		return pkixInvalid + "signature check failed"
	}
	return pkixInvalid + "Path does not chain with any of the trust anchors"
}

// javaName is the word of sun.security.util.HostnameChecker.
func javaName(t *trial) string {
	leaf := t.leaf()
	switch {
	case t.nameless():
		return "Failed to parse server certificates"
	case !t.isIP() && len(leaf.DNSNames) > 0:
		return "No subject alternative DNS name matching " + t.host + " found."
	case !t.isIP():
		return "No name matching " + t.host + " found"
	case len(leaf.DNSNames) == 0 && len(leaf.IPAddresses) == 0:
		return "No subject alternative names present"
	}
	return "No subject alternative names matching IP address " + t.host + " found"
}
