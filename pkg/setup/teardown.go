package setup

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

// Teardown takes back what setup did on one cluster.
type Teardown struct {
	Cluster  *cluster.Cluster
	Home     *state.Home
	Writer   gateway.Writer
	Progress Progress
	// Gateway is the Gateway to clean; zero means Kubeflow's.
	Gateway types.NamespacedName
	// SecretName is our Secret's; "" means the one in use.
	SecretName string
	// Force takes back what another computer set up, and takes our server off a
	// Gateway too whose source keeps it.
	Force bool
}

// TeardownPlan is what would be taken back.
type TeardownPlan struct {
	Door      *gateway.FrontDoor
	Installed *gateway.Installed
	*gateway.Plan
}

// Propose looks at the cluster and plans. It writes nothing.
func (t *Teardown) Propose(ctx context.Context) (*TeardownPlan, error) {
	end := t.Progress("Find what setup did")
	p, err := t.propose(ctx)
	end("", err)
	return p, err
}

func (t *Teardown) propose(ctx context.Context) (*TeardownPlan, error) {
	door, err := gateway.Discover(ctx, t.Cluster, gateway.DiscoverOptions{Gateway: t.Gateway, PodsOptional: true})
	if err != nil {
		return nil, err
	}
	installed, err := gateway.ReadInstalled(ctx, t.Cluster, door, door.SecretName(t.SecretName))
	if err != nil {
		return nil, err
	}
	plan, err := gateway.PlanTeardown(door, installed, t.Force)
	return &TeardownPlan{Door: door, Installed: installed, Plan: plan}, err
}

// RequireOwn refuses to take back what another computer set up, unless Force is
// given: clients elsewhere trust its CA. Who holds the CA's key may.
func (t *Teardown) RequireOwn(p *TeardownPlan) error {
	holder := p.Installed.Holder()
	here, err := t.Home.ComputerID()
	if err != nil {
		return err
	}
	if t.Force || holder.Computer == "" || holder.Computer == here {
		return nil
	}
	if kept, err := t.Home.Authority(p.Installed.CAFingerprint()); err == nil && kept.Key != nil {
		return nil
	}
	return fault.New(fault.NotOurs, "ask who works there; to take it back all the same: kubectl kftls teardown --force",
		"computer %q set this up on %s (CA SHA-256 %s), and not this one, which is %q",
		holder.Computer, holder.Since.UTC().Format(time.DateOnly), p.Installed.CAFingerprint(), here)
}

// Apply tries the plan on the server, then carries it out. A Gateway that
// somebody changes meanwhile is planned afresh. It returns the changes that
// were made, also beside an error: a second run takes back the rest.
func (t *Teardown) Apply(ctx context.Context, p *TeardownPlan) (done []gateway.Change, err error) {
	for range writeAttempts {
		if _, err = t.Progress.dryRun(ctx, t.Writer, p.Plan); err == nil {
			var more []gateway.Change
			more, err = t.write(ctx, p)
			done = append(done, more...)
		}
		if fault.ReasonOf(err) != fault.Conflict {
			break
		}
		again, againErr := t.propose(ctx)
		if againErr != nil {
			return done, againErr
		}
		if slices.Equal(versions(p.Changes), versions(again.Changes)) {
			break // no Gateway was changed: Secret or ConfigMap were
		}
		*p = *again
	}
	if err != nil {
		return done, err
	}
	if _, err := t.ForgetPrepared(p); err != nil {
		return done, err
	}
	return done, t.Home.MarkProven(state.Origin{Server: t.Cluster.Server, Gateway: p.Door.Name()})
}

func (t *Teardown) write(ctx context.Context, p *TeardownPlan) ([]gateway.Change, error) {
	var done []gateway.Change
	for _, change := range p.Changes {
		stored, err := t.Progress.apply(ctx, t.Writer, change)
		if err == nil || stored != nil { // the servers were changed, only their owner was not
			done = append(done, change)
		}
		if err != nil {
			return done, err
		}
	}
	return done, nil
}
