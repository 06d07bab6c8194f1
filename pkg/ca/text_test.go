package ca

import (
	"fmt"
	"testing"
)

func TestText(t *testing.T) {
	names := mustNames(t, "localhost", "*.example.com", "127.0.0.1", "::1")
	a := mustAuthority(t, AuthorityOptions{Permit: names})
	l := mustLeaf(t, a, LeafOptions{Names: names})
	exact := mustAuthority(t, AuthorityOptions{Permit: names, ConstrainIPs: true})
	open := mustAuthority(t, AuthorityOptions{Permit: names, Unconstrained: true, KeyAlgorithm: ECDSAP384})
	notCritical := mustAuthority(t, AuthorityOptions{Permit: names})
	notCritical.Certificate.PermittedDNSDomainsCritical = false

	authority := func(a *Authority, constraints, key string) string {
		return fmt.Sprintf(`Subject:     %s
Issuer:      itself
Constraints: %s
Not before:  2026-11-23T10:00:00Z
Not after:   2036-11-20T11:00:00Z
Key:         %s
Serial:      %032x
Fingerprint: %s`, a.Certificate.Subject, constraints, key, a.Certificate.SerialNumber, a.Fingerprint())
	}
	for name, tt := range map[string]struct{ got, want string }{
		"CA":              {Text(a.Certificate), authority(a, "permitted: localhost, example.com", "ecdsa-p256")},
		"exact addresses": {Text(exact.Certificate), authority(exact, "permitted: localhost, example.com, 127.0.0.1/32, ::1/128", "ecdsa-p256")},
		"unconstrained":   {Text(open.Certificate), authority(open, "none: it can sign for every name", "ecdsa-p384")},
		"not critical":    {Text(notCritical.Certificate), authority(notCritical, "permitted: localhost, example.com (not critical)", "ecdsa-p256")},
		"leaf": {Text(l.Certificate), fmt.Sprintf(`Subject:     CN=localhost
Issuer:      %s
Names:       localhost, *.example.com, 127.0.0.1, ::1
Not before:  2026-11-23T10:00:00Z
Not after:   2027-12-25T09:59:59Z
Key:         ecdsa-p256
Serial:      %032x
Fingerprint: %s`, a.Certificate.Subject, l.Certificate.SerialNumber, l.Fingerprint())},
	} {
		if tt.got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, tt.got, tt.want)
		}
	}
}
