package setup

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

// Result is what a run did and saw.
type Result struct {
	Proposal *Proposal
	// Done are the writes that were made, each with the object as stored.
	Done []Write
	// Undone tells that what this run changed was taken back; Removed that our
	// server was taken off the Gateway alone.
	Undone, Removed bool
	// Verdict is what the verification saw.
	Verdict *gateway.Verdict
	// Took is the time from the first write to the end of the verification.
	Took time.Duration
	// CertificatePath is where the CA certificate lies on this computer; "" when
	// it does not.
	CertificatePath string

	// hadServer tells that our server was there before the run, hadUnproven that
	// an earlier run had not proven that the login guards it.
	hadServer, hadUnproven bool
}

// Write is a change that was made.
type Write struct {
	gateway.Change
	// undo takes it back.
	undo gateway.Change
}

// DryRun sends the plan's writes with dryRun=All, and returns the objects as the
// API server would store them.
func (s *Setup) DryRun(ctx context.Context, p *Proposal) ([]*unstructured.Unstructured, error) {
	return s.Progress.dryRun(ctx, s.writer(p), p.Plan)
}

func (s *Setup) writer(p *Proposal) gateway.Writer {
	return gateway.Writer{
		Cluster: s.Cluster, Now: s.Now,
		Manager: gateway.FieldManager(p.Authority.Fingerprint(), p.Computer),
	}
}

// Apply writes the plan and verifies it. The result says what was done also
// beside an error. From the write of the Gateway until the login is seen to
// guard the new door, every failure and interruption takes our server out
// again.
func (s *Setup) Apply(ctx context.Context, p *Proposal) (*Result, error) {
	result, err := s.apply(ctx, p)
	if err != nil {
		return result, err
	}
	return result, s.spendPrepared(p)
}

func (s *Setup) apply(ctx context.Context, p *Proposal) (*Result, error) {
	result := &Result{Proposal: p, hadUnproven: s.Home.IsUnproven(s.origin(p.Finding.Door))}
	_, result.hadServer = p.Finding.Door.OurServer(p.Finding.Spec.SecretName)
	if err := s.tryAll(ctx, p); err != nil {
		return result, err
	}
	if err := s.keep(result); err != nil {
		return result, err
	}
	begun := s.Now()
	err := s.write(ctx, result)
	if err == nil {
		err = s.settle(ctx, result)
	}
	if err != nil {
		return result, s.afterFailure(ctx, result, err)
	}
	if arrived, err := s.handOver(ctx, result); err != nil || !arrived {
		return result, err
	}
	err = s.verify(ctx, result)
	result.Took = s.Now().Sub(begun)
	if err != nil {
		return result, s.afterFailure(ctx, result, err)
	}
	if err := s.requireInForce(ctx, result); err != nil {
		return result, err
	}
	if err := s.keepForeign(result); err != nil {
		return result, err
	}
	if s.Options.DiscardKey {
		return result, s.Home.DiscardKey(p.Authority.Fingerprint())
	}
	return result, nil
}

// tryAll tries the writes before the first one is made, and plans those of the
// Gateways afresh where somebody changed one since it was read: the question
// on the terminal may have stood for long.
func (s *Setup) tryAll(ctx context.Context, p *Proposal) error {
	if p.Plan.Empty() {
		return nil
	}
	_, err := s.DryRun(ctx, p)
	for attempt := 0; fault.ReasonOf(err) == fault.Conflict && attempt < writeAttempts; attempt++ {
		gateways := slices.IndexFunc(p.Plan.Changes, isOfGateway)
		if gateways < 0 {
			return err
		}
		before := versions(p.Plan.Changes)
		if again := s.planAgain(ctx, p, gateways); again != nil {
			return again
		}
		if slices.Equal(before, versions(p.Plan.Changes)) {
			return err // no Gateway was changed: the conflict is about Secret or ConfigMap
		}
		_, err = s.DryRun(ctx, p)
	}
	return err
}

func isOfGateway(change gateway.Change) bool { return change.Kind == "Gateway" }

// versions are the states of the Gateways that changes were planned on.
func versions(changes []gateway.Change) []string {
	var found []string
	for _, change := range changes {
		if isOfGateway(change) {
			found = append(found, change.Before.GetResourceVersion())
		}
	}
	return found
}

// keep stores the CAs that this run makes or is given.
func (s *Setup) keep(result *Result) error {
	p, origin := result.Proposal, s.origin(result.Proposal.Finding.Door)
	if err := s.keepOnThisComputer(p.Authority, p.Given, origin); err != nil {
		return err
	}
	if err := s.keepOnThisComputer(p.Announced, p.AnnouncedGiven, origin); err != nil {
		return err
	}
	if p.Authority.Key != nil {
		result.CertificatePath = s.Home.CertificatePath(p.Authority.Fingerprint())
	}
	return nil
}

// writeAttempts bounds the fresh plans when others change the Gateway at the
// same time.
const writeAttempts = 5

func (s *Setup) write(ctx context.Context, result *Result) error {
	p := result.Proposal
	attempts := 0
	for i := 0; i < len(p.Plan.Changes); i++ {
		change := p.Plan.Changes[i]
		err := s.writeOne(ctx, result, change)
		if fault.ReasonOf(err) == fault.Conflict && attempts < writeAttempts {
			attempts++
			if err = s.afterConflict(ctx, p, i, err); err == nil {
				i-- // what stands there now
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// afterConflict plans a write afresh that somebody was quicker with, where that
// may be: nothing of theirs is lost in a Gateway, and a Secret goes with the CA
// in force. Else it returns the conflict.
func (s *Setup) afterConflict(ctx context.Context, p *Proposal, index int, conflict error) error {
	switch p.Plan.Changes[index].Kind {
	case "Gateway":
		return s.planAgain(ctx, p, index)
	case "Secret":
		return s.claimSecret(ctx, p, index, conflict)
	}
	return conflict
}

func (s *Setup) writeOne(ctx context.Context, result *Result, change gateway.Change) error {
	origin := s.origin(result.Proposal.Finding.Door)
	wasUnproven := s.Home.IsUnproven(origin)
	if isOfGateway(change) {
		if err := s.Home.MarkUnproven(origin); err != nil {
			return err
		}
	}
	stored, err := s.Progress.apply(ctx, s.writer(result.Proposal).Apply, change)
	if err == nil {
		result.Done = append(result.Done, Write{Change: change, undo: change.Inverse(stored)})
		return nil
	}
	if isOfGateway(change) && !wasUnproven && isRefused(err) {
		if markErr := s.Home.MarkProven(origin); markErr != nil {
			return errors.Join(err, markErr)
		}
	}
	return err
}

// isRefused tells of a failed write that it was surely not made: the API server
// refused it, or it was never sent. A time-out leaves that open.
func isRefused(err error) bool {
	switch fault.ReasonOf(err) {
	case fault.Interrupted: // a write that was sent is not interrupted
		return true
	case fault.Admission: // with whatever code: it comes before anything is stored
		return true
	}
	var answer apierrors.APIStatus
	return errors.As(err, &answer) && answer.Status().Code >= 400 && answer.Status().Code < 500
}

// planAgain plans the writes of Gateways afresh, from the one at index on:
// somebody changed one since it was read, and nothing of theirs may be lost.
func (s *Setup) planAgain(ctx context.Context, p *Proposal, index int) error {
	door, err := gateway.Discover(ctx, s.Cluster, gateway.DiscoverOptions{Gateway: s.Options.Gateway})
	if err != nil {
		return err
	}
	p.Finding.Door = door
	changes, handed, err := gateway.PlanServers(door, p.Finding.Spec)
	p.Plan.Changes, p.Plan.Handed = append(p.Plan.Changes[:index:index], changes...), handed
	return err
}

// verify waits for the front door to serve what was written, guarded.
func (s *Setup) verify(ctx context.Context, result *Result) error {
	p := result.Proposal
	found := p.Finding
	ctx, cancel := context.WithTimeout(ctx, s.Options.Timeout)
	defer cancel()
	roots := p.Authority.Pool()
	end := s.Progress("Verify through the tunnel")
	verdict, err := gateway.Verification{
		Cluster: s.Cluster, Door: found.Door, Dialer: s.Dialer, Port: found.Spec.Port, Leaf: p.Leaf,
		Roots: roots, Names: found.Names.Strings(), Plain: found.Plain, Now: s.Now,
	}.Verify(ctx)
	result.Verdict = verdict
	if verdict.Guarded {
		if err := s.Home.MarkProven(s.origin(found.Door)); err != nil {
			return err
		}
	}
	end(fmt.Sprintf("%d of %d gateway pods", len(verdict.Pods), len(found.Door.ReadyPods())), err)
	if err != nil || s.Options.URL == "" {
		return err
	}
	end = s.Progress("Verify " + s.Options.URL)
	err = s.verifyURL(ctx, p, roots)
	end("", err)
	return err
}

// verifyURL asks the address that the user named for the same certificate. A
// load balancer in front of the gateway may serve another one.
func (s *Setup) verifyURL(ctx context.Context, p *Proposal, roots *x509.CertPool) error {
	address, err := url.Parse(s.Options.URL)
	if err != nil {
		return fault.New(fault.Usage, "", "read --url: %w", err)
	}
	port := address.Port()
	if port == "" {
		port = "443"
	}
	road := func(ctx context.Context) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "tcp", net.JoinHostPort(address.Hostname(), port))
	}
	chain, err := gateway.Handshake(ctx, road, address.Hostname())
	if err != nil {
		return fault.New(fault.Verification, "the tunnel serves it; look at what stands between you and the gateway: DNS, load balancer, firewall",
			"reach %s directly: %w", s.Options.URL, err)
	}
	if served := ca.Fingerprint(chain[0]); served != p.Leaf {
		return fault.New(fault.Verification, "the tunnel serves ours; a load balancer that ends TLS itself needs the certificate there",
			"%s serves another certificate (%s, SHA-256 %.12s…)", s.Options.URL, chain[0].Subject, served)
	}
	return fault.Wrap(fault.Verification, "", gateway.Accepts(chain, roots, address.Hostname(), s.Now()))
}
