package setup

import (
	"context"
	"slices"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
)

// LackError is what a user may not do of what a run needs. It lies in a
// *fault.Error of reason Forbidden.
type LackError struct {
	Missing []cluster.Right
	// Roles are YAML that gives the user all that the run needs, and no more.
	Roles string

	refusal error
}

// Error implements error.
func (e *LackError) Error() string {
	text := "this user may not " + strings.Join(byObject(e.Missing), "; ")
	if e.refusal != nil {
		text += ": " + e.refusal.Error()
	}
	return text
}

// byObject names the verbs on one object together, as in "get, patch gateways x/y".
func byObject(rights []cluster.Right) []string {
	var objects, texts []string
	for _, right := range rights {
		if i := slices.Index(objects, right.Object()); i >= 0 {
			texts[i] += ", " + right.Verb
			continue
		}
		objects = append(objects, right.Object())
		texts = append(texts, right.Verb)
	}
	for i, object := range objects {
		texts[i] += " " + object
	}
	return texts
}

// Unwrap returns the API server's refusal, nil where the rights were asked for.
func (e *LackError) Unwrap() error { return e.refusal }

// RequireRights asks whether the user may make the writes of a proposal, before
// the first of them is tried, and reports all that is missing at once.
func (s *Setup) RequireRights(ctx context.Context, p *Proposal) error {
	needed := p.Plan.Rights()
	if s.Options.RollbackOnFailure {
		needed = append(needed, p.Finding.places().TeardownRights()...)
	}
	return requireRights(ctx, s.Cluster, s.Progress, needed, wholeOf(p.Finding.places(), needed))
}

// RequireRights does for teardown what it does for setup.
func (t *Teardown) RequireRights(ctx context.Context, p *TeardownPlan) error {
	needed := p.Plan.Rights()
	return requireRights(ctx, t.Cluster, t.Progress, needed, wholeOf(p.Door.Places(p.Installed.SecretName), needed))
}

func requireRights(ctx context.Context, c *cluster.Cluster, progress Progress, needed, whole []cluster.Right) error {
	if len(needed) == 0 {
		return nil
	}
	end := progress("Ask for the rights to do it")
	err := lack(ctx, c, needed, whole, nil)
	end("", err)
	return err
}

// LookRefused turns a look that the API server refused into all that is missing
// for the run; other errors stay as they are. found is what was found until
// then, nil where that is nothing.
func (s *Setup) LookRefused(ctx context.Context, found *Finding, refusal error) error {
	places := gateway.UsualPlaces(s.Options.Gateway, s.Options.Spec.SecretName)
	needed := places.LookRights()
	isSetUp := false
	if found != nil {
		places = found.places()
		needed = places.LookRights()
		_, isSetUp = found.Door.OurServer(found.Spec.SecretName)
	}
	if !isSetUp {
		needed = append(needed, s.writeRights(found, places)...)
	}
	return s.explainRefusal(ctx, places, needed, refusal)
}

// ProposalRefused does so where the look was allowed, and what is wanted cannot
// be planned with the user's rights.
func (s *Setup) ProposalRefused(ctx context.Context, found *Finding, refusal error) error {
	places := found.places()
	return s.explainRefusal(ctx, places, s.writeRights(found, places), refusal)
}

// writeRights are those of a first setup, without that to change a Gateway which
// would be handed over.
func (s *Setup) writeRights(found *Finding, places gateway.Places) []cluster.Right {
	rights := places.WriteRights()
	if found == nil || s.Options.Spec.Force || gateway.ManagerOf(found.Door.Gateway) == "" {
		return rights
	}
	return slices.DeleteFunc(rights, func(right cluster.Right) bool { return right.Resource == "gateways" })
}

func (s *Setup) explainRefusal(ctx context.Context, places gateway.Places, needed []cluster.Right, refusal error) error {
	if fault.ReasonOf(refusal) != fault.Forbidden {
		return refusal
	}
	return lack(ctx, s.Cluster, needed, wholeOf(places, needed), refusal)
}

func (f *Finding) places() gateway.Places { return f.Door.Places(f.Spec.SecretName) }

// wholeOf is what the Roles give: the way there and back, where anything is
// to be written.
func wholeOf(places gateway.Places, needed []cluster.Right) []cluster.Right {
	whole := places.LookRights()
	if slices.ContainsFunc(needed, func(right cluster.Right) bool { return !slices.Contains(whole, right) }) {
		whole = slices.Concat(whole, places.WriteRights(), places.TeardownRights())
	}
	for _, right := range needed {
		if !slices.Contains(whole, right) {
			whole = append(whole, right)
		}
	}
	return whole
}

// lack is the error for rights that are missing, else the refusal. Where the
// API server does not say, the dry run that follows will.
func lack(ctx context.Context, c *cluster.Cluster, needed, whole []cluster.Right, refusal error) error {
	missing, err := missingOf(ctx, c, needed)
	if err != nil && fault.ReasonOf(err) != fault.Forbidden {
		return err
	}
	if len(missing) == 0 {
		return refusal
	}
	user, err := c.User(ctx)
	if err != nil || user == "" {
		user = "USER" // older API servers do not tell
	}
	roles, err := gateway.Roles(whole, user)
	if err != nil {
		return err
	}
	return fault.Wrap(fault.Forbidden, lackHint, &LackError{Missing: missing, Roles: roles, refusal: refusal})
}

// missingOf asks for the rights. Who may not list EndpointSlices finds the pods
// by listing those.
func missingOf(ctx context.Context, c *cluster.Cluster, needed []cluster.Right) ([]cluster.Right, error) {
	missing, err := c.Missing(ctx, needed)
	sliced := slices.IndexFunc(missing, func(right cluster.Right) bool { return right.Resource == "endpointslices" })
	if err != nil || sliced < 0 {
		return missing, err
	}
	pods, err := c.Missing(ctx, []cluster.Right{{Verb: "list", Resource: "pods", Namespace: missing[sliced].Namespace}})
	if err == nil && len(pods) == 0 {
		missing = slices.Delete(missing, sliced, sliced+1)
	}
	return missing, err
}

const lackHint = "let an admin of the cluster apply the Roles that are printed: kubectl apply -f FILE"
