package ca

import (
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"strings"
)

// oidBasicConstraints is id-ce-basicConstraints of RFC 5280, section 4.2.1.9.
var oidBasicConstraints = asn1.ObjectIdentifier{2, 5, 29, 19}

// Lax lists what strict clients miss in the certificates of an authority that
// somebody else made, each as a sentence. RFC 5280 asks for all of it;
// VERIFY_X509_STRICT of OpenSSL enforces it, the default of Python since 3.13
// (https://docs.python.org/3/whatsnew/3.13.html#ssl).
func (a *Authority) Lax() []string {
	var found []string
	for _, c := range slices.Backward(a.chain()) {
		var missing []string
		add := func(isMissing bool, what string) {
			if isMissing {
				missing = append(missing, what)
			}
		}
		add(len(c.SubjectKeyId) == 0, "a subject key identifier")
		add(len(c.AuthorityKeyId) == 0 && !c.Equal(a.Certificate), "an authority key identifier")
		add(c.KeyUsage == 0, "a key usage")
		add(!hasCriticalBasicConstraints(c), "critical basic constraints")
		if len(missing) > 0 {
			found = append(found, "the certificate "+describe(c)+" lacks "+strings.Join(missing, ", "))
		}
	}
	return found
}

func hasCriticalBasicConstraints(c *x509.Certificate) bool {
	for _, extension := range c.Extensions {
		if extension.Id.Equal(oidBasicConstraints) {
			return extension.Critical
		}
	}
	return false
}
