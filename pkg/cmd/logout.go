package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/pkg/endpoint"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/session"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

type logoutOptions struct {
	sessionFlags

	all     bool
	factory *Factory
}

func newLogoutCommand(f *Factory) *cobra.Command {
	o := &logoutOptions{factory: f}
	c := &cobra.Command{
		Use:   "logout",
		Short: "Sign out of Kubeflow, and delete the session",
		Long: "Delete every copy of a session that this program keeps, kfp's context included, and sign out at Kubeflow. " +
			"What is kept here is deleted also while Kubeflow or the cluster cannot be reached.\n\n" +
			"The oauth2-proxy of Kubeflow 1.9 and later cannot revoke a session: copies of the cookie stay valid until its end.",
		Example: fmt.Sprintf(`
			# The session for the current context
			%[1]s logout

			# One of several
			%[1]s logout --login user@example.com

			# Every session on this computer, of every Kubeflow
			%[1]s logout --all`, f.Name),
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	o.endpointFlags.add(c)
	c.Flags().StringVar(&o.login, "login", "", "Whose session, where there are several")
	c.Flags().BoolVar(&o.all, "all", false, "If true, delete every session on this computer, of every Kubeflow and login")
	return c
}

func (o *logoutOptions) run(ctx context.Context) error {
	if _, err := o.validate(); err != nil {
		return err
	}
	if o.all && o.login != "" {
		return fault.New(fault.Usage, "leave one of them out", "--all and --login exclude each other")
	}
	home, err := o.factory.Home()
	if err != nil {
		return err
	}
	store, err := home.Sessions(ctx, "", state.SystemKeyring())
	if err != nil && o.all { // what a keyring keeps from being read can still be deleted
		o.factory.UI.Warn("nobody is signed out, since the sessions cannot be read, only deleted: %v", err)
		return home.RemoveSessions(ctx, state.SystemKeyring())
	}
	if err != nil {
		return err
	}
	chosen, err := o.choose(ctx, store)
	if err != nil {
		return err
	}
	if len(chosen) == 0 {
		o.factory.UI.Note("no session is kept%s", o.where())
	}
	failed := errors.Join(o.delete(ctx, home, store, chosen), o.forgetInKFP(home, chosen))
	o.signOut(ctx, chosen)
	return failed
}

// delete deletes the chosen sessions; with --all also what cannot be read, and
// the key in the keyring.
func (o *logoutOptions) delete(ctx context.Context, home *state.Home, store *state.Sessions, chosen []keptSession) (failed error) {
	if o.all {
		return home.RemoveSessions(ctx, state.SystemKeyring())
	}
	for _, kept := range chosen {
		failed = errors.Join(failed, store.Delete(kept.id))
	}
	return failed
}

func (o *logoutOptions) where() string {
	if o.all {
		return " on this computer"
	}
	return " for this Kubeflow; for every one on this computer: " + o.factory.Name + " logout --all"
}

// choose finds the sessions that are meant. It asks no cluster: a session can be
// deleted while its Kubeflow is away.
func (o *logoutOptions) choose(ctx context.Context, store *state.Sessions) ([]keptSession, error) {
	matches, err := o.place(ctx)
	if err != nil {
		return nil, err
	}
	kept, err := keptSessions(store, matches)
	if err != nil || o.all {
		return kept, err
	}
	if o.login != "" {
		return slices.DeleteFunc(kept, func(k keptSession) bool { return k.id.Login != o.login }), nil
	}
	var logins []state.SessionID
	for _, k := range kept {
		if !slices.ContainsFunc(logins, func(id state.SessionID) bool { return id.Login == k.id.Login }) {
			logins = append(logins, k.id)
		}
	}
	if len(logins) > 1 {
		return nil, severalLogins(logins)
	}
	return kept, nil
}

// place tells which sessions belong to the Kubeflow that the flags name, from
// before and after a setup.
func (o *logoutOptions) place(ctx context.Context) (func(endpoint.Place) bool, error) {
	origin, err := o.validate()
	switch {
	case err != nil:
		return nil, err
	case o.all:
		return func(endpoint.Place) bool { return true }, nil
	case origin != nil:
		return func(p endpoint.Place) bool { return p.URL == origin.String() }, nil
	}
	cluster, err := o.factory.Cluster(ctx)
	if err != nil {
		return nil, err
	}
	gateway, err := o.target.resolve(o.factory)
	if err != nil {
		return nil, err
	}
	return func(p endpoint.Place) bool {
		return p.Cluster.Server == cluster.Server &&
			(gateway.Name == "" || p.Cluster.Gateway == gateway.String()) &&
			(o.host == "" || p.Host == o.host)
	}, nil
}

// signOut tells Kubeflow, as far as it can be reached, and says what stays
// valid. On this computer the sessions are gone already.
func (o *logoutOptions) signOut(ctx context.Context, chosen []keptSession) {
	for _, k := range chosen {
		o.factory.UI.Note("deleted the session of %s at %s", k.id.Login, k.place)
		if o.isAlive(k) {
			o.report(k, o.signOutOf(ctx, k))
		}
	}
}

// signOutOf calls the sign-out of one session.
func (o *logoutOptions) signOutOf(ctx context.Context, k keptSession) error {
	way, err := o.wayTo(ctx, k.place)
	if err != nil {
		return err
	}
	defer way.Close()
	return o.client(o.factory, way).SignOut(ctx, k.session)
}

// wayTo opens the way to a place: to any URL, and to the cluster that the flags
// name.
func (o *logoutOptions) wayTo(ctx context.Context, place endpoint.Place) (*endpoint.Endpoint, error) {
	if place.URL != "" {
		origin, err := endpoint.ParseURL(place.URL, true)
		if err != nil {
			return nil, err
		}
		return endpoint.Direct(origin, o.trust)
	}
	way, err := o.open(ctx, o.factory)
	if err != nil {
		return nil, err
	}
	if endpoint.ParseKey(way.Key) != place {
		way.Close()
		return nil, errors.New("only the cluster that the flags name is asked")
	}
	return way, nil
}

// isAlive tells that there is something to sign out of.
func (o *logoutOptions) isAlive(k keptSession) bool {
	return k.session != nil && k.session.Valid(o.factory.Now(), 0)
}

// report says what Kubeflow made of a sign-out.
func (o *logoutOptions) report(k keptSession, err error) {
	stays := until(k.session.Expires, o.factory.Now())
	switch {
	case err != nil:
		o.factory.UI.Warn("%s is not signed out at Kubeflow, and copies of the cookie stay valid there %s: %v", k.id.Login, stays, err)
	case k.session.Era == session.EraAuthService:
		o.factory.UI.Note("signed %s out: copies of the cookie are worth nothing any more", k.id.Login)
	default:
		o.factory.UI.Note("note: oauth2-proxy cannot revoke a session: copies of the cookie elsewhere stay valid %s", stays)
	}
}
