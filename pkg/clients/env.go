package clients

import (
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

// shells set a variable in each shell's way. The value is one line.
var shells = []struct {
	name   string
	assign func(name, value string) (string, error)
}{
	{"posix", assignPosix},
	{"fish", assignFish},
	{"powershell", assignPowerShell},
	{"dotenv", assignDotenv},
}

// Shells are the shells for which the form "env" is written.
func Shells() []string {
	names := make([]string, len(shells))
	for i, shell := range shells {
		names[i] = shell.name
	}
	return names
}

// environment sets variables: KFTLS_URL, KFTLS_COOKIE, KFTLS_CA_FILE where
// there is one, and KF_PIPELINES_ENDPOINT, which the kfp SDK reads.
func environment(h *handover) ([]byte, error) {
	variables := [][2]string{
		{"KFTLS_URL", h.origin},
		// Set where it is empty, too: no cookie of another Kubeflow stays behind.
		{"KFTLS_COOKIE", session.Header(h.cookies)},
		{"KF_PIPELINES_ENDPOINT", h.origin + pipelinePath},
	}
	if h.CAFile != "" {
		variables = append(variables, [2]string{"KFTLS_CA_FILE", h.CAFile})
	}
	var out strings.Builder
	for _, variable := range variables {
		value, err := oneLine(variable[0], variable[1])
		if err != nil {
			return nil, err
		}
		line, err := assign(h.shell, variable[0], value)
		if err != nil {
			return nil, err
		}
		out.WriteString(line + "\n")
	}
	return []byte(out.String()), nil
}

// oneLine refuses what no line of a shell or of a file can hold.
func oneLine(what, value string) (string, error) {
	if strings.ContainsAny(value, "\n\r\x00") {
		return "", fault.New(fault.Usage, "", "%s has a line break in it", what)
	}
	return value, nil
}

func assign(shell, name, value string) (string, error) {
	for _, known := range shells {
		if known.name == shell {
			return known.assign(name, value)
		}
	}
	return "", fault.New(fault.Internal, "", "there is no shell %q", shell)
}

func assignPosix(name, value string) (string, error) {
	return "export " + name + "='" + strings.ReplaceAll(value, "'", `'\''`) + "'", nil
}

// assignFish: in fish's single quotes \ escapes itself and the quote.
// https://fishshell.com/docs/current/language.html#quotes
func assignFish(name, value string) (string, error) {
	return "set -gx " + name + " '" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'", nil
}

// assignPowerShell: PowerShell takes typographic quotes for single quotes, and
// each is escaped by doubling it (about_Quoting_Rules, and CharTraits.IsSingleQuote
// in its source).
func assignPowerShell(name, value string) (string, error) {
	double := strings.NewReplacer("'", "''", "‘", "‘‘", "’", "’’", "‚", "‚‚", "‛", "‛‛")
	return "$env:" + name + " = '" + double.Replace(value) + "'", nil
}

// assignDotenv writes what the readers of .env files agree about: within
// single quotes everything is literal, within double quotes all but " \ $ `.
// They differ about escapes, so a value that needs one cannot be written.
func assignDotenv(name, value string) (string, error) {
	switch {
	case !strings.Contains(value, "'") && !isSpecialToPython(value):
		return name + "='" + value + "'", nil
	case !strings.ContainsAny(value, "\"\\$`"):
		return name + `="` + value + `"`, nil
	}
	return "", fault.New(fault.Usage, "take --shell posix, fish or powershell",
		"programs that read .env files would understand the value of %s in different ways", name)
}

// isSpecialToPython: even within single quotes python-dotenv replaces ${NAME}
// and knows \\ and \' (variables.py and parser.py, 1.2).
func isSpecialToPython(value string) bool {
	return strings.Contains(value, "${") || strings.Contains(value, `\\`) || strings.HasSuffix(value, `\`)
}
