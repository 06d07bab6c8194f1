package diagnose

import (
	"strings"
	"unicode"
)

// Confidence is how sure a finding is.
type Confidence string

// The confidences, the surest first.
const (
	// Certain findings follow from the structure of what was read and observed.
	Certain Confidence = "certain"
	// Likely ones rest on a fact that could not be read, or on a text.
	Likely Confidence = "likely"
	// Possible ones rest on a pasted text alone.
	Possible Confidence = "possible"
)

func (c Confidence) rank() int {
	switch c {
	case Likely:
		return 1
	case Possible:
		return 2
	}
	return 0
}

// Finding is a cause that is there.
type Finding struct {
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	Title    string   `json:"title"`
	// Cause is what is wrong here, in a line.
	Cause      string     `json:"cause"`
	Confidence Confidence `json:"confidence"`
	Evidence   []Evidence `json:"evidence"`
	// Symptoms are those that were observed and that it explains; where nothing could
	// be observed, the one that its objects prove.
	Symptoms []Symptom `json:"symptoms"`
	Fix      Fix       `json:"fix"`
	// Follows are the codes of findings that are there because of this one.
	Follows []string `json:"follows,omitempty"`
	// URL is the page about the finding.
	URL string `json:"url"`

	check *Check
	// causes replaces the check's where the instance shows itself otherwise.
	causes []Symptom
	// observed is a symptom that the check itself saw: a contradiction that no
	// request of a diagnosis runs into, and users do.
	observed Symptom
	// proves is the symptom that its objects prove by themselves, on which roads; see
	// breaks. proven tells that it counts, since no road could be taken.
	proves Symptom
	on     reach
	proven bool
}

// Evidence is a fact that a finding rests on. It is made of fields that are no
// secrets, and holds no control characters.
type Evidence struct {
	// Source is what was looked at: an object, a road, a file, a program.
	Source string `json:"source"`
	// Field is what of it: spec.servers[1].tls.credentialName, a header, a variable.
	Field string `json:"field,omitempty"`
	// Value is what stands there.
	Value string `json:"value"`
}

func evidence(source, field, value string) Evidence {
	return Evidence{Source: plain(source), Field: field, Value: plain(value)}
}

// FixKind is who mends a finding, and how.
type FixKind string

// The kinds of fixes.
const (
	// FixCommand is mended by the commands as they are.
	FixCommand FixKind = "command"
	// FixEdit is an edit of what a GitOps controller or an installer applies.
	FixEdit FixKind = "edit"
	// FixAdmin wants rights that the user lacks.
	FixAdmin FixKind = "admin"
	// FixLocal is mended on this computer.
	FixLocal FixKind = "local"
)

// Fix is how to mend a finding.
type Fix struct {
	Kind FixKind `json:"kind"`
	// Text says what to do and why it helps.
	Text string `json:"text"`
	// Commands can be pasted one after the other.
	Commands []string `json:"commands,omitempty"`
	// Destructive tells that something is deleted or replaced.
	Destructive bool `json:"destructive,omitempty"`
}

func runs(text string, commands ...string) Fix {
	return Fix{Kind: FixCommand, Text: text, Commands: commands}
}

func locally(text string, commands ...string) Fix {
	return Fix{Kind: FixLocal, Text: text, Commands: commands}
}

func byAdmin(text string, commands ...string) Fix {
	return Fix{Kind: FixAdmin, Text: text, Commands: commands}
}

// quoted is a word for a POSIX shell: commands are pasted, and what they are made
// of may be anybody's who can write a Gateway.
func quoted(word string) string {
	plain := func(r rune) bool {
		return r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-._/:@%+=,", r))
	}
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool { return !plain(r) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// longest is how much of a foreign text is shown.
const longest = 300

// oneLine is a text without control characters, in one line.
func oneLine(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == ' '
	}), " ")
	return strings.ToValidUTF8(text, "�")
}

// plain is a text in one line, cut where it is long.
func plain(text string) string {
	text = oneLine(text)
	if runes := []rune(text); len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return text
}
