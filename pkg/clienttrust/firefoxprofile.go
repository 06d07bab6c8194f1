package clienttrust

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// firefoxProfile is the folder of the profile that Firefox starts with, "" where
// it was never started. Two installations have a profile each, and which of them
// is whose stands in a hash of their paths: then the profile is not known.
func (f *finder) firefoxProfile() (string, error) {
	home := f.env("HOME")
	config := f.env("XDG_CONFIG_HOME")
	if config == "" {
		config = filepath.Join(home, ".config")
	}
	for _, base := range []string{
		filepath.Join(home, ".mozilla", "firefox"),
		filepath.Join(config, "mozilla", "firefox"), // since 147, where the one above is not there
		filepath.Join(home, "snap", "firefox", "common", ".mozilla", "firefox"),
		filepath.Join(home, ".var", "app", "org.mozilla.firefox", ".mozilla", "firefox"),
	} {
		text, err := os.ReadFile(filepath.Join(base, "profiles.ini"))
		if err != nil {
			continue
		}
		dir, ok := defaultProfile(string(text))
		switch {
		case !ok:
			return "", errors.New("a profile of several, not read: " + filepath.Join(base, "profiles.ini"))
		case filepath.IsAbs(dir):
			return dir, nil
		}
		return filepath.Join(base, filepath.FromSlash(dir)), nil
	}
	return "", nil
}

// defaultProfile reads profiles.ini: what an installation starts with stands in
// its own section; before version 67 one profile was marked.
func defaultProfile(text string) (dir string, ok bool) {
	var installed, marked, all []string
	section, path := "", ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section, path = strings.Trim(line, "[]"), ""
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		switch {
		case strings.HasPrefix(section, "Install") && key == "Default":
			installed = append(installed, value)
		case !strings.HasPrefix(section, "Profile"):
		case key == "Path":
			path = value
			all = append(all, value)
		case key == "Default" && value == "1" && path != "":
			marked = append(marked, path)
		}
	}
	for _, list := range [][]string{installed, marked, all} {
		if len(list) > 0 {
			return list[0], len(list) == 1
		}
	}
	return "", false
}
