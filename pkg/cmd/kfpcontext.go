package cmd

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/kftls/kubectl-kftls/pkg/clients"
	"github.com/kftls/kubectl-kftls/pkg/fault"
	"github.com/kftls/kubectl-kftls/pkg/session"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

// kfpRecord says which session's cookie was last written into kfp's context, so
// that logout finds it there after a new login, too.
type kfpRecord struct {
	ID     state.SessionID `json:"id"`
	SHA256 string          `json:"sha256"`
}

const kfpRecordFile = "kfp-context.json"

func fingerprint(cookie string) string {
	sum := sha256.Sum256([]byte(cookie))
	return hex.EncodeToString(sum[:])
}

// kfpContext is the path of kfp's context.
func (f *Factory) kfpContext() (string, error) {
	home, err := os.UserHomeDir()
	if err != nil && f.Env("HOME") == "" {
		return "", fault.New(fault.LocalState, "name it: export HOME=DIR", "find the home folder: %w", err)
	}
	return clients.KFPContextPath(home, f.Env), nil
}

// writeKFP puts the cookie into kfp's own file, and notes that first.
func (o *cookieOptions) writeKFP(v *visit, got *obtained) error {
	path, err := o.factory.kfpContext()
	if err != nil {
		return err
	}
	home, err := o.factory.Home()
	if err != nil {
		return err
	}
	cookie := session.Header(got.Cookies)
	record, err := json.Marshal(kfpRecord{v.id(loginOf(got.Session)), fingerprint(cookie)})
	if err != nil {
		return fmt.Errorf("encode what is written to %s: %w", path, err)
	}
	if err := state.Export(home.Dir(), []state.File{{Name: kfpRecordFile, Data: record, Mode: 0o600}}, true); err != nil {
		return err
	}
	if err := clients.WriteKFPContext(path, *o.factory.ConfigFlags.Namespace, cookie); err != nil {
		return err
	}
	o.factory.UI.Note("wrote the cookie of %s to %s", describeSession(got.Session, o.factory.Now()), path)
	return nil
}

// forgetInKFP takes the cookie out of kfp's context if it is, or was, one of
// these sessions'.
func (o *logoutOptions) forgetInKFP(home *state.Home, chosen []keptSession) error {
	path, err := o.factory.kfpContext()
	if err != nil {
		return nil //nolint:nilerr // without a home folder there is no such file
	}
	recordPath := filepath.Join(home.Dir(), kfpRecordFile)
	var record kfpRecord
	if data, err := os.ReadFile(recordPath); err == nil {
		_ = json.Unmarshal(data, &record) // of no use then
	}
	removed, err := clients.RemoveKFPContext(path, func(cookie string) bool {
		isRecorded := fingerprint(cookie) == record.SHA256
		return o.all && isRecorded || slices.ContainsFunc(chosen, func(k keptSession) bool {
			return isRecorded && k.id == record.ID || k.session != nil && session.Header(k.session.Cookies) == cookie
		})
	})
	if err != nil || !removed {
		return err
	}
	o.factory.UI.Note("removed the cookie from %s", path)
	if err := os.Remove(recordPath); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fault.New(fault.LocalState, "", "forget kfp's context: %w", err)
	}
	return nil
}
