package clients

import (
	"net/url"
	"strings"
)

// isCurl tells whether the text is a curl command.
func isCurl(text string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(text, "$ "), " ")
	return first == "curl" || first == "curl.exe"
}

// readCurl reads what browsers copy as cURL: the Cookie header (-H; Firefox,
// Safari and older Chrome) or -b (Chrome), and the host of the URL.
func readCurl(text string) ([]pasted, error) {
	words, err := shellWords(text)
	if err != nil {
		return nil, err
	}
	var found []pasted
	for _, command := range splitCommands(words) {
		domain := hostOf(command)
		for i := range len(command) - 1 {
			switch command[i] {
			case "-H", "--header":
				if value, ok := cutCookieHeader(command[i+1]); ok {
					found = append(found, pairs(value, domain)...)
				}
			case "-b", "--cookie":
				found = append(found, pairs(command[i+1], domain)...)
			}
		}
	}
	return found, nil
}

// splitCommands separates what "Copy all as cURL" joins.
func splitCommands(words []string) [][]string {
	var commands [][]string
	for _, word := range words {
		if word == "curl" || word == "curl.exe" || commands == nil {
			commands = append(commands, nil)
		}
		last := len(commands) - 1
		commands[last] = append(commands[last], word)
	}
	return commands
}

// hostOf is the host of a command's URL, "" where none is recognised.
func hostOf(command []string) string {
	for _, word := range command {
		if target, err := url.Parse(word); err == nil && (target.Scheme == "http" || target.Scheme == "https") {
			return strings.ToLower(target.Hostname())
		}
	}
	return ""
}
