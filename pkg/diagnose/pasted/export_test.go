package pasted

// Passage is a text of the tables, for the test that makes programs write it.
type Passage struct {
	Program, Pattern, Seen, Codes string

	table table
	text  text
}

// Passages are all texts of the tables.
func Passages() []Passage {
	var all []Passage
	for _, t := range tables() {
		for _, x := range t.texts {
			p := Passage{t.program, x.pattern, t.seen, x.codes, t, x}
			if x.seen != "" {
				p.Seen = x.seen
			}
			all = append(all, p)
		}
	}
	return all
}

// In tells whether the passage stands in a text.
func (p Passage) In(said string) bool { return len(findText(clean([]byte(said)), p.table, p.text)) > 0 }
