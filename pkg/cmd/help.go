package cmd

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpWidth is where text is wrapped, whatever the terminal, so that help reads
// the same everywhere.
const helpWidth = 80

// useKubectlHelp makes help read like kubectl's: description, examples,
// commands, options, usage, and where global options are found. It is written
// without text/template, whose use of reflection makes the linker keep every
// exported method of every package.
func useKubectlHelp(root *cobra.Command) {
	root.SetHelpFunc(func(c *cobra.Command, _ []string) {
		writeHelp(c.OutOrStdout(), c)
	})
	root.SetUsageFunc(func(c *cobra.Command) error {
		writeUsage(c.OutOrStderr(), c)
		return nil
	})
}

func writeHelp(w io.Writer, c *cobra.Command) {
	text := c.Long
	if text == "" {
		text = c.Short
	}
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		fmt.Fprintln(w, fill(paragraph))
		fmt.Fprintln(w)
	}
	writeUsage(w, c)
}

func writeUsage(w io.Writer, c *cobra.Command) {
	if c.HasExample() {
		fmt.Fprintf(w, "Examples:\n%s\n\n", indent(c.Example))
	}
	if c.HasAvailableSubCommands() {
		writeCommands(w, c)
	}
	if flags := ownFlags(c); flags.HasAvailableFlags() {
		fmt.Fprintln(w, "Options:")
		writeFlags(w, flags)
		fmt.Fprintln(w)
	}
	if c.HasParent() {
		fmt.Fprintf(w, "Usage:\n  %s\n\n", usageLine(c))
	} else {
		fmt.Fprintf(w, "Usage:\n  %s COMMAND [options]\n\n", c.CommandPath())
		fmt.Fprintf(w, "Use \"%s COMMAND --help\" for more information about a given command.\n", c.CommandPath())
	}
	fmt.Fprintf(w, "Use \"%s options\" for a list of global command-line options (applies to all commands).\n",
		c.Root().CommandPath())
}

func writeCommands(w io.Writer, c *cobra.Command) {
	fmt.Fprintln(w, "Available Commands:")
	for _, child := range c.Commands() {
		if child.IsAvailableCommand() {
			fmt.Fprintf(w, "  %-*s   %s\n", child.NamePadding(), child.Name(), child.Short)
		}
	}
	fmt.Fprintln(w)
}

// ownFlags are a command's flags without those that every command has.
func ownFlags(c *cobra.Command) *pflag.FlagSet {
	own := pflag.NewFlagSet(c.Name(), pflag.ContinueOnError)
	global := c.Root().PersistentFlags()
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" && global.Lookup(f.Name) == nil {
			own.AddFlag(f)
		}
	})
	return own
}

func usageLine(c *cobra.Command) string {
	line := c.Parent().CommandPath() + " " + c.Use
	if !c.DisableFlagsInUseLine && ownFlags(c).HasAvailableFlags() {
		line += " [options]"
	}
	return line
}

// writeFlags writes each flag as kubectl does: its name and default on one
// line, its text below.
func writeFlags(w io.Writer, flags *pflag.FlagSet) {
	separator := ""
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		short := "    "
		if f.Shorthand != "" {
			short += "-" + f.Shorthand + ", "
		}
		value := f.DefValue
		if f.Value.Type() == "string" {
			value = "'" + value + "'"
		}
		fmt.Fprintf(w, "%s%s--%s=%s:\n", separator, short, f.Name, value)
		for _, line := range wrap(f.Usage, helpWidth-8) {
			fmt.Fprintf(w, "\t%s\n", line)
		}
		separator = "\n"
	})
}

// fill breaks a paragraph anew. One with lines that begin with a blank, such
// as a list, stays as it is.
func fill(paragraph string) string {
	if strings.Contains("\n"+paragraph, "\n ") {
		return paragraph
	}
	return strings.Join(wrap(paragraph, helpWidth), "\n")
}

// wrap breaks text into lines of at most width characters, at blanks.
func wrap(text string, width int) []string {
	var lines []string
	for word := range strings.FieldsSeq(text) {
		last := len(lines) - 1
		if last < 0 || utf8.RuneCountInString(lines[last])+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, word)
			continue
		}
		lines[last] += " " + word
	}
	return lines
}

// indent puts two blanks before each line and takes away the blanks that all
// lines share.
func indent(text string) string {
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	shared := -1
	for _, line := range lines {
		if trimmed := strings.TrimLeft(line, " \t"); trimmed != "" {
			if depth := len(line) - len(trimmed); shared < 0 || depth < shared {
				shared = depth
			}
		}
	}
	for i, line := range lines {
		lines[i] = ""
		if trimmed := strings.TrimRight(line, " \t"); trimmed != "" {
			lines[i] = "  " + trimmed[shared:]
		}
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n ")
}

func newOptionsCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "options",
		Short:  "List the options that every command takes",
		Hidden: true,
		Args:   noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			w := c.OutOrStdout()
			fmt.Fprint(w, "The following options can be passed to any command:\n\n")
			writeFlags(w, c.Root().PersistentFlags())
			return nil
		},
	}
}
