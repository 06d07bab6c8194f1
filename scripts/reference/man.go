package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// manPage is one page for all commands, in the macros of man(7). It holds no
// date: the same commands make the same bytes.
func manPage(root *cobra.Command) []byte {
	var b bytes.Buffer
	b.WriteString(`.TH KUBECTL-KFTLS 1 "" "kubectl-kftls" "User Commands"` + "\n")
	fmt.Fprintf(&b, ".SH NAME\nkubectl\\-kftls \\- %s\n", roff(root.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B kubectl kftls\n.I COMMAND\n[options]\n")
	fmt.Fprint(&b, ".SH DESCRIPTION\n")
	paragraphs(&b, root.Long)
	fmt.Fprint(&b, ".SH COMMANDS\n")
	for _, c := range shown(root) {
		fmt.Fprintf(&b, ".SS %s\n", roff(usage(c)))
		paragraphs(&b, long(c))
		flagList(&b, ownFlags(c))
		if c.HasExample() {
			fmt.Fprint(&b, ".PP\nExamples:\n")
			verbatim(&b, outdent(c.Example))
		}
	}
	fmt.Fprint(&b, ".SH OPTIONS\nThese can be passed to any command.\n")
	flagList(&b, root.PersistentFlags())
	fmt.Fprint(&b, ".SH ENVIRONMENT\n")
	for _, variable := range [][2]string{
		{"KUBECONFIG", "the kubeconfig files, as for kubectl"},
		{"KFTLS_HOME", "the folder for CAs and sessions, instead of kftls in the user's folder for settings"},
		{"KFTLS_LOGIN, KFTLS_PASSWORD", "the login and password of Kubeflow; no program that is started sees them"},
	} {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(variable[0]), roff(variable[1]))
	}
	fmt.Fprint(&b, ".SH EXIT STATUS\n0 done; 1 an error; 2 usage, or a question answered with no; 3 renewal is due, or nothing could be looked at; "+
		"4 login needed or refused; 124 timed out; 130 interrupted. run ends with the code of its command.\n")
	fmt.Fprint(&b, ".SH SEE ALSO\n.BR kubectl (1)\n.PP\nhttps://github.com/kftls/kubectl\\-kftls\n")
	return b.Bytes()
}

func paragraphs(b *bytes.Buffer, text string) {
	for i, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i > 0 {
			b.WriteString(".PP\n")
		}
		if strings.Contains("\n"+paragraph, "\n ") {
			verbatim(b, paragraph)
			continue
		}
		fmt.Fprintln(b, roff(paragraph))
	}
}

// verbatim keeps the lines of a text.
func verbatim(b *bytes.Buffer, text string) {
	fmt.Fprintf(b, ".PP\n.nf\n.RS\n%s\n.RE\n.fi\n", roff(text))
}

func flagList(b *bytes.Buffer, flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		if f.DefValue != "" && f.DefValue != "[]" {
			name += "=" + f.DefValue
		}
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(name), roff(f.Usage))
	})
}

// roff escapes what troff would take for commands: backslashes, hyphens that
// are minus signs, and a point or quote that begins a line.
func roff(text string) string {
	lines := strings.Split(strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
