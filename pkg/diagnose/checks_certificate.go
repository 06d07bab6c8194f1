package diagnose

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

func certificateChecks() []Check {
	return []Check{
		{
			Code: "KFT507", Title: "the certificate has expired", Layer: LayerTLS, Severity: Error, Causes: []Symptom{Expired, Untrusted}, Look: chainLook(lookExpired),
			Page: Page{
				Means: "A certificate holds until a day that stands in it. That day is over.",
				Shows: []Shown{
					{"curl", "curl: (60) SSL certificate problem: certificate has expired", "measured with curl 7.88"},
					{"Python requests", "certificate verify failed: certificate has expired", "measured with requests 2.34"},
					{"Go", "x509: certificate has expired or is not yet valid: current time … is after …", "measured with Go 1.26"},
					{"browser", "NET::ERR_CERT_DATE_INVALID", "measured with Chromium 156, Firefox ESR 153"},
				},
				Heals: "Have a new one made: kubectl kftls setup (with --force where the certificate is not ours)",
			},
		},
		{
			Code: "KFT508", Title: "the certificate is not valid yet", Layer: LayerTLS, Severity: Error, Causes: []Symptom{NotYetValid}, Needs: []string{"KFT105"}, Look: chainLook(lookNotYet),
			Page: Page{
				Means: "A certificate holds from a moment that stands in it, and that is still to come: it was made by a clock that is ahead, or this computer's is behind.",
				Shows: []Shown{
					{"curl", "curl: (60) SSL certificate problem: certificate is not yet valid", "measured with curl 7.88"},
					{"Go", "x509: certificate has expired or is not yet valid: current time … is before …", "measured with Go 1.26"},
				},
				Heals: "Set the clocks, or have a certificate made by a right one.",
			},
		},
		{
			Code: "KFT504", Title: "the certificate has only a common name", Layer: LayerTLS, Severity: Error, Causes: []Symptom{WrongName}, Look: chainLook(lookCommonName),
			Page: Page{
				Means: "The names that a certificate is for stand in its field subjectAltName. This one has none, only a common name, which Python, Go and browsers have not read for years; curl still does.",
				Shows: []Shown{
					{"Go", "x509: certificate relies on legacy Common Name field, use SANs instead", "measured with Go 1.26"},
					{"Python requests", "Hostname mismatch, certificate is not valid for 'localhost'.", "measured with requests 2.34"},
					{"browser", "NET::ERR_CERT_COMMON_NAME_INVALID", "measured with Chromium 156, Firefox ESR 153"},
				},
				Heals: "Have one made with the names in subjectAltName: kubectl kftls setup --force",
			},
		},
		{
			Code: "KFT506", Title: "the certificate is not for this IP address", Layer: LayerTLS, Severity: Error, Causes: []Symptom{WrongName}, Needs: []string{"KFT504"}, Look: chainLook(lookAddressName),
			Page: Page{
				Means: "Clients that are given an IP address look for it among the IP addresses of the certificate, not among its DNS names.",
				Shows: []Shown{
					{"curl", "curl: (60) SSL: no alternative certificate subject name matches target host name '127.0.0.1'", "measured with curl 7.88"},
					{"Go", "x509: cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs", "measured with Go 1.26"},
				},
				Heals: "Use a name that stands in it, or add the address: kubectl kftls setup --san ADDRESS",
			},
		},
		{
			Code: "KFT505", Title: "the certificate is not for this name", Layer: LayerTLS, Severity: Error, Causes: []Symptom{WrongName}, Needs: []string{"KFT504", "KFT506"}, Look: chainLook(lookOtherName),
			Page: Page{
				Means: "A certificate lists the names that it is for. The one in the address is not among them.",
				Shows: []Shown{
					{"curl", "curl: (60) SSL: no alternative certificate subject name matches target host name 'localhost'", "measured with curl 7.88"},
					{"Python requests", "Hostname mismatch, certificate is not valid for 'localhost'.", "measured with requests 2.34"},
					{"Go", "x509: certificate is valid for kubeflow.example.com, not localhost", "measured with Go 1.26"},
					{"browser", "SSL_ERROR_BAD_CERT_DOMAIN", "measured with Chromium 156, Firefox ESR 153"},
				},
				Heals: "Use a name that stands in it, or add this one: kubectl kftls setup --san NAME",
			},
		},
		{
			Code: "KFT510", Title: "the certificate is not for servers", Layer: LayerTLS, Severity: Error, Causes: []Symptom{BadCertificate}, Look: chainLook(lookUsage),
			Page: Page{
				Means: "A certificate says what it may be used for (extendedKeyUsage). This one leaves out servers (serverAuth).",
				Shows: []Shown{
					{"curl", "curl: (60) SSL certificate problem: unsuitable certificate purpose", "measured with curl 7.88"},
					{"Go", "x509: certificate specifies an incompatible key usage", "measured with Go 1.26"},
				},
				Heals: "Have one made for servers: kubectl kftls setup --force",
			},
		},
		{
			Code: "KFT513", Title: "the certificate breaks its CA's name constraints", Layer: LayerTLS, Severity: Error, Causes: []Symptom{BadCertificate, Untrusted}, Look: chainLook(lookConstraints),
			Page: Page{
				Means: "A CA may be limited to some names. A certificate of it with one other name is refused whole, even when it is asked for a permitted one.",
				Shows: []Shown{
					{"curl", "curl: (60) SSL certificate problem: permitted subtree violation", "measured with curl 7.88"},
					{"Go", `x509: a root or intermediate certificate is not authorized to sign for this name: DNS name "X" is not permitted by any constraint`, "measured with Go 1.26"},
				},
				Heals: "Ask for permitted names alone, or begin anew with a CA for all of them: kubectl kftls teardown; kubectl kftls setup --san NAME",
			},
		},
		{
			Code: "KFT518", Title: "the CA's certificate has expired", Layer: LayerTLS, Severity: Error, Causes: []Symptom{Expired, Untrusted}, Needs: []string{"KFT507"}, Look: chainLook(lookExpiredCA),
			Page: Page{
				Means: "The certificate itself holds, and that of the CA above it does not any more.",
				Shows: []Shown{{"curl", "curl: (60) SSL certificate problem: certificate has expired", "measured with curl 7.88"}},
				Heals: "A new CA is needed, and clients must be given it: kubectl kftls teardown; kubectl kftls setup",
			},
		},
		{
			Code: "KFT512", Title: "the certificate's key or signature is too weak", Layer: LayerTLS, Severity: Error, Causes: append([]Symptom{BadCertificate, Untrusted, NoCommonTLS}, noCertificate...), Look: lookWeak,
			Page: Page{
				Means: "Clients refuse RSA keys below 2,048 bits and signatures by SHA-1 or MD5: both can be forged.",
				Shows: []Shown{{"curl", "curl: (60) SSL certificate problem: EE certificate key too weak", "not produced, known from reports"}},
				Heals: "Have one made with a key of today: kubectl kftls setup --force",
			},
		},
	}
}

// chainLook is a check of what is served on the road that counts.
func chainLook(look func(*Facts, *Road, *x509.Certificate) Result) func(context.Context, *Facts) Result {
	return func(_ context.Context, f *Facts) Result {
		r := f.tlsRoad()
		if r == nil {
			return skipped("no certificate was served")
		}
		return look(f, r, r.Handshake.Chain[0])
	}
}

func lookExpired(f *Facts, r *Road, leaf *x509.Certificate) Result {
	if f.Now.Before(leaf.NotAfter) {
		return passed("until " + leaf.NotAfter.UTC().Format(time.DateOnly))
	}
	return found("the certificate has expired on "+leaf.NotAfter.UTC().Format(time.DateOnly), f.healCertificate("a new certificate"), evidence(r.Name, "notAfter", leaf.NotAfter.UTC().Format(time.RFC3339)))
}

func lookNotYet(f *Facts, r *Road, leaf *x509.Certificate) Result {
	if !f.Now.Before(leaf.NotBefore) {
		return passed("since " + leaf.NotBefore.UTC().Format(time.DateOnly))
	}
	return found("the certificate is valid from "+leaf.NotBefore.UTC().Format(time.RFC3339)+" on", f.healCertificate("a certificate that is valid now"), evidence(r.Name, "notBefore", leaf.NotBefore.UTC().Format(time.RFC3339)))
}

func hasNames(c *x509.Certificate) bool { return len(c.DNSNames)+len(c.IPAddresses) > 0 }

func lookCommonName(f *Facts, r *Road, leaf *x509.Certificate) Result {
	if hasNames(leaf) {
		return passed("its names stand in subjectAltName")
	}
	return found(fmt.Sprintf("the certificate has no subjectAltName, only the common name %q", leaf.Subject.CommonName),
		f.healCertificate("a certificate with its names where clients look"), evidence(r.Name, "subject", leaf.Subject.String()), evidence(r.Name, "subjectAltName", "none"))
}

func names(c *x509.Certificate) string {
	list := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		list = append(list, ip.String())
	}
	return strings.Join(list, ", ")
}

func lookAddressName(f *Facts, r *Road, leaf *x509.Certificate) Result {
	host := r.Origin.Hostname()
	if _, err := netip.ParseAddr(host); err != nil {
		return skipped("a name is asked for")
	}
	if leaf.VerifyHostname(host) == nil {
		return passed("it is for " + host)
	}
	cause := fmt.Sprintf("the certificate is not for the address %s, only for %s", host, names(leaf))
	if slices.Contains(leaf.DNSNames, host) {
		cause = fmt.Sprintf("the certificate has %s among its DNS names, where no client looks for an IP address", host)
	}
	return found(cause, f.healCertificate("a certificate that is for it, too", "--san "+host), evidence(r.Name, "subjectAltName", names(leaf)))
}

func lookOtherName(f *Facts, r *Road, leaf *x509.Certificate) Result {
	host := r.Origin.Hostname()
	if leaf.VerifyHostname(host) == nil {
		return passed("it is for " + host)
	}
	var flags []string
	if host != "localhost" {
		flags = append(flags, "--san "+host)
	}
	return found(fmt.Sprintf("the certificate is for %s, not for %s", names(leaf), host), f.healCertificate("a certificate that is for it, too", flags...), evidence(r.Name, "subjectAltName", names(leaf)))
}

func lookUsage(f *Facts, r *Road, leaf *x509.Certificate) Result {
	if len(leaf.ExtKeyUsage)+len(leaf.UnknownExtKeyUsage) == 0 || slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageServerAuth) || slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny) {
		return passed("servers may use it")
	}
	return found("the certificate may not be used by servers (extendedKeyUsage lacks serverAuth)", f.healCertificate("a certificate for servers"), evidence(r.Name, "extendedKeyUsage", fmt.Sprint(leaf.ExtKeyUsage)))
}

func lookConstraints(f *Facts, r *Road, leaf *x509.Certificate) Result {
	pool, intermediates := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range r.Handshake.Chain[1:] {
		pool.AddCert(c)
		intermediates.AddCert(c)
	}
	if f.Computer.Roots != nil {
		pool = f.Computer.Roots
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: pool, Intermediates: intermediates, CurrentTime: f.Now})
	if invalid, ok := asInvalid(err); ok && (invalid.Reason == x509.CANotAuthorizedForThisName || invalid.Reason == x509.TooManyConstraints || invalid.Reason == x509.UnconstrainedName) {
		return found("the certificate has a name that its CA may not sign for", f.healAuthority("a CA that permits its names, which clients must be given"),
			evidence(r.Name, "subjectAltName", names(leaf)), evidence(r.Name, "", invalid.Error()))
	}
	return passed("its names are permitted")
}

// healAuthority begins anew with another CA where ours is in force; setup makes one
// by itself where it is somebody's.
func (f *Facts) healAuthority(text string) Fix {
	if f.Objects != nil && f.Objects.Door != nil {
		if server, ok := f.Objects.httpsServer(f.Aim.Host); ok && server.Name == gateway.ServerName {
			return runs(text, f.program()+" teardown --yes", f.program()+" setup --yes")
		}
	}
	return f.healCertificate(text)
}

func lookExpiredCA(f *Facts, r *Road, _ *x509.Certificate) Result {
	for _, c := range r.Handshake.Chain[1:] {
		if f.Now.After(c.NotAfter) {
			return found(fmt.Sprintf("the CA %q has expired on %s", c.Subject.String(), c.NotAfter.UTC().Format(time.DateOnly)), f.healAuthority("a new CA, which clients must be given"),
				evidence(r.Name, "notAfter of the CA", c.NotAfter.UTC().Format(time.RFC3339)))
		}
	}
	return passed("the certificates above it hold")
}

// lookWeak looks at what is served, else at what the Secret holds: Envoy refuses
// RSA keys below 2,048 bits by itself, and serves nothing.
func lookWeak(_ context.Context, f *Facts) Result {
	chain, source := f.heldChain()
	if len(chain) == 0 {
		return skipped("no certificate was seen")
	}
	for _, c := range chain {
		weak := ""
		switch key := c.PublicKey.(type) {
		case *rsa.PublicKey:
			if key.N.BitLen() < 2048 {
				weak = fmt.Sprintf("an RSA key of %d bits", key.N.BitLen())
			}
		case *ecdsa.PublicKey:
			if key.Params().BitSize < 256 {
				weak = fmt.Sprintf("an ECDSA key of %d bits", key.Params().BitSize)
			}
		}
		if algorithm := c.SignatureAlgorithm.String(); !isSelfSigned(c) && (strings.HasPrefix(algorithm, "SHA1") || strings.HasPrefix(algorithm, "MD5") || strings.HasSuffix(algorithm, "SHA1")) {
			weak = "a signature by " + algorithm
		}
		if weak != "" {
			return found(fmt.Sprintf("the certificate %q has %s", c.Subject.String(), weak), f.healCertificate("a certificate with a key of today"), evidence(source, "certificate", weak))
		}
	}
	return passed("keys and signatures are of today")
}
