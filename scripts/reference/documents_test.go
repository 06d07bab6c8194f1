package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/kftls/kubectl-kftls/pkg/cmd"
)

// block is a piece of code in a document. Its kind is what stands behind the
// fence: "sh" is run by a story, line by line; "sh example" is shown, since it
// needs what a test has not; others are no commands.
type block struct {
	at, kind string
	lines    []string
}

// kinds are all there are.
var kinds = map[string]bool{"sh": true, "sh example": true, "text": true, "mermaid": true, "python": true, "json": true, "yaml": true}

var listItem = regexp.MustCompile(`^(\d+\.|[-*]| ) `)

// documents are what people wrote, and the reference, by path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	root := filepath.Join("..", "..")
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/reference/*.md", "docs/findings/*.md"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no documents %s: %v", pattern, err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			name, err := filepath.Rel(root, path)
			if err != nil {
				t.Fatal(err)
			}
			found[filepath.ToSlash(name)] = string(text)
		}
	}
	return found
}

// blocks are the pieces of code of a document, and the prose between them.
func blocks(name, text string) (code []block, prose []string) {
	var open *block
	for i, line := range strings.Split(text, "\n") {
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && open == nil:
			open = &block{at: fmt.Sprintf("%s:%d", name, i+1), kind: fence}
		case isFence:
			code, open = append(code, *open), nil
		case open != nil:
			open.lines = append(open.lines, line)
		default:
			prose = append(prose, line)
		}
	}
	if open != nil {
		code = append(code, block{at: open.at, kind: "a fence that is not closed"})
	}
	return code, prose
}

// commands are the lines of a block as a shell takes them: continued lines in
// one, without comments behind them.
func (b block) commands() []string {
	var all []string
	for line := range strings.SplitSeq(strings.ReplaceAll(strings.Join(b.lines, "\n"), "\\\n", " "), "\n") {
		if line, _, _ = strings.Cut(line, " # "); strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "#") {
			all = append(all, strings.TrimSpace(line))
		}
	}
	return all
}

func TestCodeInDocumentsIsOfAKnownKind(t *testing.T) {
	for name, text := range documents(t) {
		code, prose := blocks(name, text)
		for _, b := range code {
			if !kinds[b.kind] {
				t.Errorf("%s: the block is of kind %q; say whether its lines are run by a story (sh), an example (sh example), or no commands (text)", b.at, b.kind)
			}
		}
		inList := false
		for _, line := range prose {
			indented := strings.HasPrefix(line, "    ")
			if indented && !inList {
				t.Errorf("%s: put a fence around %q, and say what kind it is", name, line)
			}
			if !indented && line != "" {
				inList = listItem.MatchString(line)
			}
		}
	}
}

// TestLinesThatAreSaidToBeRunAreRun: the story that runs the documents' lines
// chooses each by itself or by its beginning.
func TestLinesThatAreSaidToBeRunAreRun(t *testing.T) {
	shown := map[string]bool{}
	for name, text := range documents(t) {
		code, _ := blocks(name, text)
		for _, b := range code {
			if b.kind != "sh" {
				continue
			}
			for _, line := range b.commands() {
				shown[line] = true
			}
		}
	}
	if len(shown) == 0 {
		t.Fatal("no document shows a line that is run")
	}
	run := map[string]bool{}
	for _, words := range linesOfTheStory(t) {
		var met []string
		for line := range shown {
			if line == words {
				met = []string{line}
				break
			}
			if strings.HasPrefix(line, words) {
				met = append(met, line)
			}
		}
		if len(met) != 1 {
			t.Errorf("the story runs %q, which begins the lines %q", words, met)
			continue
		}
		run[met[0]] = true
	}
	for line := range shown {
		if !run[line] {
			t.Errorf("no story runs %q; let the-lines-of-the-documents.txtar run it, or mark the block as an example", line)
		}
	}
}

func linesOfTheStory(t *testing.T) []string {
	t.Helper()
	story, err := os.ReadFile(filepath.Join("..", "..", "test", "e2e", "testdata", "changing", "the-lines-of-the-documents.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, match := range regexp.MustCompile(`lines\.sh '([^']+)'`).FindAllStringSubmatch(string(story), -1) {
		lines = append(lines, match[1])
	}
	return lines
}

// TestCommandsInDocumentsExist parses each kubectl kftls that a document shows
// or mentions, with the commands and flags that there are.
func TestCommandsInDocumentsExist(t *testing.T) {
	count := 0
	for name, text := range documents(t) {
		code, prose := blocks(name, text)
		var lines []string
		for _, b := range code {
			if strings.HasPrefix(b.kind, "sh") {
				lines = append(lines, b.commands()...)
			}
		}
		for paragraph := range strings.SplitSeq(strings.Join(prose, "\n"), "\n\n") {
			lines = append(lines, mentions(paragraph)...)
		}
		for _, line := range lines {
			for _, words := range invocations(line) {
				count++
				if err := parses(cmd.Tree(), words); err != nil {
					t.Errorf("%s: %q: %v", name, line, err)
				}
			}
		}
	}
	if count < 100 {
		t.Errorf("only %d commands were found", count)
	}
}

// mentions are the pieces of code within a paragraph or table.
func mentions(paragraph string) []string {
	paragraph = strings.NewReplacer("\n", " ", "\\`", "", `\|`, "|").Replace(paragraph)
	var code []string
	for i, piece := range strings.Split(paragraph, "`") {
		if i%2 == 1 {
			code = append(code, piece)
		}
	}
	return code
}

// parses tells whether words are a command with flags that it has. Values may
// be placeholders; words in capitals stand for any command.
func parses(root *cobra.Command, words []string) error {
	if len(words) == 0 || words[0] == strings.ToUpper(words[0]) || strings.HasPrefix(words[0], "…") {
		return nil
	}
	c, rest, err := root.Find(words)
	if err != nil || c == root {
		return fmt.Errorf("there is no such command (%w)", err)
	}
	c.InitDefaultHelpFlag()
	for i, word := range rest {
		word, value, given := strings.Cut(word, "=")
		if word == "--" {
			return nil
		}
		flag := c.Flag(strings.TrimLeft(word, "-"))
		if !strings.HasPrefix(word, "--") {
			if len(word) != 2 || word[0] != '-' {
				continue
			}
			if flag = c.Flags().ShorthandLookup(word[1:]); flag == nil {
				flag = c.InheritedFlags().ShorthandLookup(word[1:])
			}
		}
		if flag == nil {
			return fmt.Errorf("%s has no %s", c.CommandPath(), word)
		}
		needsValue := flag.NoOptDefVal == "" && flag.Value.Type() != "bool"
		if needsValue && !given && i == len(rest)-1 && !strings.HasPrefix(word, "--") {
			return fmt.Errorf("%s lacks its value", word)
		}
		if given && flag.Value.Type() == "bool" && value != "true" && value != "false" {
			return fmt.Errorf("%s takes no value %q", word, value)
		}
	}
	return nil
}

// invocations are the words behind each "kubectl kftls" of a line, up to what
// ends a command in a shell.
func invocations(line string) [][]string {
	var all [][]string
	for _, part := range strings.Split(line, "kubectl kftls ")[1:] {
		var words []string
		for _, word := range strings.Fields(part) {
			end := strings.IndexAny(word, `|;&<>)"`+"`")
			if strings.HasPrefix(word, "'") || strings.HasPrefix(word, `"`) {
				break
			}
			if end == 0 {
				break
			}
			if end > 0 {
				words = append(words, word[:end])
				break
			}
			words = append(words, strings.TrimRight(word, ",.:"))
		}
		all = append(all, words)
	}
	return all
}

// TestLinksLead to files, and to headings in them.
func TestLinksLead(t *testing.T) {
	docs := documents(t)
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for name, text := range docs {
		_, prose := blocks(name, text)
		for _, match := range link.FindAllStringSubmatch(strings.Join(prose, "\n"), -1) {
			if strings.Contains(match[1], "://") {
				continue
			}
			file, heading, _ := strings.Cut(match[1], "#")
			target := name
			if file != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(name), file))
			}
			if _, err := os.Stat(filepath.Join("..", "..", target)); err != nil {
				t.Errorf("%s links to %s, which is not there", name, match[1])
				continue
			}
			if heading != "" && !hasHeading(docs[target], heading) {
				t.Errorf("%s links to %s, and %s has no such heading", name, match[1], target)
			}
		}
	}
}

// hasHeading looks for a heading under the name that GitHub gives it.
func hasHeading(text, name string) bool {
	dropped := regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	for line := range strings.Lines(text) {
		title := strings.TrimLeft(line, "#")
		if title == line {
			continue
		}
		title = dropped.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), "")
		if strings.ReplaceAll(title, " ", "-") == name {
			return true
		}
	}
	return false
}

func TestWordsOfCommandsAreFound(t *testing.T) {
	for line, want := range map[string]string{
		`curl --cacert "$(kubectl kftls ca -o path)" https://localhost:8443/`: `[[ca -o path]]`,
		`kubectl kftls cookie | pbcopy`:                                       `[[cookie]]`,
		`kubectl kftls run -- sh -c 'x'`:                                      `[[run -- sh -c]]`,
		`kubectl kftls port-forward &`:                                        `[[port-forward]]`,
		`kubectl kftls ca && kubectl kftls logout --all`:                      `[[ca] [logout --all]]`,
	} {
		if got := fmt.Sprint(invocations(line)); got != want {
			t.Errorf("%q: got %s, want %s", line, got, want)
		}
	}
	for words, good := range map[string]bool{
		"setup --san x": true, "setup --sam x": false, "setpu": false, "cookie -o curl": true, "cookie -x": false,
		"COMMAND --help": true, "version --client=perhaps": false, "run -- ls --colour": true, "ca -o": false,
	} {
		if err := parses(cmd.Tree(), strings.Fields(words)); (err == nil) != good {
			t.Errorf("%q: %v", words, err)
		}
	}
}
