package state

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// SessionLock keeps other processes from logging in as the same user.
type SessionLock struct {
	file    *os.File
	refused string // the file of the refusal
	began   time.Time
}

// Lock waits until no other process logs in as the same user, for as long as
// ctx allows. The lock ends with the process, however that ends.
func (s *Sessions) Lock(ctx context.Context, id SessionID) (*SessionLock, error) {
	began := time.Now()
	f, err := os.OpenFile(s.stem(id)+".lock", os.O_CREATE|os.O_RDWR, keyMode)
	if err != nil {
		return nil, fault.New(fault.LocalState, placeHint(s.dir, err), "open the lock of a login: %w", err)
	}
	if err := waitForLock(ctx, f); err != nil {
		_ = f.Close() // it holds nothing
		return nil, err
	}
	return &SessionLock{file: f, refused: s.stem(id) + refusalSuffix, began: began}, nil
}

// Unlock lets the next one in.
func (l *SessionLock) Unlock() error { return l.file.Close() }

const (
	refusalSuffix = ".refused"
	// refusalLife is for how long a refusal is kept: as long as anybody waits
	// for a lock.
	refusalLife = time.Minute
	// refusalRounds is OWASP's number for PBKDF2 with SHA-256
	// (https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html).
	// It is only spent where somebody was refused.
	refusalRounds = 600_000
	refusalBytes  = 32
	// refusalsKept bounds the different passwords that are remembered, and with
	// them the hashes that a waiting process computes.
	refusalsKept = 4
)

// refusal tells those who waited which password was refused, without holding it.
type refusal struct {
	At   time.Time `json:"at"`
	Salt []byte    `json:"salt"`
	Hash []byte    `json:"hash"`
	Text string    `json:"text"`
}

// Refusal tells whether somebody was refused with this very password while we
// waited for the lock, and what was said to them. A directory that locks
// accounts after a few tries then sees one.
func (l *SessionLock) Refusal(password string) (text string, refused bool) {
	noted := l.whileWaiting()
	if len(noted) == 0 {
		_ = os.Remove(l.refused) // of no use to anybody who comes later
	}
	for _, r := range noted {
		hash, err := hashPassword(password, r.Salt)
		if err == nil && subtle.ConstantTimeCompare(hash, r.Hash) == 1 {
			return r.Text, true
		}
	}
	return "", false
}

// whileWaiting returns the refusals of passwords since this process asked for
// the lock.
func (l *SessionLock) whileWaiting() []refusal {
	var noted []refusal
	content, err := os.ReadFile(l.refused)
	if err != nil || json.Unmarshal(content, &noted) != nil {
		return nil
	}
	return slices.DeleteFunc(noted, func(r refusal) bool { return r.At.Before(l.began) })
}

// NoteRefusal tells those who wait for the lock that a password was refused.
func (l *SessionLock) NoteRefusal(password, text string) error {
	salt := make([]byte, refusalBytes)
	if _, err := rand.Read(salt); err != nil {
		return fmt.Errorf("draw a salt: %w", err)
	}
	hash, err := hashPassword(password, salt)
	if err != nil {
		return err
	}
	noted := append(l.whileWaiting(), refusal{time.Now(), salt, hash, text})
	content, err := json.Marshal(noted[max(0, len(noted)-refusalsKept):])
	if err == nil {
		err = replaceFile(l.refused, content, keyMode)
	}
	return fault.Wrap(fault.LocalState, elsewhere, wrap("note that the password was refused", err))
}

func hashPassword(password string, salt []byte) ([]byte, error) {
	return pbkdf2.Key(sha256.New, password, salt, refusalRounds, refusalBytes)
}
