package setup

import (
	"crypto/x509"
	"net/url"
	"slices"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

// demand is what a certificate must be like to stay.
func (s *Setup) demand(names ca.Names) ca.Demand {
	before := s.Options.Before
	if s.Options.CAChange == AnnounceCA {
		before = time.Nanosecond // it stays to its end: the one of the new CA follows
	}
	return ca.Demand{Names: names, KeyAlgorithm: s.Options.KeyAlgorithm, Before: before}
}

// leaveOut takes back default names that the certificate which is there does not
// have: who once left them out need not say so again.
func (f *Finding) leaveOut(defaults ca.Names, address string) error {
	present := f.present()
	if present == nil {
		return nil
	}
	parsed, err := url.Parse(address)
	if err != nil {
		return err
	}
	optional := defaults.Strings()
	names := f.Names.Filter(func(name string) bool {
		return !slices.Contains(optional, name) || present.Names().Covers(name) || name == parsed.Hostname()
	})
	if len(names.DNS) == 0 {
		f.Names, f.Dropped = ca.Names{}, nil
		return f.chooseNames(names.Union(present.Names()))
	}
	f.Names = names
	return nil
}

// keepNames adds the names of the certificate that is there: clients use them, and
// whoever has it made anew, perhaps on another computer, need not know of them. A
// name that the server no longer answers for is not kept.
func (f *Finding) keepNames() {
	present := f.present()
	if present == nil {
		return
	}
	hosts := gateway.Server{Hosts: gateway.ServedHosts(f.Door, f.Spec)}
	f.Names = f.Names.Union(present.Names().Filter(hosts.MatchesHost))
}

// present is the certificate of ours that is there: the Secret's, or, where that
// cannot be read, what is served by our CA; else the prepared one, once its CA is
// in force. It is nil where there is none.
func (f *Finding) present() *ca.Leaf {
	if f.Installed.RequireOurs() != nil {
		return nil
	}
	if leaf, err := f.Installed.Leaf(); err == nil && leaf != nil {
		return leaf
	}
	if chain := f.servedChain(); chain != nil && f.IsOurs(chain) {
		return &ca.Leaf{Certificate: chain[0], Issuers: chain[1:]}
	}
	if f.preparedIsInForce() {
		return f.prepared.Leaf
	}
	return nil
}

// servedChain is what is served for the first name that is answered for.
func (f *Finding) servedChain() []*x509.Certificate {
	for _, name := range f.Names.Strings() {
		if chain := f.Served[name]; chain != nil {
			return chain
		}
	}
	for _, chain := range f.Served {
		return chain
	}
	return nil
}
