package clienttrust

import (
	"os"
	"path/filepath"
	"strings"
)

// curlConfig returns the CA file that curl's own configuration names, and
// whether it turns the check off. Other options do not change whom it trusts.
func (f *finder) curlConfig() (caFile string, insecure bool) {
	for _, key := range setting(f.userFile("CURL_HOME", ".curlrc", "HOME", ".curlrc")) {
		switch strings.TrimLeft(key.name, "-") {
		case "cacert":
			caFile = key.value
		case "insecure", "k":
			insecure = true
		}
	}
	return caFile, insecure
}

// wgetConfig does so for wget, of which the names take both hyphen and
// underscore.
func (f *finder) wgetConfig() (caFile string, insecure bool) {
	path := f.env("WGETRC")
	if path == "" {
		path = f.userFile("HOME", ".wgetrc")
	}
	for _, key := range setting(path) {
		switch strings.ReplaceAll(strings.ToLower(key.name), "-", "_") {
		case "ca_certificate":
			caFile = key.value
		case "check_certificate":
			insecure = strings.EqualFold(key.value, "off") || strings.EqualFold(key.value, "no") || key.value == "0"
		}
	}
	return caFile, insecure
}

// userFile returns the first of some files, each given as a variable with a
// folder and a name in it, "" if none is there.
func (f *finder) userFile(pairs ...string) string {
	for i := 0; i+1 < len(pairs); i += 2 {
		dir := f.env(pairs[i])
		if dir == "" {
			continue
		}
		path := filepath.Join(dir, pairs[i+1])
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

type keyValue struct{ name, value string }

// setting reads lines of "name = value", "name: value" or "name value".
func setting(path string) []keyValue {
	if path == "" {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil // what cannot be read, the client does not have either
	}
	var out []keyValue
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		end := strings.IndexAny(line, " \t=:")
		if end < 0 {
			end = len(line)
		}
		out = append(out, keyValue{line[:end], strings.Trim(line[end:], " \t=:\"")})
	}
	return out
}
