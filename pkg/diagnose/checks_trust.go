package diagnose

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/ca"
)

func trustChecks() []Check {
	return []Check{
		{
			Code: "KFT503", Title: "the certificate is self-signed", Layer: LayerTLS, Severity: Error,
			Causes: []Symptom{Untrusted}, Needs: []string{"KFT112"}, Look: trustLook(lookSelfSigned),
			Page: Page{
				Means: "Nobody vouches for the certificate but itself: there is no CA whose certificate clients could be given. cert-manager's kubeflow-self-signing-issuer makes such ones.",
				Shows: []Shown{
					{"curl", "curl: (60) SSL certificate problem: self-signed certificate", "measured with curl 7.88; OpenSSL 1.1 writes self signed"},
					{"Python requests", "certificate verify failed: self-signed certificate", "measured with requests 2.34"},
					{"Go", "x509: certificate signed by unknown authority", "measured with Go 1.26"},
				},
				Heals: "Give clients this very certificate as a CA file, or have one made below a CA: kubectl kftls setup --force",
			},
		},
		{
			Code: "KFT509", Title: "the CA was made anew under its old name", Layer: LayerTLS, Severity: Error,
			Causes: []Symptom{Untrusted, BadCertificate}, Needs: []string{"KFT503"}, Look: trustLook(lookRenewedCA),
			Page: Page{
				Means: "The CA that clients were given has the name of the one that signs now, and another key: it was made anew, and the file is the old one's.",
				Shows: []Shown{{"Go", `x509: certificate signed by unknown authority (possibly because of "x509: ECDSA verification failure" while trying to verify candidate authority certificate "…")`, "measured with Go 1.26"}},
				Heals: "Take the CA certificate anew: kubectl kftls ca > ca.crt",
			},
		},
		{
			Code: "KFT511", Title: "the certificates of the chain are in the wrong order", Layer: LayerTLS, Severity: Error,
			Causes: []Symptom{Untrusted, WrongName, BadCertificate}, Look: lookOrder,
			Page: Page{
				Means: "A server sends its own certificate first, then the one that signed it, and so on. Here another one comes first, and clients judge that one.",
				Heals: "Put the certificates into tls.crt in that order: cat leaf.crt intermediate.crt ca.crt > tls.crt",
			},
		},
		{
			Code: "KFT502", Title: "the issuer's certificate is not sent along and not known", Layer: LayerTLS, Severity: Error,
			Causes: []Symptom{Untrusted}, Needs: []string{"KFT503", "KFT509", "KFT112"}, Look: trustLook(lookLeafOnly),
			Page: Page{
				Means: "The server sends its own certificate alone, or not all up to the CA, and the client does not know who signed it.",
				Shows: []Shown{
					{"curl", "curl: (60) SSL certificate problem: unable to get local issuer certificate", "measured with curl 7.88"},
					{"Python requests", "certificate verify failed: unable to get local issuer certificate", "measured with requests 2.34"},
					{"Go", "x509: certificate signed by unknown authority", "measured with Go 1.26"},
				},
				Heals: "Give clients the CA certificate (curl --cacert ca.crt), and the server the whole chain.",
			},
		},
		{
			Code: "KFT501", Title: "the CA is one that clients do not trust", Layer: LayerTLS, Severity: Error,
			Causes: []Symptom{Untrusted}, Needs: []string{"KFT503", "KFT509", "KFT502", "KFT112"}, Look: trustLook(lookUnknownCA),
			Page: Page{
				Means: "The certificate is signed by a CA of your own, and a client trusts only those that it was given: its operating system's, or a file.",
				Shows: []Shown{
					{"curl", "curl: (60) SSL certificate problem: self-signed certificate in certificate chain", "measured with curl 7.88"},
					{"Python requests", "certificate verify failed: self-signed certificate in certificate chain", "measured with requests 2.34"},
					{"Go", "x509: certificate signed by unknown authority", "measured with Go 1.26"},
					{"browser", "NET::ERR_CERT_AUTHORITY_INVALID, SEC_ERROR_UNKNOWN_ISSUER", "measured with Chromium 156, Firefox ESR 153"},
				},
				Heals: `Give it the CA: curl --cacert "$(kubectl kftls ca -o path)"`,
			},
		},
	}
}

// tlsRoad is the road whose certificate counts: the user's own, else a tunnel.
func (f *Facts) tlsRoad() *Road {
	for _, r := range f.Roads {
		if r.Handshake != nil && len(r.Handshake.Chain) > 0 {
			return r
		}
	}
	return nil
}

// served describes a certificate in a line.
func served(c *x509.Certificate) string {
	return fmt.Sprintf("subject %q, issuer %q, until %s, SHA-256 %s", c.Subject.String(), c.Issuer.String(), c.NotAfter.UTC().Format("2006-01-02"), ca.Fingerprint(c)[:12])
}

func isSelfSigned(c *x509.Certificate) bool {
	return bytes.Equal(c.RawIssuer, c.RawSubject)
}

// trustLook is a check of a chain that is not trusted for its issuer.
func trustLook(look func(*Facts, *Road, []*x509.Certificate) Result) func(context.Context, *Facts) Result {
	return func(_ context.Context, f *Facts) Result {
		r := f.tlsRoad()
		if r == nil {
			return skipped("no certificate was served")
		}
		if s := f.sighting(Untrusted, BadCertificate); s == nil {
			return passed("the issuer is trusted, by " + f.Computer.RootsFrom)
		}
		result := look(f, r, r.Handshake.Chain)
		if !f.mustTrust(r) {
			return result.as(onlyWarning)
		}
		return result
	}
}

func lookSelfSigned(f *Facts, r *Road, chain []*x509.Certificate) Result {
	if len(chain) > 1 || !isSelfSigned(chain[0]) {
		return passed("another certificate signed it")
	}
	text := "a certificate below a CA that clients can be given"
	cause := "the certificate vouches for itself alone"
	if strings.Contains(chain[0].Subject.String(), "kubeflow-self-sign") || f.Objects != nil && f.Objects.selfSigningIssuer() {
		cause += " (cert-manager's self-signing issuer makes such ones)"
	}
	return found(cause, f.healCertificate(text), evidence(r.Name, "certificate", served(chain[0])))
}

// healCertificate makes a new certificate by setup, where there is a cluster.
func (f *Facts) healCertificate(text string, flags ...string) Fix {
	more := strings.Join(append([]string{""}, flags...), " ")
	if f.Objects == nil || f.Objects.Door == nil {
		return byAdmin(text+": whoever runs the gateway replaces it", f.program()+" setup --force --yes"+more)
	}
	server, ok := f.Objects.httpsServer(f.Aim.Host)
	if ok && server.Name == "https-kftls" {
		return runs(text, f.program()+" setup --yes"+more)
	}
	if ok && managerOf(f.Objects.ownerOf(server)) != "" {
		return f.edit(f.Objects.ownerOf(server), text)
	}
	return runs(text+"; teardown gives the server its old one back", f.program()+" setup --force --yes"+more)
}

func lookRenewedCA(f *Facts, r *Road, chain []*x509.Certificate) Result {
	if f.Computer.Roots == nil || r.Own && f.Computer.CAFile == "" {
		return passed("no CA was given")
	}
	issuer := chain[len(chain)-1]
	if f.Computer.holdsNamesake(issuer) {
		return found("the CA that was given has the name of the issuer and another key: it was made anew",
			f.healTrust(), evidence(r.Name, "issuer", issuer.Issuer.String()), evidence(f.Computer.RootsFrom, "", "holds another certificate of that name"))
	}
	return passed("the CA that was given has another name")
}

// rootsOf says in words by which roots a road's certificate was judged.
func (f *Facts) rootsOf(r *Road) string {
	if r.Own && f.Computer.CAFile == "" {
		return "those that the clients of this computer trust"
	}
	return f.Computer.RootsFrom
}

// healTrust gives clients the CA.
func (f *Facts) healTrust() Fix {
	if f.Objects != nil && f.Objects.CA.OK() && f.Objects.CA.Value != nil {
		return locally("the CA certificate as the cluster publishes it; give it to clients", f.program()+" ca > ca.crt", "curl --cacert ca.crt "+f.address())
	}
	return locally("ask whoever made the certificate for its CA's, and give that to clients: curl --cacert ca.crt " + f.address() + "; or have one made: " + f.program() + " setup --force --yes")
}

// address is where the user's clients go.
func (f *Facts) address() string {
	if f.Aim.URL != nil {
		return f.Aim.URL.String()
	}
	return "https://localhost:8443"
}

func lookLeafOnly(f *Facts, r *Road, chain []*x509.Certificate) Result {
	last := chain[len(chain)-1]
	if isSelfSigned(last) {
		return passed("the chain goes up to its CA")
	}
	text := "the server sends its own certificate alone"
	if len(chain) > 1 {
		text = "the chain that the server sends ends before its CA"
	}
	return found(fmt.Sprintf("%s, and its issuer %q is not among %s", text, last.Issuer.String(), f.rootsOf(r)), f.healTrust(), evidence(r.Name, "certificate", served(chain[0])))
}

func lookUnknownCA(f *Facts, r *Road, chain []*x509.Certificate) Result {
	last := chain[len(chain)-1]
	return found(fmt.Sprintf("the certificate is signed by %q, which is not among %s", last.Subject.String(), f.rootsOf(r)),
		f.healTrust(), evidence(r.Name, "certificate", served(chain[0])), evidence(r.Name, "CA", served(last)))
}

func lookOrder(_ context.Context, f *Facts) Result {
	r := f.tlsRoad()
	if r == nil {
		return skipped("no certificate was served")
	}
	chain := r.Handshake.Chain
	for i := 0; i+1 < len(chain); i++ {
		if !bytes.Equal(chain[i].RawIssuer, chain[i+1].RawSubject) {
			return found(fmt.Sprintf("certificate %d of the chain is signed by %q, and the next one is %q", i+1, chain[i].Issuer.String(), chain[i+1].Subject.String()),
				f.healCertificate("a chain in the right order"), evidence(r.Name, "certificate 1", served(chain[0])), evidence(r.Name, fmt.Sprintf("certificate %d", i+2), served(chain[i+1])))
		}
	}
	return passed("each is signed by the next")
}
