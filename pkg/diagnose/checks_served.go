package diagnose

import (
	"context"
	"crypto/x509"
)

// servedChecks compare what is served with what the Secret holds.
func servedChecks() []Check {
	return []Check{
		{
			Code: "KFT514", Title: "the gateway serves another certificate than the Secret holds", Layer: LayerTLS, Severity: Warning,
			Causes: []Symptom{Expired, NotYetValid, WrongName, Untrusted, BadCertificate, PodsDiffer}, Look: lookServed,
			Page: Page{
				Means: "Envoy goes on with the last good certificate when a Secret is deleted, emptied or broken, and when istiod does not reach it. What is served says nothing of the Secret, then.",
				Heals: "Look at the Secret's findings first; then at istiod: kubectl -n istio-system get pods -l app=istiod",
			},
		},
	}
}

// heldChain is what is served on the road that counts, else what the Secret holds.
func (f *Facts) heldChain() (chain []*x509.Certificate, source string) {
	if r := f.tlsRoad(); r != nil {
		return r.Handshake.Chain, r.Name
	}
	_, name, why := f.servedSecret()
	if why != nil {
		return nil, ""
	}
	if secret := f.Objects.secret(name); secret.OK() {
		return secret.Value.Chain, "Secret " + name.String()
	}
	return nil, ""
}

// secretLeaf is the certificate in the Secret that the HTTPS server names, nil
// where there is none or it may not be read.
func (f *Facts) secretLeaf() *x509.Certificate {
	_, name, why := f.servedSecret()
	if why != nil {
		return nil
	}
	secret := f.Objects.secret(name)
	if !secret.OK() || len(secret.Value.Chain) == 0 {
		return nil
	}
	return secret.Value.Chain[0]
}

// servesOld tells that a gateway pod serves another certificate than the Secret
// holds: Envoy goes on with the last good one.
func (f *Facts) servesOld() bool {
	_, name, why := f.servedSecret()
	if why != nil {
		return false
	}
	secret := f.Objects.secret(name)
	if !secret.OK() && !secret.Absent() {
		return false
	}
	for _, r := range f.Roads {
		if r.Own || r.Handshake == nil || len(r.Handshake.Chain) == 0 {
			continue
		}
		if secret.Absent() || len(secret.Value.Chain) == 0 || !secret.Value.Fits || !r.Handshake.Chain[0].Equal(secret.Value.Chain[0]) {
			return true
		}
	}
	return false
}

func lookServed(_ context.Context, f *Facts) Result {
	_, name, why := f.servedSecret()
	if why != nil {
		return *why
	}
	secret := f.Objects.secret(name)
	if !secret.OK() && !secret.Absent() {
		return unknown(secret.Err)
	}
	for _, r := range f.Roads {
		if r.Own || r.Handshake == nil || len(r.Handshake.Chain) == 0 {
			continue
		}
		leaf := r.Handshake.Chain[0]
		fix := byAdmin("see what is wrong: this shows whether istiod reaches the gateway", "kubectl -n istio-system get pods -l app=istiod", "kubectl -n istio-system logs -l app=istiod --tail=-1 --since=15m")
		switch {
		case secret.Absent():
			return found("the gateway still serves a certificate whose Secret is gone", f.healSecret("makes the Secret anew"), evidence(r.Name, "serves", served(leaf)), evidence("Secret "+name.String(), "", "is not there"))
		case len(secret.Value.Chain) == 0:
			return skipped("the Secret holds no certificate to compare")
		case !leaf.Equal(secret.Value.Chain[0]):
			return found("the gateway serves another certificate than Secret "+name.String()+" holds", fix, evidence(r.Name, "serves", served(leaf)), evidence("Secret "+name.String(), secret.Value.CertificateField, served(secret.Value.Chain[0])))
		}
	}
	return passed("what is served is the Secret's")
}
