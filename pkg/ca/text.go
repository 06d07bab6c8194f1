package ca

import (
	"crypto/x509"
	"fmt"
	"strings"
	"time"
)

// Text describes a certificate for people, one property a line, without a
// newline at the end: subject, issuer, names, constraints, dates, key, serial
// number and fingerprint.
func Text(c *x509.Certificate) string {
	var b strings.Builder
	line := func(label, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-13s%s\n", label+":", value)
		}
	}
	line("Subject", c.Subject.String())
	line("Issuer", issuerText(c))
	line("Names", strings.Join(NamesOf(c).Strings(), ", "))
	if c.IsCA {
		line("Constraints", authorityConstraintText(c))
	}
	line("Not before", c.NotBefore.UTC().Format(time.RFC3339))
	line("Not after", c.NotAfter.UTC().Format(time.RFC3339))
	line("Key", string(AlgorithmOf(c.PublicKey)))
	line("Serial", fmt.Sprintf("%032x", c.SerialNumber))
	line("Fingerprint", Fingerprint(c))
	return strings.TrimSuffix(b.String(), "\n")
}

func issuerText(c *x509.Certificate) string {
	if c.Issuer.String() == c.Subject.String() {
		return "itself"
	}
	return c.Issuer.String()
}

func authorityConstraintText(c *x509.Certificate) string {
	text := constraintText(c)
	if text == "none" {
		return "none: it can sign for every name"
	}
	if !c.PermittedDNSDomainsCritical {
		text += " (not critical)"
	}
	return text
}
