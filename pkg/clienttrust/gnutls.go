package clienttrust

// judgeGnuTLS is the chain as gnutls_certificate_verify_peers2 sees it, then
// the name. The usage of the leaf is looked at only before the subject's name is
// taken (gnutls_x509_crt_check_hostname2).
func judgeGnuTLS(t *trial) Cause {
	switch {
	case !t.anchored:
		return t.untrusted()
	case t.badSignature():
		return BadSignature
	case t.lacksCA():
		return BadCA
	}
	if cause := t.constraints(true, true); cause != Accepted {
		return cause
	}
	if times := t.times(); len(times) > 0 {
		return times[0]
	}
	if t.named() || t.wrongName() == NoSAN && !t.isIP() && t.commonNameMatches() && servesWeb(t.leaf()) {
		return Accepted
	}
	return t.wrongName()
}

// wgetGnuTLSText is the line of wget that is about the cause. It prints several.
func wgetGnuTLSText(t *trial, cause Cause) string {
	whose := "ERROR: The certificate of '" + t.host + "' "
	switch cause {
	case UnknownIssuer, SelfSignedInChain, SelfSigned:
		return whose + "doesn't have a known issuer."
	case Expired:
		return whose + "has expired."
	case NotYetValid:
		return whose + "is not yet activated."
	case BadCA:
		return "ERROR: The certificate signer of '" + t.host + "' was not a CA."
	case WrongName, NoAddress, NoSAN:
		return "The certificate's owner does not match hostname '" + t.host + "'"
	}
	return whose + "is not trusted."
}

// curlGnuTLSText is the beginning of what libcurl says with GnuTLS.
func curlGnuTLSText(_ *trial, cause Cause) string {
	switch cause {
	case WrongName, NoAddress, NoSAN:
		return "curl: (60) SSL: certificate subject name "
	}
	return "curl: (60) server certificate verification failed"
}
