package clienttrust

import (
	"bytes"
	"crypto/x509"
	"slices"
)

// judgeChromium is Chromium's own verifier (net/cert). What it shows of several
// errors is the worst (MapCertStatusToNetError): a certificate that is invalid,
// one that is not trusted, a wrong name, the time. Of the rules of a path it
// reports the time before the others, and those of BoringSSL about addresses are
// not its own.
func judgeChromium(t *trial) Cause {
	switch {
	case !t.anchored:
		return t.untrusted()
	case t.alone() && !selfSigned(t.leaf()):
		return UnknownIssuer
	case t.alone() && !t.leaf().IsCA:
		return BadCA // it is trusted to sign, and may not
	case t.badSignature():
		return BadSignature
	}
	times := t.times()
	if len(times) == 0 {
		switch {
		case !servesWeb(t.leaf()):
			return WrongUsage
		case t.lacksCA():
			return BadCA
		}
		if cause := t.constraints(true, false); cause != Accepted {
			return cause
		}
	}
	switch {
	case !t.named():
		return t.wrongName()
	case len(times) > 0:
		return times[0]
	}
	return Accepted
}

// alone tells of a leaf that is trusted itself.
func (t *trial) alone() bool { return t.anchored && len(t.path) == 1 }

// chromiumText is the code that the page of the error shows.
func chromiumText(_ *trial, cause Cause) string {
	switch cause {
	case WrongName, NoAddress, NoSAN:
		return "ERR_CERT_COMMON_NAME_INVALID"
	case Expired, NotYetValid:
		return "ERR_CERT_DATE_INVALID"
	case WrongUsage, BadCA, OutsideConstraints, Excluded:
		return "ERR_CERT_INVALID"
	}
	return "ERR_CERT_AUTHORITY_INVALID"
}

// judgeFirefox is mozilla::pkix: the path to a root with its rules, then what a
// person may let pass, the name before the time.
func judgeFirefox(t *trial) Cause {
	switch {
	case !t.anchored && t.namesake():
		return BadSignature // it goes by the name, not by the key's identifier
	case !t.anchored:
		return t.untrusted()
	case t.leaf().IsCA:
		return CAAsServer
	case !servesWeb(t.leaf()):
		return WrongUsage
	case t.lacksCA():
		return BadCA
	}
	if cause := t.constraints(true, false); cause != Accepted {
		return cause
	}
	if t.badSignature() {
		return BadSignature
	}
	if !t.named() {
		return t.wrongName()
	}
	if times := t.times(); len(times) > 0 {
		return times[0]
	}
	return Accepted
}

// namesake tells of a root with the name of the issuer that was looked for.
func (t *trial) namesake() bool {
	last := t.path[len(t.path)-1]
	return slices.ContainsFunc(t.roots, func(root *x509.Certificate) bool {
		return bytes.Equal(root.RawSubject, last.RawIssuer)
	})
}

// firefoxText is the code that the page of the error shows.
func firefoxText(t *trial, cause Cause) string {
	switch cause {
	case SelfSigned:
		return "MOZILLA_PKIX_ERROR_SELF_SIGNED_CERT"
	case BadSignature:
		return "SEC_ERROR_BAD_SIGNATURE"
	case WrongName, NoAddress, NoSAN:
		return "SSL_ERROR_BAD_CERT_DOMAIN"
	case Expired:
		if t.now.After(t.leaf().NotAfter) {
			return "SEC_ERROR_EXPIRED_CERTIFICATE"
		}
		return "SEC_ERROR_EXPIRED_ISSUER_CERTIFICATE"
	case NotYetValid:
		if t.now.Before(t.leaf().NotBefore) {
			return "MOZILLA_PKIX_ERROR_NOT_YET_VALID_CERTIFICATE"
		}
		return "MOZILLA_PKIX_ERROR_NOT_YET_VALID_ISSUER_CERTIFICATE"
	case CAAsServer:
		return "MOZILLA_PKIX_ERROR_CA_CERT_USED_AS_END_ENTITY"
	case WrongUsage:
		return "SEC_ERROR_INADEQUATE_CERT_TYPE"
	case OutsideConstraints, Excluded:
		return "SEC_ERROR_CERT_NOT_IN_NAME_SPACE"
	case BadCA:
		for _, issuer := range t.path[1:] {
			if mayNotSign(issuer) {
				return "SEC_ERROR_INADEQUATE_KEY_USAGE"
			}
		}
		return "SEC_ERROR_CA_CERT_INVALID"
	}
	return "SEC_ERROR_UNKNOWN_ISSUER"
}
