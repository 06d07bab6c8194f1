package cmd

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/kftls/kubectl-kftls/pkg/cluster"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/state"
	"github.com/kftls/kubectl-kftls/pkg/ui"
)

// Environment is what a program finds in its environment. main reads it; no
// package does.
type Environment struct {
	// Get looks up a variable; nil finds none.
	Get func(name string) string
	// All lists the variables as NAME=value, for a child process; nil means none.
	All func() []string
	// Login and Password are KFTLS_LOGIN and KFTLS_PASSWORD. main takes them out
	// of the environment first, so that no child process gets them, a credential
	// plugin of the kubeconfig included.
	Login, Password string
}

// Factory holds what the verbs share. What costs something is made when it is
// first asked for, once.
type Factory struct {
	// Name is the program as the user calls it: "kubectl kftls" or the name of
	// its file.
	Name string
	// Streams are the standard streams; results go to Streams.Out.
	Streams ui.Streams
	// UI writes for people.
	UI *ui.UI
	// Env looks up an environment variable.
	Env func(name string) string
	// Environ lists the environment as NAME=value, for a child process.
	Environ func() []string
	// Login and Password are those of the environment, "" where there are none.
	Login, Password string
	// Now is the clock of everything that is done.
	Now func() time.Time
	// Verbosity is the level of -v.
	Verbosity int32
	// ConfigFlags choose the cluster.
	ConfigFlags *genericclioptions.ConfigFlags

	cluster func() (*cluster.Cluster, error)
	home    func() (*state.Home, error)
}

func newFactory(argv0 string, streams ui.Streams, env Environment) *Factory {
	if env.Get == nil {
		env.Get = func(string) string { return "" }
	}
	if env.All == nil {
		env.All = func() []string { return nil }
	}
	terminal := ui.New(streams, env.Get)
	f := &Factory{
		Name:        programName(argv0),
		Streams:     streams,
		UI:          terminal,
		Env:         env.Get,
		Environ:     env.All,
		Login:       env.Login,
		Password:    env.Password,
		Now:         time.Now,
		ConfigFlags: newConfigFlags(terminal.Warn),
	}
	f.cluster = sync.OnceValues(f.openCluster)
	f.home = sync.OnceValues(f.openHome)
	return f
}

// Cluster opens the cluster of the kubeconfig context. It sends no request.
func (f *Factory) Cluster(ctx context.Context) (*cluster.Cluster, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return f.cluster()
}

func (f *Factory) openCluster() (*cluster.Cluster, error) {
	return cluster.New(f.ConfigFlags, cluster.Options{
		Context:     *f.ConfigFlags.Context,
		ServerGiven: *f.ConfigFlags.APIServer != "",
		UserAgent:   userAgent(),
		Now:         f.Now,
	})
}

// Home opens what is kept on this computer: KFTLS_HOME, or kftls in the user's
// configuration folder.
func (f *Factory) Home() (*state.Home, error) { return f.home() }

func (f *Factory) openHome() (*state.Home, error) {
	dir := f.Env("KFTLS_HOME")
	if dir == "" {
		config, err := os.UserConfigDir()
		if err != nil {
			return nil, fault.New(fault.LocalState, "name a folder of your own: export KFTLS_HOME=DIR",
				"find the folder for settings: %w", err)
		}
		dir = filepath.Join(config, "kftls")
	}
	return state.Open(dir, f.Now)
}
