package state

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
)

// box is the content of a file: the record, or with a key its encryption.
type box struct {
	Version int     `json:"version"`
	Plain   *record `json:"plain,omitempty"`
	Nonce   []byte  `json:"nonce,omitempty"`
	Sealed  []byte  `json:"sealed,omitempty"`
}

const boxVersion = 1

var errNotASession = errors.New("not a session of ours")

func (s *Sessions) seal(r record) ([]byte, error) {
	if s.storage != StorageKeyring {
		return json.Marshal(box{Version: boxVersion, Plain: &r})
	}
	plain, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	nonce, sealed, err := encrypt(s.key, plain)
	if err != nil {
		return nil, err
	}
	return json.Marshal(box{Version: boxVersion, Nonce: nonce, Sealed: sealed})
}

func (s *Sessions) open(content []byte) (record, error) {
	var b box
	if json.Unmarshal(content, &b) != nil || b.Version != boxVersion {
		return record{}, errNotASession
	}
	if b.Plain != nil {
		return *b.Plain, nil
	}
	plain, err := decrypt(s.key, b.Nonce, b.Sealed)
	if err != nil {
		return record{}, err
	}
	var r record
	return r, json.Unmarshal(plain, &r)
}

// encrypt seals text with AES-256-GCM under a fresh random nonce.
func encrypt(key, text []byte) (nonce, sealed []byte, err error) {
	aead, err := newAEAD(key)
	if err != nil {
		return nil, nil, err
	}
	nonce = make([]byte, aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return nil, nil, err
	}
	return nonce, aead.Seal(nil, nonce, text, nil), nil
}

// decrypt opens what encrypt sealed with the same key, and fails on all else.
func decrypt(key, nonce, sealed []byte) ([]byte, error) {
	aead, err := newAEAD(key)
	if err != nil {
		return nil, err
	}
	if len(nonce) != aead.NonceSize() {
		return nil, errNotASession
	}
	return aead.Open(nil, nonce, sealed, nil)
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
