// Package keyscan finds private keys in what programs write: in PEM, in the base64
// of a Secret, in hex, raw, and wrapped again.
package keyscan

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Key is a private key, known by what must be nowhere.
type Key struct {
	// ID names the key without telling it.
	ID string
	// secret is what the key holds and its certificate does not.
	secret []byte
}

// Read finds the private keys in a text: in PEM, also with escaped line ends as JSON
// has it, and in base64, as the data of a Secret. Encrypted ones are left out.
func Read(text string) []Key {
	var keys []Key
	if strings.Contains(text, "PRIVATE KEY-----") {
		plain := []byte(strings.ReplaceAll(text, `\n`, "\n"))
		for begin := pemBegin.FindIndex(plain); begin != nil; begin = pemBegin.FindIndex(plain) {
			plain = plain[begin[0]:]
			block, rest := pem.Decode(plain)
			if block == nil {
				plain = plain[1:]
				continue
			}
			plain = rest
			if key, err := parse(block); err == nil {
				keys = append(keys, key)
			}
		}
	}
	for _, wrapped := range pemInBase64.FindAllString(text, -1) {
		if decoded, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(wrapped, "=")); err == nil {
			keys = append(keys, Read(string(decoded))...)
		}
	}
	return keys
}

var (
	pemBegin    = regexp.MustCompile(`-----BEGIN (?:EC |RSA )?PRIVATE KEY-----`)
	pemInBase64 = regexp.MustCompile(`LS0tLS1CRUdJTi[A-Za-z0-9+/]+={0,2}`)
)

func parse(block *pem.Block) (Key, error) {
	var parsed any
	var err error
	switch block.Type {
	case "EC PRIVATE KEY":
		parsed, err = x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	if err != nil {
		return Key{}, err
	}
	return Of(parsed)
}

// Of makes a Key of a private key of crypto/ecdsa, crypto/rsa or crypto/ed25519.
func Of(private any) (Key, error) {
	var secret []byte
	var err error
	switch private := private.(type) {
	case *ecdsa.PrivateKey:
		secret, err = private.Bytes()
	case *rsa.PrivateKey:
		secret = private.Primes[0].Bytes()
	case ed25519.PrivateKey:
		secret = private.Seed()
	default:
		err = errors.New("not a kind of private key that is known here")
	}
	if err != nil {
		return Key{}, err
	}
	sum := sha256.Sum256(secret)
	return Key{ID: "private key " + hex.EncodeToString(sum[:6]), secret: secret}, nil
}

// pieceLength is short enough that of two neighbours one always lies within a line of
// PEM, and long enough that none is found by chance.
const pieceLength = 16

// Form is a way to write a piece of a key.
type Form struct{ Name, Text string }

// Forms are the texts of which at least one is in whatever shows the key.
func (k Key) Forms() []Form {
	var all []Form
	for at := 0; at+pieceLength <= len(k.secret) && at < 2*pieceLength; at += pieceLength {
		piece := string(k.secret[at : at+pieceLength])
		all = append(all,
			Form{"raw", piece},
			Form{"in hex", hex.EncodeToString([]byte(piece))},
			Form{"in upper hex", strings.ToUpper(hex.EncodeToString([]byte(piece)))},
			Form{"as a list of numbers", strings.Trim(fmt.Sprint([]byte(piece)), "[]")},
		)
		wrapped := []string{piece}
		for _, name := range []string{"in base64", "in base64 twice", "in base64 three times"} {
			var next []string
			for _, text := range wrapped {
				next = append(next, inBase64(text)...)
			}
			for _, text := range next {
				all = append(all, Form{name, text})
				if other := urlSafe.Replace(text); other != text {
					all = append(all, Form{name + ", URL-safe", other})
				}
			}
			wrapped = next
		}
	}
	return all
}

var urlSafe = strings.NewReplacer("+", "-", "/", "_")

// inBase64 is what of a text is sure to be in its base64, at each of the three offsets
// that it can have there.
func inBase64(text string) []string {
	var all []string
	for offset := range 3 {
		encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00", offset) + text))
		all = append(all, encoded[(offset*8+5)/6:(offset+len(text))*8/6])
	}
	return all
}
