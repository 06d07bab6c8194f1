package state

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
)

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
