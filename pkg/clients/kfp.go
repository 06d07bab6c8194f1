package clients

import (
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/session"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

// The keys of kfp's context.json (kfp/client/client.py, 2.17). Without
// "namespace" kfp ends with a KeyError.
const (
	kfpNamespace = "namespace"
	kfpCookie    = "client_authentication_cookie"
)

// pipelinePath is where the pipelines API lies below Kubeflow's origin.
const pipelinePath = "/pipeline"

// kfpContext is a whole context.json. kfp sends its cookie to every endpoint
// that it is pointed at.
func kfpContext(h *handover) ([]byte, error) {
	context := struct {
		Namespace string `json:"namespace"`
		Cookie    string `json:"client_authentication_cookie,omitempty"`
	}{h.Namespace, session.Header(h.cookies)}
	return encodeJSON(context)
}

// KFPContextPath is where kfp looks for its context: in ~ as Python expands it,
// on every system. home is the user's where the environment names none.
func KFPContextPath(home string, env func(string) string) string {
	variable := "HOME"
	if runtime.GOOS == "windows" {
		variable = "USERPROFILE"
	}
	return filepath.Join(cmp.Or(env(variable), home), ".config", "kfp", "context.json")
}

// WriteKFPContext puts the cookie, and the namespace unless it is "", into
// kfp's context, and keeps all else that is there. The file is replaced whole
// and has mode 0600.
func WriteKFPContext(path, namespace, cookie string) error {
	settings, err := readKFPSettings(path)
	if err != nil {
		return err
	}
	if _, there := settings[kfpNamespace]; !there || namespace != "" {
		settings.set(kfpNamespace, namespace)
	}
	settings.set(kfpCookie, cookie)
	return settings.write(path)
}

// RemoveKFPContext takes the cookie out of kfp's context if it is ours, and
// removes the file if it holds nothing else. removed tells whether a cookie of
// ours was there.
func RemoveKFPContext(path string, isOurs func(cookie string) bool) (removed bool, err error) {
	settings, err := readKFPSettings(path)
	if err != nil {
		return false, err
	}
	if cookie := settings.text(kfpCookie); cookie == "" || !isOurs(cookie) {
		return false, nil
	}
	delete(settings, kfpCookie)
	namespace, there := settings[kfpNamespace]
	if len(settings) > 1 || len(settings) == 1 && !there || there && string(namespace) != `""` {
		return true, settings.write(path)
	}
	if err := os.Remove(path); err != nil {
		return true, fault.New(fault.LocalState, "", "remove kfp's context: %w", err)
	}
	return true, nil
}

// kfpSettings is the content of a context.json. What it does not know stays as
// it is.
type kfpSettings map[string]json.RawMessage

// readKFPSettings returns none where there is no file.
func readKFPSettings(path string) (kfpSettings, error) {
	settings := kfpSettings{}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return settings, nil
	}
	if err != nil {
		return nil, fault.New(fault.LocalState, "", "read kfp's context: %w", err)
	}
	if err := json.Unmarshal(data, &settings); err != nil || settings == nil {
		return nil, fault.New(fault.LocalState, "mend it or move it away", "kfp's context %s is not a JSON object", path)
	}
	return settings, nil
}

// text is a setting that is a string, else "".
func (s kfpSettings) text(key string) string {
	var text string
	if json.Unmarshal(s[key], &text) != nil {
		return ""
	}
	return text
}

func (s kfpSettings) set(key, text string) {
	s[key], _ = json.Marshal(text) // a string is always encoded
}

func (s kfpSettings) write(path string) error {
	data, err := encodeJSON(s)
	if err != nil {
		return err
	}
	// Who keeps the file elsewhere, with a link to it, has it there afterwards.
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	file := state.File{Name: filepath.Base(path), Data: data, Mode: 0o600}
	if err := state.Export(filepath.Dir(path), []state.File{file}, true); err != nil {
		return fault.New(fault.LocalState, "see who owns "+path, "write kfp's context: %w", err)
	}
	return nil
}
