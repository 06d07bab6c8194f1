//go:build e2e && linux

package e2e

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// secrets is what the stories planted and what they were given: passwords,
// session cookies and id_tokens. Where each may be is said in allowed and
// allowedFile; it must be nowhere else, in clear or in base64.
type secrets struct {
	mu     sync.Mutex
	known  map[string]string // value: what it is
	keys   map[string]knownKey
	needle map[string][]needle
	starts *[1 << 24]bool // of the first three bytes of needles: most of a place begins none
	places []place
	modes  []string // files of the plugin that others may use
}

// place is a text of the suite: the output of a command, a file, a log, the
// arguments or the environment of a process.
type place struct {
	name, text string
	allowed    kinds // of secrets that may stand there
}

// kinds says which secrets may stand in a place.
type kinds string

const (
	noSecrets kinds = ""
	sessions  kinds = "session" // cookies and id_tokens, never a password
	anything  kinds = "session password"
)

type needle struct{ text, value, form, kind string }

// vault holds the secrets of all stories of this run.
var vault = func() *secrets {
	s := newSecrets()
	for _, password := range people {
		s.known[password] = "password"
	}
	return s
}()

func newSecrets() *secrets {
	return &secrets{known: map[string]string{}, keys: map[string]knownKey{}, needle: map[string][]needle{}}
}

// sessionShapes find what a session is made of: oauth2-proxy's signed cookies
// and the parts of split ones, the AuthService's, and JSON Web Tokens.
var sessionShapes = []*regexp.Regexp{
	regexp.MustCompile(`([A-Za-z0-9_-]{32,}={0,2}\|[0-9]{10}\|[A-Za-z0-9_-]{20,}={0,2})`),
	regexp.MustCompile(`oauth2_proxy_kubeflow(?:_[0-9]+)?(?:=|\t|", ?"value": ?")([A-Za-z0-9_|=-]{32,})`),
	regexp.MustCompile(`authservice_session(?:=|\t|", ?"value": ?")([A-Za-z0-9_|=+/-]{16,})`),
	regexp.MustCompile(`(eyJ[A-Za-z0-9_-]{12,}\.eyJ[A-Za-z0-9_-]{12,}\.[A-Za-z0-9_-]{20,})`),
}

// learn takes the sessions that a text shows for secrets from now on.
func (s *secrets) learn(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, shape := range sessionShapes {
		for _, found := range shape.FindAllStringSubmatch(text, -1) {
			s.known[found[1]] = "session"
		}
	}
	s.noteKeys(text, givenKey)
}

func (s *secrets) plant(value, kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[value] = kind
}

// keep notes a text to be searched when all secrets are known.
func (s *secrets) keep(p place) {
	s.learn(p.text)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.places = append(s.places, p)
}

// keyLength is how many bytes of a needle find it.
const keyLength = 8

// index makes the needles of every secret: a piece that no encoding of a URL
// changes, and the three ways in which base64 can write it.
func (s *secrets) index() {
	s.needle, s.starts = map[string][]needle{}, new([1 << 24]bool)
	for value, kind := range s.known {
		piece := longestPlain(value)
		for form, text := range forms(piece) {
			s.addNeedle(needle{text, value, form, kind})
		}
	}
	s.indexKeys()
}

func (s *secrets) addNeedle(n needle) {
	if len(n.text) >= keyLength {
		s.needle[n.text[:keyLength]] = append(s.needle[n.text[:keyLength]], n)
		s.starts[start(n.text)] = true
	}
}

func start(text string) int { return int(text[0])<<16 | int(text[1])<<8 | int(text[2]) }

func longestPlain(value string) string {
	var longest string
	for _, part := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune("|=.+/% ", r) }) {
		if len(part) > len(longest) {
			longest = part
		}
	}
	return longest
}

// forms writes a piece in clear, and as it looks inside base64 at each offset.
func forms(piece string) map[string]string {
	all := map[string]string{"in clear": piece}
	for offset := range 3 {
		encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00", offset) + piece))
		begin := (offset*8 + 5) / 6 // of the first character that only the piece decides
		end := (offset + len(piece)) * 8 / 6
		all[fmt.Sprintf("in base64 at offset %d", offset)] = encoded[begin:end]
	}
	return all
}

// find returns what a place shows and must not.
func (s *secrets) find(p place) []string {
	var found []string
	told := map[string]bool{}
	for i := 0; i+keyLength <= len(p.text); i++ {
		if !s.starts[start(p.text[i:])] {
			continue
		}
		for _, n := range s.needle[p.text[i:i+keyLength]] {
			if told[n.value] || strings.Contains(string(p.allowed), n.kind) || !strings.HasPrefix(p.text[i:], n.text) {
				continue
			}
			told[n.value] = true
			if isKey(n.kind) { // what stands before it is the same key
				found = append(found, fmt.Sprintf("%s shows the %s %s %s, at byte %d", p.name, n.kind, n.value, n.form, i))
				continue
			}
			found = append(found, fmt.Sprintf("%s shows a %s %s, after %q", p.name, n.kind, n.form, p.text[max(0, i-60):i]))
		}
	}
	return found
}

// requireNone searches every place that was kept so far, and the logs of a
// testbed.
func (s *secrets) requireNone(t *testing.T, bed *testbed) {
	t.Helper()
	s.keepTestbed(bed.dir)
	for _, problem := range s.search() {
		t.Error(problem)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var bytes int
	for _, p := range s.places {
		bytes += len(p.text)
	}
	t.Logf("%d secrets and %d private keys were looked for in %d places of %d bytes", len(s.known), len(s.keys), len(s.places), bytes)
	s.places, s.modes = nil, nil
}

// keepTestbed keeps the logs in a testbed's folder, the API server's audit log among them.
func (s *secrets) keepTestbed(dir string) {
	for _, folder := range []string{"logs", "node/logs", "controlplane"} {
		s.keepFiles(filepath.Join(dir, folder), dir, func(name string, _ fs.FileMode) (kinds, bool) {
			return noSecrets, strings.HasSuffix(name, ".log") || strings.HasSuffix(name, ".jsonl")
		})
	}
}

// search returns what the places that were kept show and must not.
func (s *secrets) search() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index()
	found := slices.Clone(s.modes)
	for _, p := range s.places {
		found = append(found, s.find(p)...)
	}
	return found
}

// keepFiles keeps the files below a folder; which says what may be in one, and
// whether it is kept.
func (s *secrets) keepFiles(folder, below string, which func(name string, mode fs.FileMode) (kinds, bool)) {
	for _, path := range filesBelow(folder) {
		info, err := os.Stat(path)
		if err != nil {
			continue // it vanished meanwhile: no file that is left
		}
		name := strings.TrimPrefix(path, below)
		allowed, kept := which(name, info.Mode())
		if text, err := os.ReadFile(path); kept && err == nil {
			s.keep(place{name: fmt.Sprintf("the file %s (%s)", name, info.Mode()), text: string(text), allowed: allowed})
		}
	}
}

func filesBelow(folder string) []string {
	var files []string
	_ = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error { // what cannot be read is left out
		if err == nil && entry.Type().IsRegular() {
			files = append(files, path)
		}
		return nil
	})
	return files
}

// allowedFile: the plugin's stored sessions and kfp's own file may hold a
// session, if nobody else can read them. Nothing may hold a password.
func allowedFile(name string, mode fs.FileMode) kinds {
	isStore := strings.Contains(name, "/kftls/sessions/") || strings.HasSuffix(name, "/.config/kfp/context.json")
	if isStore && mode.Perm()&0o077 == 0 {
		return sessions
	}
	return noSecrets
}

// givesSecrets tells commands whose stdout is a session: that is what they are
// for. A command of a story that shows one on purpose says so by the name SHOWS.
var givesSecrets = regexp.MustCompile(`kftls (cookie|token)\b|\bSHOWS=`)

// commandLine is where a story's log shows the next command, and stream where
// it shows an output. Both follow what a program printed, and stand on the same
// line if that did not end with a newline.
var (
	commandLine = sync.OnceValue(func() *regexp.Regexp {
		words := []string{
			"cd", "chmod", "cmp", "cmpenv", "cp", "env", "exec", "exists", "grep", "kill", "mkdir", "mv", "rm", "skip",
			"stderr", "stdin", "stdout", "stop", "symlink", "unquote", "wait",
		}
		for word := range commands {
			words = append(words, word)
		}
		return regexp.MustCompile(`> (?:\[[^\]\n]+\] )*(?:[!?] )?(?:` + strings.Join(words, "|") + `)(?: .*)?\n$`)
	})
	streamLine = regexp.MustCompile(`\[(stdout|stderr)\]\n$`)
)

// keepLog takes a story's log apart: what each command printed where.
func (s *secrets) keepLog(story, log string) {
	command, stream := "", "log"
	var text strings.Builder
	flush := func() {
		p := place{name: fmt.Sprintf("story %s, %s of %q", story, stream, command), text: text.String()}
		if (stream == "stdout" || strings.HasPrefix(command, "terminal")) && givesSecrets.MatchString(command) {
			p.allowed = sessions
		}
		s.keep(p)
		text.Reset()
	}
	for line := range strings.Lines(log) {
		if at := commandLine().FindStringIndex(line); at != nil {
			text.WriteString(line[:at[0]])
			flush()
			command, stream = strings.TrimSpace(line[at[0]+2:]), "log"
		} else if at := streamLine.FindStringSubmatchIndex(line); at != nil {
			text.WriteString(line[:at[0]])
			flush()
			stream = line[at[2]:at[3]]
		} else {
			text.WriteString(line)
		}
	}
	flush()
}

// redact hides every session and password of a log that is passed on.
func (s *secrets) redact(log string) string {
	s.learn(log)
	s.mu.Lock()
	defer s.mu.Unlock()
	var pairs []string
	for value, kind := range s.known {
		if strings.Contains(log, value) {
			pairs = append(pairs, value, "["+kind+"]")
		}
	}
	return strings.NewReplacer(pairs...).Replace(log)
}

// cmdPlanted says that a value is a secret from now on.
func cmdPlanted(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || len(args[0]) < keyLength {
		ts.Fatalf("usage: planted PASSWORD (of at least %d bytes)", keyLength)
	}
	vault.plant(args[0], "password")
}

func TestSecretsAreFound(t *testing.T) {
	s := newSecrets()
	s.plant("correct horse", "password")
	cookie := strings.Repeat("Ab1_", 20) + "=|1763980000|" + strings.Repeat("xY9-", 9) + "="
	s.learn("oauth2_proxy_kubeflow=" + cookie + "; Path=/")
	s.plant("horse-battery-staple", "password")
	s.index()
	for _, test := range []struct {
		name string
		p    place
		want int
	}{
		{"nothing", place{text: "nothing of that kind"}, 0},
		{"a cookie", place{text: "Cookie: oauth2_proxy_kubeflow=" + cookie}, 1},
		{"a cookie where it may be", place{text: cookie, allowed: sessions}, 0},
		{"a password beside a cookie", place{text: cookie + " horse-battery-staple", allowed: sessions}, 1},
		{"in base64", place{text: base64.StdEncoding.EncodeToString([]byte("user:horse-battery-staple\n"))}, 1},
		{"in base64, elsewhere", place{text: base64.URLEncoding.EncodeToString([]byte("a:horse-battery-staple!"))}, 1},
		{"half a cookie", place{text: cookie[:20]}, 0},
	} {
		if got := s.find(test.p); len(got) != test.want {
			t.Errorf("%s: %d findings, want %d: %q", test.name, len(got), test.want, got)
		}
	}
	if log := s.redact("> exec x\n" + cookie + "\n"); strings.Contains(log, cookie) {
		t.Errorf("the log still shows the cookie: %s", log)
	}
	for log, want := range map[string]string{
		"> exec kubectl kftls cookie\n[stdout]\n%s\n[stderr]\nsigned in\n> exec kubectl kftls status\n[stdout]\nuser\n": "",
		"> exec kubectl kftls cookie\n[stdout]\n-\n> exec kubectl kftls status\n[stdout]\n%s\n":                         `stdout of "exec kubectl kftls status"`,
		"> exec kubectl kftls cookie\n[stdout]\n-> code 1 kubectl kftls status\n[stdout]\n%s":                           `stdout of "code 1 kubectl kftls status"`,
		"> exec kubectl kftls cookie\n[stdout]\n-[stderr]\n%s\n":                                                        `stderr of "exec kubectl kftls cookie"`,
	} {
		s.places = nil
		s.keepLog("s", fmt.Sprintf(log, cookie))
		var found []string
		for _, p := range s.places {
			found = append(found, s.find(p)...)
		}
		if got := strings.Join(found, "\n"); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("the search of a log found %q, want %q", got, want)
		}
	}
}
