// Package setup carries out setup, teardown and status: it looks at the front
// door, decides on certificates, plans, writes, verifies, and takes back.
package setup

import (
	"context"
	"crypto/x509"
	"net/url"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/portforward"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

// Options are what setup was asked for.
type Options struct {
	// Gateway is the Gateway to change; zero means Kubeflow's.
	Gateway types.NamespacedName
	// Names are those that the certificate must have.
	Names ca.Names
	// Defaults are those of Names that were not asked for by name: a certificate
	// that is there already may lack them.
	Defaults ca.Names
	// Authority says what a new CA is to be like. Its names, key and time are
	// setup's affair.
	Authority ca.AuthorityOptions
	// Given is a CA that somebody else made, to sign with; nil for one of setup's
	// own.
	Given *Given
	// DiscardKey leaves neither the CA's key nor the way to it on this computer.
	DiscardKey bool
	// Renew makes a new certificate, however good the present one is.
	Renew bool
	// Before is how long before its end a certificate is renewed; 0 means a third
	// of its life.
	Before time.Duration
	// KeyAlgorithm is for new keys; "" keeps what is there, or the default.
	KeyAlgorithm ca.KeyAlgorithm
	// Validity of a new leaf; 0 means the default.
	Validity time.Duration
	// CAChange is what becomes of the CA in force.
	CAChange CAChange
	// AcceptCA is the fingerprint of a CA that the user believes though it could
	// sign for any name; "" means none.
	AcceptCA string
	// Spec is the server on the Gateway.
	Spec gateway.Spec
	// URL is an address (https://…) under which the front door must be
	// reachable directly, too; "" means none.
	URL string
	// Timeout bounds the verification.
	Timeout time.Duration
	// Wait waits for the sync of a Gateway whose change was handed over to the
	// program that keeps it.
	Wait bool
	// RollbackOnFailure takes back what was written when it cannot be verified.
	RollbackOnFailure bool
}

// Setup is one run on one cluster.
type Setup struct {
	Cluster  *cluster.Cluster
	Home     *state.Home
	Dialer   portforward.Dialer
	Options  Options
	Progress Progress
	// Now is the clock.
	Now func() time.Time
}

// The clocks of this computer and the API server may differ by what network
// and rounding do. Beyond the first limit it is worth a word; beyond the
// second, certificates made here would not be valid there, since they begin
// one hour back.
const (
	SkewWarning = time.Minute
	SkewLimit   = time.Hour
)

// Finding is what a look at the cluster showed. Nothing was written.
type Finding struct {
	Door      *gateway.FrontDoor
	Installed *gateway.Installed
	// Spec is what was asked for, completed by what is installed.
	Spec gateway.Spec
	// Names are those of Options that the served hosts admit; Dropped are the
	// others.
	Names   ca.Names
	Dropped []string
	// Served are the certificate chains that the port serves today, by name.
	Served map[string][]*x509.Certificate
	// Plain are the plain door's answers to requests without a session.
	Plain []gateway.Answer
	// Skew is how far the API server's clock is ahead.
	Skew time.Duration

	// prepared is what a dry run made for this front door, nil when that is nothing.
	prepared *state.Prepared
}

// Look reads everything that decides, over the API and on the wire. It is
// refused with reason ClockSkew where certificates could not be valid.
func (s *Setup) Look(ctx context.Context) (*Finding, error) {
	end := s.Progress("Find the front door")
	door, err := gateway.Discover(ctx, s.Cluster, gateway.DiscoverOptions{Gateway: s.Options.Gateway})
	if err != nil {
		end("", err)
		return nil, err
	}
	end(door.Name(), nil)
	found := &Finding{Door: door, Spec: s.Options.Spec.Resolve(door)}
	if found.prepared, err = s.Home.Prepared(s.origin(door)); err != nil {
		return nil, err
	}
	if found.Skew, _ = s.Cluster.ClockOffset(); found.Skew.Abs() > SkewLimit {
		return nil, fault.New(fault.ClockSkew, "set this computer's clock, then check: date; timedatectl",
			"the clocks of this computer and of the API server differ by %s: certificates made here would not be valid there", found.Skew.Round(time.Second))
	}
	if err := found.Spec.RequirePrivate(door); err != nil {
		return nil, err
	}
	if err := found.chooseNames(s.Options.Names); err != nil {
		return nil, err
	}
	if err := found.requireURL(s.Options.URL); err != nil {
		return nil, err
	}
	if _, err := door.PodPort(door.ReadyPods()[0], found.Spec.Port); err != nil {
		return nil, err
	}
	end = s.Progress("Look at what it serves")
	err = s.lookAtWire(ctx, found)
	end("", err)
	if err != nil {
		return found, err
	}
	if err := found.leaveOut(s.Options.Defaults, s.Options.URL); err != nil {
		return found, err
	}
	if !s.Options.Defaults.Empty() { // else the names are all that is wanted
		found.keepNames()
	}
	return found, nil
}

// chooseNames keeps the names that clients can reach the server by.
func (f *Finding) chooseNames(asked ca.Names) error {
	hosts := gateway.Server{Hosts: gateway.ServedHosts(f.Door, f.Spec)}
	for _, name := range asked.DNS {
		if hosts.MatchesHost(name) {
			f.Names.DNS = append(f.Names.DNS, name)
		} else {
			f.Dropped = append(f.Dropped, name)
		}
	}
	for _, ip := range asked.IPs {
		if hosts.MatchesHost(ip.String()) {
			f.Names.IPs = append(f.Names.IPs, ip)
		} else {
			f.Dropped = append(f.Dropped, ip.String())
		}
	}
	if len(f.Names.DNS) > 0 {
		return nil
	}
	if !f.Spec.Force && len(f.Door.Overlapping(f.Spec.Port, f.Spec.Hosts, f.Spec.SecretName)) > 0 {
		f.Names, f.Dropped = asked, nil // the hosts are another server's: that it is there, the plan says
		return nil
	}
	return fault.New(fault.Usage, "name one that they admit: kubectl kftls setup --san NAME",
		"the server's hosts %v admit none of the names %v", hosts.Hosts, asked.Strings())
}

// requireURL refuses an address that could not be verified after the writes:
// one whose name was dropped.
func (f *Finding) requireURL(address string) error {
	parsed, err := url.Parse(address)
	if err != nil {
		return fault.New(fault.Usage, "--url https://kubeflow.example.com", "read --url: %w", err)
	}
	if name := parsed.Hostname(); name != "" && !f.Names.Covers(name) {
		return fault.New(fault.Usage, "let --hosts admit "+name, "the server would not answer for the name of --url %s", address)
	}
	return nil
}

// now is the time that certificates are made at: the earlier of the clocks of
// this computer and of the API server.
func (s *Setup) now() time.Time {
	now := s.Now()
	if ahead, known := s.Cluster.ClockOffset(); known && ahead < 0 {
		return now.Add(ahead)
	}
	return now
}

// origin is where an authority is made for.
func (s *Setup) origin(door *gateway.FrontDoor) state.Origin {
	return state.Origin{Server: s.Cluster.Server, Gateway: door.Name()}
}
