package node

import (
	"strings"
	"testing"
)

func TestExpand(t *testing.T) {
	known := map[string]string{"A": "1", "EMPTY": "", "NESTED": "$(A)"}
	lookup := func(name string) (string, bool) {
		value, found := known[name]
		return value, found
	}
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"plain", "plain"},
		{"$(A)", "1"},
		{"x$(A)y$(A)z", "x1y1z"},
		{"$(EMPTY)", ""},
		{"$(UNKNOWN)", "$(UNKNOWN)"},
		{"$$(A)", "$(A)"},
		{"$$$(A)", "$1"},
		{"$$$$(A)", "$$(A)"},
		{"$(NESTED)", "$(A)"},
		{"$A ${A} $", "$A ${A} $"},
		{"$(A", "$(A"},
		{"$()", "$()"},
		{"100%$", "100%$"},
	} {
		if got := expand(test.text, lookup); got != test.want {
			t.Errorf("expand(%q) = %q, want %q", test.text, got, test.want)
		}
	}
}

func FuzzExpand(f *testing.F) {
	f.Add("$(A)$$(B)$(")
	f.Fuzz(func(t *testing.T, text string) {
		none := func(string) (string, bool) { return "", false }
		// Without known names only "$$" changes.
		if got, want := expand(text, none), strings.ReplaceAll(text, "$$", "$"); !strings.Contains(text, "$(") && got != want {
			t.Errorf("expand(%q) = %q, want %q", text, got, want)
		}
	})
}
