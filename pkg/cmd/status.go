package cmd

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/pkg/setup"
)

func newStatusCommand(f *Factory) *cobra.Command {
	var (
		flags  targetFlags
		output string
	)
	c := &cobra.Command{
		Use:   "status",
		Short: "Show what is set up and who is logged in, and until when",
		Long: "Show the certificate authority, the certificate and the HTTPS server that setup made, until when " +
			"they are valid, and what the gateway pods serve; and the sessions that this computer keeps for this " +
			"Kubeflow and for those that were reached by a URL. Changes nothing, and does not ask Kubeflow whether a session still holds.",
		Example: fmt.Sprintf(`
			# For people
			%[1]s status

			# For scripts
			%[1]s status -o json`, f.Name),
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := validateOutput(output, "json", "yaml"); err != nil {
				return err
			}
			target, err := flags.open(c.Context(), f)
			if err != nil {
				return err
			}
			inspector := target.inspector(f, flags.secretName)
			defer inspector.Dialer.Close()
			status, err := inspector.Inspect(c.Context())
			if err != nil {
				return err
			}
			report := statusReport{Status: status, Sessions: sessionsBehind(c.Context(), f, target, status)}
			if output != "" {
				return printObject(f.Streams.Out, output, report)
			}
			printStatus(f, report)
			return nil
		},
	}
	flags.add(c)
	c.Flags().StringVarP(&output, "output", "o", "", "One of 'yaml' or 'json'.")
	return c
}

// printStatus writes the status for people, on stdout.
func printStatus(f *Factory, s statusReport) {
	field := func(name, format string, args ...any) {
		fmt.Fprintf(f.Streams.Out, "%-13s %s\n", name+":", fmt.Sprintf(format, args...))
	}
	field("Context", "%s (%s)", s.Context, s.Server)
	field("Gateway", "%s, Service %s", s.Gateway, s.Service)
	if s.ManagedBy != "" {
		field("Managed by", "%s", s.ManagedBy)
	}
	field("Login", "%s", s.Login)
	if s.Port != 0 {
		field("HTTPS", "port %d, hosts %s", s.Port, strings.Join(s.Hosts, ", "))
	}
	if s.Certificate != nil {
		field("Certificate", "until %s%s, for %s", day(s.Certificate.NotAfter), nearEnd(s.Certificate), strings.Join(s.Certificate.Names, ", "))
	}
	if s.SecretUnknown != "" {
		field("Certificate", "not checked: %s", s.SecretUnknown)
	}
	if s.CA != nil {
		field("CA", "until %s%s, SHA-256 %s", day(s.CA.NotAfter), nearEnd(s.CA), s.CA.Fingerprint)
		field("CA key", "%s", keyPlace(s.CA))
	}
	for _, pod := range s.Pods {
		state := "serves it"
		if !pod.Serves {
			state = pod.Problem
		}
		if s.Port != 0 {
			field("Pod", "%s: %s", pod.Name, state)
		}
	}
	field("State", "%s", describeState(f, s.Status))
	for _, kept := range s.Sessions {
		field("Session", "%s", kept.line(f.Now()))
	}
	for _, note := range s.Notes {
		f.UI.Note("note: %s", note)
	}
}

func nearEnd(c *setup.CertificateStatus) string {
	if c.NearEnd {
		return " (near its end)"
	}
	return ""
}

func keyPlace(c *setup.CertificateStatus) string {
	if c.KeyHere {
		return "on this computer, beside " + c.Path
	}
	return "not on this computer"
}

func describeState(f *Factory, s *setup.Status) string {
	switch s.State {
	case setup.Serving:
		return "serving"
	case setup.NotServing:
		return "not all gateway pods serve the certificate; try '" + f.Name + " setup'"
	case setup.AwaitingSync:
		return fmt.Sprintf("waiting for the server to come from the source that %s keeps the Gateway by; '%s setup' prints the patch for it, '%[2]s setup --wait' verifies it", s.ManagedBy, f.Name)
	case setup.ServerMissing:
		return "the server is gone from the Gateway (an installer may have applied its own again); run '" + f.Name + " setup'"
	}
	return "not set up; begin with '" + f.Name + " setup'"
}
