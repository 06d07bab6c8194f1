package state

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/zalando/go-keyring"
)

// Keyring is the system's store of secrets: Secret Service, Keychain or
// Credential Manager. Its entries are small: 2,560 bytes on Windows, about
// 3,000 on macOS (go-keyring's ErrSetDataTooBig), while a session's cookies
// reach 14 KB. So it holds a key, and the sessions lie encrypted in a file.
type Keyring interface {
	Get(service, user string) (string, error)
	Set(service, user, secret string) error
	Delete(service, user string) error
}

// SystemKeyring is the keyring of the system that this program runs on.
func SystemKeyring() Keyring { return systemKeyring{} }

type systemKeyring struct{}

func (systemKeyring) Get(service, user string) (string, error) {
	if err := findKeyring(); err != nil {
		return "", err
	}
	return keyring.Get(service, user)
}

func (systemKeyring) Set(service, user, secret string) error {
	if err := findKeyring(); err != nil {
		return err
	}
	return keyring.Set(service, user, secret)
}

func (systemKeyring) Delete(service, user string) error {
	if err := findKeyring(); err != nil {
		return err
	}
	return keyring.Delete(service, user)
}

const (
	// keyringService is the name that keyring managers show.
	keyringService = "kubectl-kftls"
	// keyringLimit bounds one question to the keyring: a locked one may wait for
	// a window that nobody sees.
	keyringLimit = 3 * time.Second
	keyBytes     = 32 // AES-256
)

// keySafe keeps one key in a keyring, with a limit on every wait.
type keySafe struct {
	ring Keyring
	user string
}

// errNoKey is a keyring that answers, and holds no key of ours.
var errNoKey = errors.New("it holds no key of ours")

// key returns the key. Where there is none a new one is drawn, or the error is
// errNoKey.
func (s keySafe) key(ctx context.Context, draw bool) ([]byte, error) {
	text, err := within(ctx, func() (string, error) { return s.ring.Get(keyringService, s.user) })
	if err != nil && !errors.Is(err, keyring.ErrNotFound) {
		return nil, fmt.Errorf("ask the system's keyring: %w", err)
	}
	key, err := base64.StdEncoding.DecodeString(text)
	switch {
	case err == nil && len(key) == keyBytes:
		return key, nil
	case draw:
		return s.draw(ctx)
	}
	return nil, fmt.Errorf("ask the system's keyring: %w", errNoKey)
}

// draw makes a new key. What was encrypted with another one is lost with it.
func (s keySafe) draw(ctx context.Context) ([]byte, error) {
	key := make([]byte, keyBytes)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("draw a key: %w", err)
	}
	_, err := within(ctx, func() (string, error) {
		return "", s.ring.Set(keyringService, s.user, base64.StdEncoding.EncodeToString(key))
	})
	if err != nil {
		return nil, fmt.Errorf("write to the system's keyring: %w", err)
	}
	return key, nil
}

// forget deletes the key, if there is one.
func (s keySafe) forget(ctx context.Context) error {
	_, err := within(ctx, func() (string, error) { return "", s.ring.Delete(keyringService, s.user) })
	if errors.Is(err, keyring.ErrNotFound) {
		return nil
	}
	return err
}

// within calls the keyring with a limit. Its library takes no context: a call
// that hangs is left to the end of the process. It also takes what the other end
// of D-Bus says for well-formed, and panics where it is not.
func within(ctx context.Context, call func() (string, error)) (string, error) {
	if ctx.Err() != nil { // an answer could come first below, and the work go on after Ctrl-C
		return "", context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, keyringLimit, fmt.Errorf("no answer within %s", keyringLimit))
	defer cancel()
	type result struct {
		text string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			if recover() != nil {
				r = result{err: errors.New("it gave an answer that makes no sense")}
			}
			done <- r
		}()
		r.text, r.err = call()
	}()
	select {
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case r := <-done:
		return r.text, r.err
	}
}
