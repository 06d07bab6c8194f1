package cmd

import (
	"fmt"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/setup"
)

// printStatus writes the status for people, on stdout.
func printStatus(f *Factory, s statusReport) {
	field := func(name, format string, args ...any) {
		fmt.Fprintf(f.UI.Out(), "%-13s %s\n", name+":", fmt.Sprintf(format, args...))
	}
	if s.Context != "" {
		field("Context", "%s (%s)", s.Context, s.Server)
	}
	if s.State == setup.Unknown {
		printLocal(field, s.Local)
	} else {
		field("Gateway", "%s, Service %s", s.Gateway, s.Service)
		if s.ManagedBy != "" {
			field("Managed by", "%s", s.ManagedBy)
		}
		field("Login", "%s", s.Login)
	}
	if s.Port != 0 {
		field("HTTPS", "port %d, hosts %s", s.Port, strings.Join(s.Hosts, ", "))
	}
	if s.Certificate != nil {
		field("Certificate", "until %s%s, for %s", day(s.Certificate.NotAfter), nearEnd(s.Certificate), strings.Join(s.Certificate.Names, ", "))
	}
	if s.Renewal != nil {
		field("Renewal", "%s", renewal(s.Renewal))
	}
	if s.SecretUnknown != "" {
		field("Secret", "not checked: %s", s.SecretUnknown)
	}
	if s.CA != nil {
		field("CA", "until %s%s, SHA-256 %s", day(s.CA.NotAfter), nearEnd(s.CA), s.CA.Fingerprint)
		field("CA key", "%s", keyPlace(s.CA, s.SetUpBy))
	}
	if s.SetUpBy != nil {
		field("Set up by", "%s", setUpBy(s.SetUpBy))
	}
	for _, pod := range s.Pods {
		state := "serves it"
		if !pod.Serves {
			state = pod.Problem
			if pod.Certificate != nil {
				state += ", until " + day(pod.Certificate.NotAfter)
			}
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

func keyPlace(c *setup.CertificateStatus, by *setup.SetUpByStatus) string {
	switch {
	case c.KeyHere:
		return "on this computer, beside " + c.Path
	case c.KeyPath != "":
		return "not copied; read from " + c.KeyPath
	case by != nil && by.CAKey == gateway.KeyDiscarded:
		return "thrown away by who set it up"
	case by != nil && by.CAKey == gateway.KeyGiven:
		return "kept by who gave it"
	}
	return "not on this computer"
}

func setUpBy(by *setup.SetUpByStatus) string {
	who := "a computer that is not recorded"
	switch {
	case by.ThisComputer:
		who = "this computer"
	case by.Computer != "":
		who = "computer " + by.Computer
	}
	if by.FieldManager != "" {
		who += " (as " + by.FieldManager + ")"
	}
	return who + ", on " + day(by.Since)
}

func renewal(r *setup.RenewalStatus) string {
	if r.Due {
		return "due since " + day(r.From)
	}
	return "due from " + day(r.From)
}

// printLocal shows what this computer keeps.
func printLocal(field func(name, format string, args ...any), local *setup.LocalStatus) {
	field("Computer", "%s, keeps it in %s", local.Computer, local.Folder)
	for _, authority := range local.Authorities {
		text := "SHA-256 " + authority.Fingerprint
		switch {
		case authority.Problem != "":
			text += ", which cannot be read: " + authority.Problem
		case authority.KeyHere:
			text += ", until " + day(*authority.NotAfter) + ", with its key"
		case authority.KeyPath != "":
			text += ", until " + day(*authority.NotAfter) + ", its key read from " + authority.KeyPath
		default:
			text += ", until " + day(*authority.NotAfter) + ", without its key"
		}
		for _, origin := range authority.Origins {
			text += ", for " + origin.Gateway + " of " + origin.Server
		}
		field("CA", "%s", text)
	}
	if local.Problem != "" {
		field("Problem", "%s", local.Problem)
	}
}

func describeState(f *Factory, s *setup.Status) string {
	switch s.State {
	case setup.Serving:
		return "serving"
	case setup.NotServing:
		return "not all gateway pods serve the certificate; try '" + f.Name + " setup'"
	case setup.Unknown:
		return "unknown: the cluster was not asked, or did not answer"
	case setup.AwaitingSync:
		return fmt.Sprintf("waiting for the server to come from the source that %s keeps the Gateway by; '%s setup' prints the patch for it, '%[2]s setup --wait' verifies it", s.ManagedBy, f.Name)
	case setup.ServerMissing:
		return "the server is gone from the Gateway (an installer may have applied its own again); run '" + f.Name + " setup'"
	}
	return "not set up; begin with '" + f.Name + " setup'"
}
