package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const notice = "<!-- Written by make docs, from the commands themselves. -->\n\n"

func indexPage(root *cobra.Command) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s# Commands\n\n%s\n\n| command | does |\n|---|---|\n", notice, escape(root.Long))
	for _, c := range shown(root) {
		fmt.Fprintf(&b, "| [`%s`](%s.md) | %s |\n", c.CommandPath(), c.Name(), cell(c.Short))
	}
	fmt.Fprintf(&b, "\nEvery command takes [these options](options.md), too. "+
		"`kubectl kftls COMMAND --help` prints what the pages say, `man kubectl-kftls` all of them.\n")
	return b.Bytes()
}

func optionsPage(root *cobra.Command) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s# Options that every command takes\n\n", notice)
	flagTable(&b, root.PersistentFlags())
	return b.Bytes()
}

func commandPage(c *cobra.Command) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s# %s\n\n%s\n\n```text\n%s\n```\n", notice, c.CommandPath(), escape(long(c)), usage(c))
	if c.HasExample() {
		fmt.Fprintf(&b, "\n## Examples\n\n```sh example\n%s\n```\n", outdent(c.Example))
	}
	if flags := ownFlags(c); flags.HasAvailableFlags() {
		fmt.Fprint(&b, "\n## Options\n\n")
		flagTable(&b, flags)
	}
	fmt.Fprint(&b, "\nAnd [those that every command takes](options.md).\n")
	return b.Bytes()
}

func flagTable(b *bytes.Buffer, flags *pflag.FlagSet) {
	fmt.Fprint(b, "| option | default | does |\n|---|---|---|\n")
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		name := "`--" + f.Name + "`"
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		value := ""
		if f.DefValue != "" && f.DefValue != "[]" {
			value = "`" + f.DefValue + "`"
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", name, value, cell(f.Usage))
	})
}

// escape keeps what Markdown would take for a mark, outside of lists of texts
// that stand as they are.
func escape(text string) string {
	paragraphs := strings.Split(strings.TrimSpace(text), "\n\n")
	for i, paragraph := range paragraphs {
		if strings.Contains("\n"+paragraph, "\n ") {
			paragraphs[i] = "```text\n" + paragraph + "\n```"
			continue
		}
		paragraphs[i] = mask(paragraph)
	}
	return strings.Join(paragraphs, "\n\n")
}

// mask escapes what Markdown and HTML take for marks.
func mask(text string) string {
	return strings.NewReplacer(`<`, `\<`, `*`, `\*`, `_`, `\_`, "`", "\\`").Replace(text)
}

// cell is text for a cell of a table.
func cell(text string) string {
	return strings.ReplaceAll(mask(strings.Join(strings.Fields(text), " ")), "|", `\|`)
}

// outdent takes away the two blanks before each line.
func outdent(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, "  ")
	}
	return strings.Join(lines, "\n")
}

func long(c *cobra.Command) string {
	if c.Long == "" {
		return c.Short
	}
	return c.Long
}

func usage(c *cobra.Command) string {
	line := c.Parent().CommandPath() + " " + c.Use
	if !c.DisableFlagsInUseLine && ownFlags(c).HasAvailableFlags() {
		line += " [options]"
	}
	return line
}

// ownFlags are a command's flags without those that every command has.
func ownFlags(c *cobra.Command) *pflag.FlagSet {
	own := pflag.NewFlagSet(c.Name(), pflag.ContinueOnError)
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" && c.Root().PersistentFlags().Lookup(f.Name) == nil {
			own.AddFlag(f)
		}
	})
	return own
}
