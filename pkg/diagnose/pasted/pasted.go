// Package pasted reads what people paste after something failed, and says what
// it may mean.
package pasted

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
)

const (
	// readLimit is far above any terminal's scrollback; a whole log file is cut.
	readLimit = 1 << 20
	// quoteLimit keeps a quote on two lines of a terminal.
	quoteLimit = 200
)

// Meaning is what one passage of a pasted text may mean.
type Meaning struct {
	// Program is who writes the passage: "curl", "Python", "Envoy", …
	Program string
	// Versions says in which versions the passage was seen, and how.
	Versions string
	// Quote is the passage as it was pasted, at most 200 bytes. It holds nothing
	// but the words that the program always writes, and names and numbers that
	// can be no secret; "…" stands for the rest.
	Quote string
	// Says is, in a line, what the passage says.
	Says string
	// Codes are the findings that may be behind it, likeliest first. It is empty
	// for what is no finding: a wrong password, say.
	Codes []string
}

// Reading is all that a text tells.
type Reading struct {
	// Meanings are without duplicates; those nearer to the cause come first.
	Meanings []Meaning
	// URL is where the failing request went, without user, query and fragment;
	// nil if the text does not tell.
	URL *url.URL
	// Authorization tells that the request carried a header of that name.
	Authorization bool
}

// Read understands a pasted text: errors of curl, wget, git, Python, Go, Node,
// Java and browsers, lines of kubectl, istiod and Envoy, answers and pages of
// the login's programs. Of a text above 1 MiB it reads the beginning.
func Read(pasted []byte) Reading {
	s := clean(pasted)
	exchanges := readExchanges(s)
	found := findTexts(s, tables())
	found = append(found, findAnswers(s, exchanges)...)
	found = withoutEchoes(found)
	slices.SortStableFunc(found, func(a, b match) int {
		return cmp.Or(cmp.Compare(a.depth, b.depth), cmp.Compare(a.start, b.start))
	})
	authorized := sendsAuthorization(s, exchanges)
	return Reading{Meanings: meanings(found, authorized), URL: findURL(s, exchanges), Authorization: authorized}
}

// withoutEchoes leaves out what a status alone says where something says more.
func withoutEchoes(found []match) []match {
	if !slices.ContainsFunc(found, func(m match) bool { return m.depth < wrapper }) {
		return found
	}
	return slices.DeleteFunc(found, func(m match) bool { return m.depth == wrapper && m.codes != "" })
}

func meanings(found []match, authorized bool) []Meaning {
	var out []Meaning
	for _, m := range found {
		same := func(o Meaning) bool { return o.Program == m.program && o.Says == m.says }
		if slices.ContainsFunc(out, same) {
			continue
		}
		out = append(out, Meaning{
			Program: m.program, Versions: m.seen, Quote: shorten(m.quote), Says: m.says,
			Codes: order(strings.Fields(m.codes), authorized),
		})
	}
	return out
}

// order puts the Authorization header first where the text shows that one was
// sent and it is among what may be behind a passage.
func order(codes []string, authorized bool) []string {
	if !authorized || !slices.Contains(codes, "KFT602") {
		return codes
	}
	first := []string{"KFT602"}
	for _, code := range codes {
		switch code {
		case "KFT602":
		case "KFT110":
			first = slices.Insert(first, 1, code)
		default:
			first = append(first, code)
		}
	}
	return first
}

// shorten cuts between runes.
func shorten(quote string) string {
	quote = strings.Join(strings.Fields(quote), " ")
	if len(quote) <= quoteLimit {
		return quote
	}
	return strings.ToValidUTF8(quote[:quoteLimit-len("…")], "") + "…"
}
