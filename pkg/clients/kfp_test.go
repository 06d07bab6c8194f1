package clients

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

func TestWriteKFPContext(t *testing.T) {
	for name, tt := range map[string]struct {
		before, namespace, want string
	}{
		"no file":               {"", "team", `{"namespace":"team","client_authentication_cookie":"a=b|c"}`},
		"no file, no namespace": {"", "", `{"namespace":"","client_authentication_cookie":"a=b|c"}`},
		"other keys": {
			`{"namespace":"mine","client_authentication_header_name":"X-Y","big":12345678901234567890,"deep":{"a":[1]},"client_authentication_cookie":"old=1"}`, "team",
			`{"namespace":"team","client_authentication_header_name":"X-Y","big":12345678901234567890,"deep":{"a":[1]},"client_authentication_cookie":"a=b|c"}`,
		},
		"the user's namespace": {`{"namespace":"mine"}`, "", `{"namespace":"mine","client_authentication_cookie":"a=b|c"}`},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), ".config", "kfp", "context.json")
			if tt.before != "" {
				writeFile(t, path, tt.before)
			}
			if err := WriteKFPContext(path, tt.namespace, "a=b|c"); err != nil {
				t.Fatal(err)
			}
			wantJSON(t, path, tt.want)
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", info.Mode(), err)
			}
		})
	}
}

func TestWriteKFPContextThroughALink(t *testing.T) {
	dir := t.TempDir()
	path, target := filepath.Join(dir, "context.json"), filepath.Join(dir, "elsewhere", "kfp.json")
	writeFile(t, target, `{"namespace":"mine"}`)
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
	if err := WriteKFPContext(path, "", "a=b"); err != nil {
		t.Fatal(err)
	}
	wantJSON(t, target, `{"namespace":"mine","client_authentication_cookie":"a=b"}`)
	if _, err := os.Readlink(path); err != nil {
		t.Error(err)
	}
}

func TestKFPContextThatIsNotJSONStays(t *testing.T) {
	for _, before := range []string{"{", "[]", "null", `"SECRET"`} {
		path := filepath.Join(t.TempDir(), "context.json")
		writeFile(t, path, before)
		if err := WriteKFPContext(path, "team", "a=b"); fault.ReasonOf(err) != fault.LocalState {
			t.Errorf("%s: %v", before, err)
		}
		if _, err := RemoveKFPContext(path, func(string) bool { return true }); fault.ReasonOf(err) != fault.LocalState {
			t.Errorf("%s: %v", before, err)
		}
		if after, err := os.ReadFile(path); err != nil || string(after) != before {
			t.Errorf("%s became %s, %v", before, after, err)
		}
	}
}

func TestRemoveKFPContext(t *testing.T) {
	ours := func(cookie string) bool { return cookie == "a=ours" }
	for name, tt := range map[string]struct {
		before  string
		removed bool
		want    string // "" for no file
	}{
		"no file":           {"", false, ""},
		"somebody else's":   {`{"namespace":"","client_authentication_cookie":"a=theirs"}`, false, `{"namespace":"","client_authentication_cookie":"a=theirs"}`},
		"no cookie":         {`{"namespace":"x"}`, false, `{"namespace":"x"}`},
		"not a string":      {`{"namespace":"x","client_authentication_cookie":7}`, false, `{"namespace":"x","client_authentication_cookie":7}`},
		"nothing else":      {`{"namespace":"","client_authentication_cookie":"a=ours"}`, true, ""},
		"with a namespace":  {`{"namespace":"x","client_authentication_cookie":"a=ours"}`, true, `{"namespace":"x"}`},
		"with another key":  {`{"namespace":"","k":1,"client_authentication_cookie":"a=ours"}`, true, `{"namespace":"","k":1}`},
		"another key alone": {`{"k":1,"client_authentication_cookie":"a=ours"}`, true, `{"k":1}`},
		"without namespace": {`{"client_authentication_cookie":"a=ours"}`, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "context.json")
			if tt.before != "" {
				writeFile(t, path, tt.before)
			}
			removed, err := RemoveKFPContext(path, ours)
			if err != nil || removed != tt.removed {
				t.Fatalf("%t, %v", removed, err)
			}
			if tt.want != "" {
				wantJSON(t, path, tt.want)
			} else if _, err := os.Stat(path); !os.IsNotExist(err) {
				t.Errorf("the file is there: %v", err)
			}
		})
	}
}

func TestKFPContextPath(t *testing.T) {
	none := func(string) string { return "" }
	if got, want := KFPContextPath("/home/u", none), filepath.FromSlash("/home/u/.config/kfp/context.json"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	elsewhere := func(string) string { return "/elsewhere" } // Python's ~ is the environment's
	if got, want := KFPContextPath("/home/u", elsewhere), filepath.FromSlash("/elsewhere/.config/kfp/context.json"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func writeFile(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// wantJSON compares the file with JSON, whatever its order and spaces.
func wantJSON(t testing.TB, path, want string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got, wanted map[string]json.RawMessage
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(wanted)
	if !bytes.Equal(a, b) {
		t.Errorf("got %s, want %s", a, b)
	}
}
