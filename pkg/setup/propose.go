package setup

import (
	"crypto/x509"
	"slices"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

// Proposal is what setup would do, as data.
type Proposal struct {
	Finding *Finding
	// Trusted tells that the front door already serves a certificate of
	// somebody else which this computer trusts: there is nothing to do.
	Trusted bool
	// Authority is the CA in force after the run; IsNew tells that it was made
	// by this run and is not kept anywhere yet.
	Authority *ca.Authority
	IsNew     bool
	// Given is set where somebody else made and keeps the CA that signs.
	Given *Given
	// DiscardsKey tells that the CA's key will be thrown away at the end.
	DiscardsKey bool
	// IsForeign tells that the CA in force is new to this computer.
	IsForeign bool
	caChoice
	// Leaf is the fingerprint of the certificate that will be served.
	Leaf string
	// Pair is that certificate with its key, nil where the Secret may not be read.
	Pair *ca.Leaf
	// LeafReason is why another leaf is needed, "" when the old one stays.
	// LeafIsPrepared tells that a dry run has made that one before.
	LeafReason     string
	LeafIsPrepared bool
	// Plan are the writes.
	Plan *gateway.Plan
	// Computer is this computer's id, a part of the field manager.
	Computer string

	// certificates are those of the plan.
	certificates gateway.Certificates
}

// Propose decides on CA and leaf and plans the writes. It writes nothing. Its
// errors are those of gateway.PlanSetup, and Certificate where the CA in force
// cannot sign what is asked for.
func (s *Setup) Propose(found *Finding) (*Proposal, error) {
	p := &Proposal{Finding: found}
	if p.Trusted = s.servesTrusted(found); p.Trusted {
		return p, nil
	}
	if err := requireKnown(found); err != nil {
		return nil, err
	}
	var err error
	if p.Computer, err = s.Home.ComputerID(); err != nil {
		return nil, err
	}
	if err := found.Installed.RequireOurs(); err != nil {
		return nil, err
	}
	if err := s.chooseAuthority(p); err != nil {
		return nil, err
	}
	leaf, err := s.chooseLeaf(p)
	if err != nil {
		return nil, err
	}
	bundle, announced := p.published()
	keyState := s.keyState(p)
	p.DiscardsKey = keyState == gateway.KeyDiscarded
	p.certificates = gateway.Certificates{
		Authority: p.Authority, Bundle: bundle, Announced: announced, Leaf: leaf, Computer: p.Computer, KeyState: keyState,
	}
	p.Plan, err = gateway.PlanSetup(found.Door, found.Installed, found.Spec, p.certificates)
	return p, err
}

// servesTrusted tells whether every name is served a certificate of somebody
// else that this computer's own roots accept.
func (s *Setup) servesTrusted(found *Finding) bool {
	for _, name := range found.Names.Strings() {
		chain := found.Served[name]
		if chain == nil || found.IsOurs(chain) || gateway.Accepts(chain, nil, gateway.SampleName(name), s.Now()) != nil {
			return false
		}
	}
	return true
}

// IsOurs tells a chain that setup has put there: by its CA.
func (f *Finding) IsOurs(chain []*x509.Certificate) bool {
	return gateway.EndsIn(chain, f.Installed.CAFingerprint())
}

// requireKnown refuses a port that serves a certificate of somebody else from
// a server that could not be found: a second server beside it would be skipped
// by istiod in silence.
func requireKnown(found *Finding) error {
	for _, name := range found.unexplained() {
		return fault.New(fault.Overlap, "find it: kubectl get gateways.networking.istio.io -A; or take another port: kubectl kftls setup --port 9443",
			"port %d already serves a certificate for %s (%s), from a Gateway that could not be read",
			found.Spec.Port, name, found.Served[name][0].Subject)
	}
	return nil
}

// chooseLeaf keeps the certificate that is installed, or makes one, and says
// which will be served. A nil leaf keeps it.
func (s *Setup) chooseLeaf(p *Proposal) (*ca.Leaf, error) {
	found := p.Finding
	if found.Installed.SecretUnknown != nil {
		return nil, s.trustServed(p)
	}
	wanted, algorithm := found.Names, s.Options.KeyAlgorithm
	current, err := found.Installed.Leaf()
	switch {
	case err != nil:
		p.LeafReason = "the one in the Secret is broken: " + err.Error()
	case current == nil:
		p.LeafReason = "there is none"
	default:
		p.LeafReason = current.Unfit(p.Authority, s.demand(wanted), s.now())
		if union := wanted.Union(current.Names()); p.Authority.Permits(union) == nil {
			wanted = union
		}
		if algorithm == "" {
			algorithm = keptAlgorithm(current)
		}
	}
	if p.LeafReason == "" && s.Options.Renew {
		p.LeafReason = notDue
	}
	if p.LeafReason == "" {
		p.Leaf, p.Pair = current.Fingerprint(), current
		return nil, nil
	}
	want := s.demand(wanted)
	want.KeyAlgorithm = algorithm
	if leaf := s.preparedLeafFor(found, p.Authority, want); leaf != nil {
		p.Leaf, p.Pair, p.LeafIsPrepared = leaf.Fingerprint(), leaf, true
		return leaf, nil
	}
	if err := s.fetchKey(p); err != nil {
		return nil, err
	}
	leaf, err := p.Authority.NewLeaf(ca.LeafOptions{
		Names: wanted, KeyAlgorithm: algorithm, Validity: s.Options.Validity, Now: s.now(),
	})
	if err != nil {
		return nil, err
	}
	p.Leaf, p.Pair = leaf.Fingerprint(), leaf
	return leaf, nil
}

// keptAlgorithm is that of a certificate's key: who once asked for RSA has
// clients that need it. It is "" for one that is not made here.
func keptAlgorithm(current *ca.Leaf) ca.KeyAlgorithm {
	if has := ca.AlgorithmOf(current.Certificate.PublicKey); slices.Contains(ca.KeyAlgorithms(), has) {
		return has
	}
	return ""
}

// trustServed stands in for a Secret that may not be read: what is served
// counts, if it is signed by the CA in force and has all names.
func (s *Setup) trustServed(p *Proposal) error {
	found := p.Finding
	chain := found.servedChain()
	if found.Installed.ConfigMap == nil || chain == nil || !found.IsOurs(chain) {
		return found.Installed.SecretUnknown
	}
	leaf := &ca.Leaf{Certificate: chain[0], Issuers: chain[1:]}
	if reason := leaf.Unfit(p.Authority, s.demand(found.Names), s.now()); reason != "" {
		return fault.New(fault.Forbidden, fault.HintOf(found.Installed.SecretUnknown),
			"a new certificate is needed (%s): %w", reason, found.Installed.SecretUnknown)
	}
	p.Leaf = leaf.Fingerprint()
	return nil
}
