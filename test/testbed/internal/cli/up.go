package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/test/testbed/internal/control"
	"github.com/kftls/kubectl-kftls/test/testbed/internal/supervisor"
	"github.com/kftls/kubectl-kftls/test/testbed/profiles"
	"github.com/kftls/kubectl-kftls/test/testbed/variants"
)

// upFlags are the flags of `up`.
type upFlags struct {
	profile      string
	manifests    string
	variants     []string
	replicas     int
	readinessLag time.Duration
	timeout      time.Duration
	detach       bool
	audit        bool
	supervise    bool // the process that --detach leaves behind
}

func (a *app) upCommand() *cobra.Command {
	f := &upFlags{}
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start a testbed, and keep it until Ctrl-C",
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.manifests != "" && cmd.Flags().Changed("profile") {
				return usageError{errors.New("--manifests is in place of --profile: give one of them")}
			}
			return a.up(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.profile, "profile", profiles.Default, "which Kubeflow: "+strings.Join(profiles.Names(), ", "))
	flags.StringVar(&f.manifests, "manifests", "", "folder with the rendered manifests of a Kubeflow release, in place of a profile")
	flags.StringSliceVar(&f.variants, "variant", nil, "what differs from the profile, repeatable: "+strings.Join(variants.Names(), ", "))
	flags.IntVar(&f.replicas, "replicas", 2, "number of gateway pods")
	flags.DurationVar(&f.readinessLag, "readiness-lag", 2*time.Second, "how late the cluster learns that a pod is ready, or no more")
	flags.DurationVar(&f.timeout, "timeout", 2*time.Minute, "how long the start may take")
	flags.BoolVar(&f.detach, "detach", false, "return when everything is ready; 'testbed down' ends it")
	flags.BoolVar(&f.audit, "audit", false, "write every request to the API server to a file, which status names")
	flags.BoolVar(&f.supervise, superviseFlag, false, "")
	_ = flags.MarkHidden(superviseFlag)
	return cmd
}

func (f *upFlags) check() error {
	switch {
	case f.replicas < 1 || f.replicas > supervisor.MaxReplicas:
		return usageError{fmt.Errorf("--replicas is from 1 to %d, not %d", supervisor.MaxReplicas, f.replicas)}
	case f.readinessLag < 0:
		return usageError{fmt.Errorf("--readiness-lag may not be negative: %s", f.readinessLag)}
	case f.timeout <= 0:
		return usageError{fmt.Errorf("--timeout must be positive: %s", f.timeout)}
	}
	if f.supervise && !isSupervisor() {
		return usageError{errors.New("--" + superviseFlag + " is for up --detach alone")}
	}
	if _, err := profiles.Open(f.profile); err != nil {
		return usageError{err}
	}
	if _, err := variants.Resolve(f.variants); err != nil {
		return usageError{err}
	}
	return nil
}

func (a *app) up(ctx context.Context, f *upFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	if f.detach {
		return a.upDetached(ctx)
	}
	options, err := a.options(ctx, f)
	if err != nil {
		return err
	}
	starter := a.attached
	if f.supervise {
		starter = a.supervised
	}
	return starter(ctx, options)
}

// options finds everything that a testbed is started with.
func (a *app) options(ctx context.Context, f *upFlags) (supervisor.Options, error) {
	dir, err := a.testbedDir()
	if err != nil {
		return supervisor.Options{}, err
	}
	b, err := a.builder()
	if err != nil {
		return supervisor.Options{}, err
	}
	set, err := b.Find(ctx)
	if err != nil {
		return supervisor.Options{}, fmt.Errorf("%w (make testbed builds them, the first time in 10 to 20 minutes)", err)
	}
	self, err := os.Executable()
	if err != nil {
		return supervisor.Options{}, fmt.Errorf("find this program: %w", err)
	}
	files, err := profiles.Open(f.profile)
	if err != nil {
		return supervisor.Options{}, err
	}
	rendered := f.manifests
	if rendered != "" {
		if rendered, err = filepath.Abs(rendered); err != nil {
			return supervisor.Options{}, fmt.Errorf("find the manifests: %w", err)
		}
	}
	return supervisor.Options{
		Layout: supervisor.Layout{Dir: dir}, Profile: f.profile, Objects: files, Manifests: rendered, Variants: f.variants,
		Replicas: f.replicas, ReadinessLag: f.readinessLag, Audit: f.audit, StartLimit: f.timeout,
		Programs: set, Self: self,
		Done: a.stepDone, Note: a.note,
		Logf: a.logf,
	}, nil
}

// stepDone prints that a step of the start is done.
func (a *app) stepDone(step string, took time.Duration) {
	fmt.Fprintf(a.streams.Err, "✓ %-64s %5.1f s\n", step, took.Seconds())
}

// note prints what is not as in the manifests.
func (a *app) note(text string) { fmt.Fprintf(a.streams.Err, "· %s\n", text) }

// logf prints what goes wrong while a testbed runs.
func (a *app) logf(format string, args ...any) {
	fmt.Fprintf(a.streams.Err, time.Now().Format("15:04:05.000 ")+format+"\n", args...)
}

// attached runs a testbed in this process, until Ctrl-C.
func (a *app) attached(ctx context.Context, o supervisor.Options) error {
	o.Ready = func(status control.Status) {
		a.printReady(status)
		fmt.Fprintln(a.streams.Err, "Ctrl-C ends it.")
	}
	return supervisor.Run(ctx, o)
}

// printReady tells what runs where, and what to try next.
func (a *app) printReady(status control.Status) {
	a.printComponents(status)
	command := "bin/testbed"
	if a.dir != "" {
		command += " --dir " + filepath.Clean(a.dir)
	}
	fmt.Fprintf(a.streams.Out, `
The front door, a pod each: %s
Try:
  eval "$(%[2]s env)"
  curl -i %[3]s
  kubectl get pods -A
  kubectl port-forward svc/istio-ingressgateway -n istio-system 8080:80
  %[2]s status
  %[2]s down
`, strings.Join(status.Gateways, " "), command, status.Gateways[0])
}
