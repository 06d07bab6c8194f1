//go:build e2e && linux

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// newKeyPEM makes a private key.
func newKeyPEM(t *testing.T) (text string, der []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err = x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), der
}

const (
	stateOf   = ".home/kftls/"
	someCA    = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	planted   = "an output with "
	keyMode   = fs.FileMode(0o600)
	worldMode = fs.FileMode(0o644)
)

// TestKeysAreFound plants a key of the plugin's in every place that the suite writes, and
// in every form.
func TestKeysAreFound(t *testing.T) {
	text, der := newKeyPEM(t)
	b64 := base64.StdEncoding.EncodeToString
	for form, shown := range map[string]string{
		"PEM": text, "one line": strings.ReplaceAll(text, "\n", " "), "hex": hex.EncodeToString(der), "DER": string(der),
		"base64": b64(der), "a Secret": b64([]byte(text)), "a Secret in base64": b64([]byte(b64([]byte(text)))),
	} {
		for where, plant := range map[string]func(s *secrets){
			"stdout":      func(s *secrets) { s.keepLog("s", "> exec kubectl kftls status -v 9\n[stdout]\n"+planted+shown+"\n") },
			"stderr":      func(s *secrets) { s.keepLog("s", "> code 1 kubectl kftls setup\n[stderr]\n"+planted+shown+"\n") },
			"arguments":   func(s *secrets) { s.keep(place{name: "the arguments of a process", text: "curl --key " + shown}) },
			"environment": func(s *secrets) { s.keep(place{name: "the environment of a process", text: "A=b\x00KEY=" + shown}) },
			"a log": func(s *secrets) {
				s.keepTestbed(folderWith(t, file{"logs/kube-apiserver.log", "I1126 body: " + shown, keyMode}))
			},
			"the audit log": func(s *secrets) {
				s.keepTestbed(folderWith(t, file{"controlplane/audit.jsonl", `{"requestObject":{"data":{"tls.key":"` + shown + `"}}}`, keyMode}))
			},
			"another file of the state": func(s *secrets) {
				s.leave(folderWith(t, file{stateOf + "computer-id", "0", worldMode}, file{stateOf + "sessions/x.session", shown, keyMode}))
			},
			"a file that others may read": func(s *secrets) { s.leave(folderWith(t, file{"exported.yaml", shown, worldMode})) },
			"a temporary file":            func(s *secrets) { s.leave(folderWith(t, file{".tmp/x", shown, keyMode})) },
		} {
			s := newSecrets()
			s.learnMade(text)
			plant(s)
			if len(s.search()) == 0 {
				t.Errorf("%s in %s is not found", form, where)
			}
		}
	}
}

// TestKeysWhereTheyMayBe: the plugin's own key where it belongs, for nobody else.
func TestKeysWhereTheyMayBe(t *testing.T) {
	text, _ := newKeyPEM(t)
	id := file{stateOf + "computer-id", "0123456789ab\n", worldMode}
	for name, test := range map[string]struct {
		files []file
		want  int
	}{
		"a CA's key":              {[]file{id, {stateOf + "ca/" + someCA + "/ca.key", text, keyMode}}, 0},
		"this computer's own":     {[]file{id, {stateOf + "local-ca/ca.key", text, keyMode}}, 0},
		"the only thing there":    {[]file{{stateOf + "local-ca/ca.key", text, keyMode}}, 0},
		"for all to read":         {[]file{id, {stateOf + "ca/" + someCA + "/ca.key", text, worldMode}}, 2},
		"a copy beside it":        {[]file{id, {stateOf + "ca/" + someCA + "/ca.key", text, keyMode}, {stateOf + "ca/" + someCA + "/.new-1", text, keyMode}}, 1},
		"a certificate":           {[]file{id, {stateOf + "ca/" + someCA + "/ca.crt", "no key", worldMode}}, 0},
		"a session for all":       {[]file{id, {stateOf + "sessions/x.session", "{}", worldMode}}, 1},
		"a story's own key":       {[]file{{"company.key", text, worldMode}}, 0},
		"a story's own, copied":   {[]file{id, {"company.key", text, keyMode}, {stateOf + "source.key", text, keyMode}}, 1},
		"an export":               {[]file{id, {stateOf + "local-ca/ca.key", text, keyMode}, {"out/secret.yaml", text, keyMode}}, 0},
		"an export, for all":      {[]file{id, {stateOf + "local-ca/ca.key", text, keyMode}, {"out/secret.yaml", text, worldMode}}, 1},
		"another story's folders": {[]file{{"second/kftls/computer-id", "0", worldMode}, {"second/kftls/local-ca/ca.key", text, worldMode}}, 2},
	} {
		s := newSecrets()
		s.leave(folderWith(t, test.files...))
		if found := s.search(); len(found) != test.want {
			t.Errorf("%s: %d findings, want %d: %q", name, len(found), test.want, found)
		}
		for _, problem := range s.search() {
			if strings.Contains(problem, strings.Split(text, "\n")[1][:30]) {
				t.Errorf("%s: the finding shows the key", name)
			}
		}
	}
}

type file struct {
	name, text string
	mode       fs.FileMode
}

// folderWith makes a folder with files in folders for the owner alone.
func folderWith(t *testing.T, files ...file) string {
	t.Helper()
	folder := t.TempDir()
	for _, f := range files {
		path := filepath.Join(folder, f.name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(f.text), f.mode); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}
