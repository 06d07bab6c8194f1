package clients

import "strings"

// isNetscape tells a cookie file from other texts: by its first line, or by a
// line of seven fields.
func isNetscape(text string) bool {
	if strings.HasPrefix(text, "# Netscape HTTP Cookie File") || strings.HasPrefix(text, "# HTTP Cookie File") {
		return true
	}
	for line := range strings.Lines(text) {
		if strings.Count(line, "\t") == 6 {
			return true
		}
	}
	return false
}

// readNetscape reads the lines of a cookie file: domain, whether the hosts
// below it are meant, path, whether it is for TLS only, end, name and value.
// Lines that are not such are left out, as curl does.
func readNetscape(text string) []pasted {
	var found []pasted
	for line := range strings.Lines(text) {
		line = strings.TrimPrefix(strings.TrimRight(line, "\r\n"), "#HttpOnly_")
		fields := strings.Split(line, "\t")
		if len(fields) != 7 || strings.HasPrefix(line, "#") {
			continue
		}
		domain := strings.ToLower(strings.TrimPrefix(fields[0], "."))
		if strings.EqualFold(fields[1], "TRUE") {
			domain = "." + domain
		}
		found = append(found, pasted{
			name:   fields[5],
			value:  strings.TrimSpace(fields[6]),
			domain: domain,
			secure: strings.EqualFold(fields[3], "TRUE"),
		})
	}
	return found
}
