package diagnose

import (
	"crypto/x509"
	"testing"
	"time"
)

// TestOddPod: whose pod is deleted must be the one that lags behind, not the one
// that was asked last.
func TestOddPod(t *testing.T) {
	older := func(c *x509.Certificate) { c.NotBefore = now.Add(-300 * 24 * time.Hour) }
	serving := func(pod string, certificate *pair) change {
		return each(func(r *Road) bool { return r.Pod == pod }, func(r *Road) {
			if r.TLS {
				r.Handshake.Chain = certificate.chain()
			}
		})
	}
	withoutSecrets := func(f *Facts) { f.Objects.Secrets[ourSecret] = unread[*SecretFacts]() }
	cut := each(func(r *Road) bool { return r.Pod == "gateway-a" }, broken(Handshake{Err: errReset, Cut: true}))
	for name, tc := range map[string]struct {
		with  []change
		pod   string
		known bool
	}{
		"the first one serves another certificate than the Secret's": {[]change{serving("gateway-a", below(ourCA))}, "gateway-a", true},
		"the second one does":       {[]change{serving("gateway-b", below(ourCA))}, "gateway-b", true},
		"the first one serves none": {[]change{cut}, "gateway-a", true},
		"the first one has the older one, and no Secret may be read":  {[]change{withoutSecrets, serving("gateway-a", below(ourCA, older))}, "gateway-a", false},
		"the second one has the older one, and no Secret may be read": {[]change{withoutSecrets, serving("gateway-b", below(ourCA, older))}, "gateway-b", false},
	} {
		if pod, known := healthy(tc.with...).oddPod(); pod != tc.pod || known != tc.known {
			t.Errorf("%s: %s (known: %t), want %s (%t)", name, pod, known, tc.pod, tc.known)
		}
	}
}
