package clienttrust

// judgeNode lets OpenSSL go on after a failure: the last one stays.
func judgeNode(t *trial) Cause {
	last := Accepted
	keep := func(cause Cause) {
		if cause != Accepted {
			last = cause
		}
	}
	if !t.anchored {
		keep(t.untrusted())
	}
	if !servesWeb(t.leaf()) {
		keep(WrongUsage)
	}
	if t.lacksCA() {
		keep(BadCA)
	}
	if t.badSignature() {
		keep(BadSignature)
	}
	for _, cause := range t.times() {
		keep(cause)
	}
	keep(t.constraints(true, true))
	if last != Accepted || t.named() || !t.isIP() && t.subjectNames() {
		return last
	}
	return t.wrongName()
}

func nodeText(t *trial, cause Cause) string {
	switch cause {
	case UnknownIssuer:
		if len(t.path) == 1 {
			return "unable to verify the first certificate"
		}
	case BadCA:
		for _, c := range t.path[1:] {
			if mayNotSign(c) { // OpenSSL says it of the same CA, later
				return "key usage does not include certificate signing"
			}
		}
	case WrongName, NoAddress, NoSAN:
		return nodeName(t)
	}
	return opensslWords(t, cause)
}

// nodeName is the word of tls.checkServerIdentity, in lib/tls.js.
func nodeName(t *trial) string {
	leaf := t.leaf()
	start := "Hostname/IP does not match certificate's altnames: "
	switch {
	case t.isIP():
		return start + "IP: " + t.host + " is not in the cert's list: "
	case len(leaf.DNSNames) > 0:
		return start + "Host: " + t.host + ". is not in the cert's altnames: "
	case leaf.Subject.CommonName != "":
		return start + "Host: " + t.host + ". is not cert's CN: " + leaf.Subject.CommonName
	}
	return start + "Cert does not contain a DNS name"
}
