package state

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// lockPoll is how often a taken lock is tried again. The systems' blocking
// calls cannot be ended by a context.
const lockPoll = 50 * time.Millisecond

// Lock waits until no other process (and no other Lock of this one) holds the
// state folder, for at most as long as ctx allows. The lock ends with unlock
// or with the process, however that ends.
func (h *Home) Lock(ctx context.Context) (unlock func() error, err error) {
	path := filepath.Join(h.dir, "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, keyMode)
	if err != nil {
		return nil, fault.New(fault.LocalState, placeHint(h.dir, err), "open the lock of the state folder: %w", err)
	}
	if err := waitForLock(ctx, f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}

func waitForLock(ctx context.Context, f *os.File) error {
	retry := time.NewTicker(lockPoll)
	defer retry.Stop()
	for {
		taken, err := tryLock(f)
		if err != nil {
			return fault.New(fault.LocalState, elsewhere, "lock %s: %w", f.Name(), err)
		}
		if taken {
			return nil
		}
		select {
		case <-ctx.Done():
			return lockError(ctx, f.Name())
		case <-retry.C:
		}
	}
}

func lockError(ctx context.Context, path string) error {
	reason := fault.Timeout
	if errors.Is(ctx.Err(), context.Canceled) {
		reason = fault.Interrupted
	}
	return fault.New(reason, "wait for the other kubectl-kftls of yours to end",
		"another process holds %s: %w", path, context.Cause(ctx))
}
