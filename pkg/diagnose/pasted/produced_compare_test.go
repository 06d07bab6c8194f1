//go:build linux

package pasted_test

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kftls/kubectl-kftls/pkg/diagnose"
	"github.com/kftls/kubectl-kftls/pkg/diagnose/pasted"
)

// notProduced marks texts that no program can be made to write here. What
// follows says where they are known from.
const notProduced = "not produced"

// checkTables wants each text of a program that is here to be written by it, and
// the others to be marked.
func checkTables(t *testing.T, all []program, said []saying, isOpen func(program, string) bool) {
	t.Helper()
	produced, marked, open := 0, 0, 0
	for _, p := range pasted.Passages() {
		i := slices.IndexFunc(all, func(x program) bool { return x.table == p.Program || p.Program == "OpenSSL" && x.table == "curl" })
		if i < 0 {
			continue
		}
		written := slices.ContainsFunc(said, func(s saying) bool {
			return (s.program.table == p.Program || p.Program == "OpenSSL" || p.Program == "curl" && s.program.name == "git") && p.In(s.text)
		})
		isMarked := strings.Contains(p.Seen, notProduced)
		switch {
		case strings.Contains(p.Seen, "not checked"):
			t.Errorf("%s: %q is neither measured nor marked: written: %t", p.Program, p.Pattern, written)
		case written && isMarked && !isOpen(all[i], p.Codes):
			t.Errorf("%s: %q is marked as not produced, and is", p.Program, p.Pattern)
		case written:
			produced++
		case isMarked:
			marked++
		case isOpen(all[i], p.Codes):
			open++
		default:
			t.Errorf("%s: %q (%s) was not written", p.Program, p.Pattern, p.Seen)
		}
	}
	t.Logf("texts of the tables: %d produced, %d known from elsewhere, %d of versions that are not here", produced, marked, open)
}

// checkFindings does the same for what the findings say that programs print.
func checkFindings(t *testing.T, all []program, said []saying, isOpen func(program, string) bool) {
	t.Helper()
	produced, marked, open, servers := 0, 0, 0, 0
	for _, c := range diagnose.Checks() {
		for _, shown := range c.Page.Shows {
			i := slices.IndexFunc(all, func(p program) bool { return p.shownAs(shown.Program) })
			if i < 0 {
				continue
			}
			for _, text := range texts(shown) {
				pattern := printed(text)
				written := slices.ContainsFunc(said, func(s saying) bool {
					return s.program.shownAs(shown.Program) && pattern.MatchString(s.text)
				})
				isMarked := strings.Contains(shown.Origin, notProduced)
				switch {
				case byServer(shown):
					servers++
				case strings.Contains(shown.Origin, "not checked"):
					t.Errorf("%s: %s: %q is neither measured nor marked: printed: %t", c.Code, shown.Program, text, written)
				case written && isMarked && !isOpen(all[i], c.Code):
					t.Errorf("%s: %s is marked as not produced, and is: %s", c.Code, shown.Program, text)
				case written:
					produced++
				case isMarked:
					marked++
				case isOpen(all[i], c.Code):
					open++
				default:
					t.Errorf("%s: %s did not print %q (%s)", c.Code, shown.Program, text, shown.Origin)
				}
			}
		}
	}
	t.Logf("texts of the findings: %d produced, %d known from elsewhere, %d of versions that are not here, %d a server's own",
		produced, marked, open, servers)
}

// shownAs tells whether a finding's program is this one ("curl -L" is curl).
func (p program) shownAs(shown string) bool {
	name := cmp.Or(p.as, p.name)
	return shown == name || strings.HasPrefix(shown, name+" ") || strings.HasPrefix(shown, name+",")
}

// texts are those of a finding: of browsers there are several in one.
func texts(shown diagnose.Shown) []string {
	if shown.Program == "browser" {
		return strings.Split(shown.Text, ", ")
	}
	return []string{shown.Text}
}

// byServer tells of texts that a program of the cluster writes and a client only
// shows: the testbed's faults are what produces them.
func byServer(shown diagnose.Shown) bool {
	return slices.ContainsFunc([]string{"Istio", "Envoy", "oauth2-proxy", "Dex", "Kubeflow", "kubeflow", "AuthService"}, func(name string) bool {
		return strings.Contains(shown.Origin, name)
	})
}

// printed matches what a program prints for a text of a finding. Ports, times,
// codes and names differ from one run to the next.
func printed(text string) *regexp.Regexp {
	text = strings.TrimPrefix(text, "NET::")
	expression := regexp.QuoteMeta(text)
	for from, to := range map[string]string{
		"…": ".*", "FILE": `\S+`, "HOST": `\S+`, `"X"`: `"\S+"`, "8443": `\d+`, "after 0 ms": `after \d+ ms`, "after 130000 ms": `after \d+ ms`,
		`host: kubeflow\.example\.com`: `host: \S+`, `OpenSSL/3\.0\.19`: `OpenSSL/\S+`,
		"502": `\d+`,
	} {
		expression = strings.ReplaceAll(expression, from, to)
	}
	return regexp.MustCompile(expression)
}
