package pasted

import "strings"

// depth says how near a passage is to the cause.
type depth int

const (
	cause   depth = iota // names the thing that is wrong
	symptom              // what a cause looks like from outside
	wrapper              // says that something failed, and repeats or hides why
)

// text is a passage that a program writes.
type text struct {
	pattern string
	says    string
	codes   string // with spaces between
	depth   depth
	seen    string // if not as the rest of the table
}

// table holds the texts of one program.
type table struct {
	program string
	seen    string
	// speakers name the programs that write the texts of this one behind words
	// of their own.
	speakers []speaker
	texts    []text
}

type speaker struct {
	words, program, seen string
}

// match is a text that was found.
type match struct {
	program, seen, quote, says, codes string
	depth                             depth
	start, end                        int
}

// tables are built when they are asked for: no other command needs them.
func tables() []table {
	return []table{
		curlTexts(), opensslTexts(), pythonTexts(), goTexts(), nodeTexts(), javaTexts(), gnutlsTexts(),
		windowsTexts(), boringTexts(), chromeTexts(), firefoxTexts(),
		kubectlTexts(), forwardTexts(), istiodSecretTexts(), istiodTexts(), analyzeTexts(),
		envoyTexts(), envoyLogTexts(), jwtTexts(),
		proxyTexts(), serviceTexts(), dexTexts(), pipelinesTexts(), clientTexts(),
	}
}

// matchLimit is how many places of one text are looked at: a log repeats itself.
const matchLimit = 20

func findTexts(s string, tables []table) []match {
	var found []match
	for _, t := range tables {
		for _, x := range t.texts {
			found = append(found, findText(s, t, x)...)
		}
	}
	var out []match
	for i, m := range found {
		if !isPart(i, found) {
			out = append(out, m)
		}
	}
	return out
}

func findText(s string, t table, x text) []match {
	elements := parsePattern(x.pattern)
	literal := firstLiteral(elements)
	var found []match
	for from := 0; len(found) < matchLimit; {
		at := strings.Index(s[from:], literal)
		if at < 0 {
			break
		}
		at += from
		from = at + len(literal)
		end, quote, ok := matchAt(elements, s, at)
		if !ok {
			continue
		}
		m := match{
			program: t.program, seen: t.seen, quote: quote, says: x.says, codes: x.codes,
			depth: x.depth, start: at, end: end,
		}
		if x.seen != "" {
			m.seen = x.seen
		}
		found = append(found, spoken(m, s, t.speakers))
		from = max(from, end)
	}
	return found
}

// spoken finds out which program repeats the text of a library.
func spoken(m match, s string, speakers []speaker) match {
	for _, sp := range speakers {
		if strings.HasSuffix(s[:m.start], sp.words) {
			m.program, m.seen = sp.program, sp.seen
			m.start -= len(sp.words)
			m.quote = sp.words + m.quote
			return m
		}
	}
	return m
}

// isPart tells whether the match of an index lies within a longer one, which
// says more, or in the same place as one that comes earlier in the tables.
func isPart(i int, all []match) bool {
	m := all[i]
	for j, o := range all {
		if i == j || o.start > m.start || o.end < m.end {
			continue
		}
		if o.end-o.start > m.end-m.start || j < i {
			return true
		}
	}
	return false
}
