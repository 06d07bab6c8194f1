package clienttrust

import "strings"

// The order of OpenSSL's checks is that of verify_chain in
// https://github.com/openssl/openssl/blob/openssl-3.0/crypto/x509/x509_vfy.c:
// the way to a root, usage, the name where the client gave one, signatures and
// times from the root down, constraints.

// opensslChain goes through them until one fails. name is the check of the name,
// nil where the client checks it afterwards.
func (t *trial) opensslChain(name func() Cause) Cause {
	if !t.anchored {
		return t.untrusted()
	}
	if cause := t.opensslPath(name); cause != Accepted {
		return cause
	}
	return t.constraints(true, t.client.options.commonName)
}

// opensslPath is what comes between the way to a root and the constraints.
func (t *trial) opensslPath(name func() Cause) Cause {
	switch {
	case !servesWeb(t.leaf()):
		return WrongUsage
	case t.lacksCA():
		return BadCA
	case t.client.options.strict && t.lacksKeyID() != "":
		return MissingExtension
	}
	if name != nil {
		if cause := name(); cause != Accepted {
			return cause
		}
	}
	if t.badSignature() {
		return BadSignature
	}
	if times := t.times(); len(times) > 0 {
		return times[0]
	}
	return Accepted
}

// lacksCA tells of an issuer that says it is none.
func (t *trial) lacksCA() bool {
	for _, issuer := range t.path[1:] {
		if issuer.BasicConstraintsValid && !issuer.IsCA {
			return true
		}
	}
	return false
}

// lacksKeyID is what VERIFY_X509_STRICT, the default of Python since 3.13, minds
// most often, in OpenSSL's words.
func (t *trial) lacksKeyID() string {
	for _, c := range t.path {
		switch {
		case c.IsCA && len(c.SubjectKeyId) == 0:
			return "Missing Subject Key Identifier"
		case len(c.AuthorityKeyId) == 0 && !selfSigned(c):
			return "Missing Authority Key Identifier"
		}
	}
	return ""
}

// judgeCurl checks the name itself when the chain is good. It takes that of the
// subject, even for an address, where there are no SANs at all.
func judgeCurl(t *trial) Cause {
	cause := t.opensslChain(nil)
	if cause != Accepted || t.named() {
		return cause
	}
	if cause = t.wrongName(); cause == NoSAN && t.commonNameMatches() {
		return Accepted
	}
	return cause
}

// judgePython gives OpenSSL the name to check.
func judgePython(t *trial) Cause { return t.opensslChain(t.opensslName) }

// opensslName is X509_check_host: the subject's name counts where no DNS SAN is,
// unless the client forbids it, and never for an address.
func (t *trial) opensslName() Cause {
	if t.named() || t.client.options.commonName && !t.isIP() && t.subjectNames() {
		return Accepted
	}
	return t.wrongName()
}

// subjectNames tells of a leaf without DNS SANs that has the host as its
// subject's name.
func (t *trial) subjectNames() bool { return len(t.leaf().DNSNames) == 0 && t.commonNameMatches() }

// opensslWords are X509_verify_cert_error_string's. OpenSSL 3 changed two of
// them; what was forked off before still has the old ones.
func opensslWords(t *trial, cause Cause) string {
	words := openssl3Words(t, cause)
	switch name := family(t.client.Library); {
	case name == "LibreSSL", name == "BoringSSL", strings.HasPrefix(t.client.Library, "OpenSSL/1."):
		words = strings.Replace(words, "self-signed", "self signed", 1)
		words = strings.Replace(words, "unsuitable", "unsupported", 1)
	}
	return words
}

func openssl3Words(t *trial, cause Cause) string {
	switch cause {
	case UnknownIssuer:
		if len(t.path) > 1 && contains(t.roots, t.path[len(t.path)-1]) {
			return "unable to get issuer certificate" // of a CA that is trusted, but is not the end
		}
		return "unable to get local issuer certificate"
	case SelfSignedInChain:
		return "self-signed certificate in certificate chain"
	case SelfSigned:
		return "self-signed certificate"
	case BadSignature:
		return "certificate signature failure"
	case BadCA:
		return "invalid CA certificate"
	case MissingExtension:
		return t.lacksKeyID()
	case Expired:
		return "certificate has expired"
	case NotYetValid:
		return "certificate is not yet valid"
	case WrongUsage:
		return "unsuitable certificate purpose"
	case OutsideConstraints:
		return "permitted subtree violation"
	case Excluded:
		return "excluded subtree violation"
	}
	return ""
}
