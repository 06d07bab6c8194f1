package state

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/ca"
	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// localDir holds this computer's own CA, apart from those of clusters.
const localDir = "local-ca"

// LocalCertificatePath is where the certificate of this computer's own CA lies,
// once it was made.
func (h *Home) LocalCertificatePath() string { return filepath.Join(h.dir, localDir, certificateFile) }

// LocalAuthority is this computer's own CA, which vouches for servers that run
// on it: made when it is first asked for, and anew after its end. It may sign
// for localhost and loopback addresses; it has nothing to do with any cluster.
func (h *Home) LocalAuthority(now time.Time) (*ca.Authority, error) {
	if kept, err := h.readLocal(now); err == nil {
		return kept, nil
	}
	unlock, err := h.lockShortly(context.Background())
	if err != nil {
		return nil, err
	}
	made, err := h.makeLocal(now)
	return made, errors.Join(err, unlock())
}

var errExpired = errors.New("it has expired")

func (h *Home) readLocal(now time.Time) (*ca.Authority, error) {
	dir := filepath.Join(h.dir, localDir)
	kept, err := readAuthority(dir)
	switch {
	case err != nil:
		return nil, err
	case kept.Key == nil:
		return nil, fmt.Errorf("its key is not there: %w", fs.ErrNotExist)
	case kept.Expired(now):
		return nil, errExpired
	}
	return kept, nil
}

// makeLocal makes the CA, unless another process just did. A broken one is not
// replaced: its certificate may be trusted somewhere.
func (h *Home) makeLocal(now time.Time) (*ca.Authority, error) {
	dir := filepath.Join(h.dir, localDir)
	kept, err := h.readLocal(now)
	switch {
	case err == nil:
		return kept, nil
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errExpired):
		return nil, fault.New(fault.LocalState,
			cmp.Or(fault.HintOf(err), "if nothing trusts it any more, delete the folder, and a new CA is made"),
			"read this computer's own CA in %s: %w", dir, err)
	}
	made, err := ca.NewAuthority(ca.AuthorityOptions{Permit: ca.DefaultNames(), Now: now})
	if err != nil {
		return nil, fmt.Errorf("make this computer's own CA: %w", err)
	}
	key, err := made.KeyPEM()
	if err == nil {
		err = os.MkdirAll(dir, dirMode)
	}
	if err == nil { // the key first: a certificate without it would be trusted in vain
		err = fillDir(dir, []File{
			{Name: keyFile, Data: key, Mode: keyMode},
			{Name: certificateFile, Data: made.CertificatePEM(), Mode: publicMode},
		})
	}
	if err != nil {
		return nil, fault.New(fault.LocalState, placeHint(dir, err), "keep this computer's own CA in %s: %w", dir, err)
	}
	return made, nil
}
