package clients

import (
	"regexp"
	"strings"
)

// powerShellCookie is what Chrome and Firefox write for each cookie when they
// copy a request as PowerShell (NetworkLogView.ts, generatePowerShellCommand):
// New-Object System.Net.Cookie("name", "value", "/", "host").
var powerShellCookie = func() *regexp.Regexp {
	const word = "\\s*\"((?:[^\"`]|`.)*)\"\\s*"
	return regexp.MustCompile(`(?s)System\.Net\.Cookie\(` + word + "," + word + "," + word + "," + word + `\)`)
}()

// powerShellEscape is a character that PowerShell's double quotes would take
// for their own.
var powerShellEscape = regexp.MustCompile("(?s)`(.)")

func readPowerShell(text string) []pasted {
	var found []pasted
	for _, match := range powerShellCookie.FindAllStringSubmatch(text, -1) {
		for i := range match {
			match[i] = powerShellEscape.ReplaceAllString(match[i], "$1")
		}
		found = append(found, pasted{name: match[1], value: match[2], domain: strings.ToLower(match[4])})
	}
	return found
}
