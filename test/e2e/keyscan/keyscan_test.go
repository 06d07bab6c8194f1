package keyscan

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
)

// keys are one of each kind.
func keys(t *testing.T) map[string]any {
	t.Helper()
	ec, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ec384, err2 := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	rsaKey, err3 := rsa.GenerateKey(rand.Reader, 2048)
	_, ed, err4 := ed25519.GenerateKey(rand.Reader)
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return map[string]any{"P-256": ec, "P-384": ec384, "RSA": rsaKey, "Ed25519": ed}
}

func pkcs8(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func shows(text string, k Key) bool {
	for _, form := range k.Forms() {
		if strings.Contains(text, form.Text) {
			return true
		}
	}
	return false
}

// TestForms plants a key in each form, behind texts of several lengths, so that it has
// each offset.
func TestForms(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString
	for kind, key := range keys(t) {
		der := pkcs8(t, key)
		text := pemOf("PRIVATE KEY", der)
		k, err := Of(key)
		if err != nil {
			t.Fatal(err)
		}
		planted := map[string]string{
			"raw": string(der), "hex": hex.EncodeToString(der), "upper hex": strings.ToUpper(hex.EncodeToString(der)),
			"numbers": fmt.Sprint(der), "PEM": text, "PEM in a YAML block": strings.ReplaceAll(text, "\n", "\n    "),
		}
		quoted, err := json.Marshal(map[string]string{"tls.key": text})
		if err != nil {
			t.Fatal(err)
		}
		planted["JSON"] = string(quoted)
		for before := range 4 {
			x := strings.Repeat("x", before)
			name := fmt.Sprintf(", after %d bytes", before)
			planted["base64 of DER"+name] = b64([]byte(x + string(der)))
			planted["URL-safe base64 of DER"+name] = base64.RawURLEncoding.EncodeToString([]byte(x + string(der)))
			planted["a Secret's data"+name] = b64([]byte(x + text))
			planted["a Secret's data in base64"+name] = b64([]byte(x + b64([]byte(text))))
			planted["a Secret's data, moved, in base64"+name] = b64([]byte(b64([]byte(x + text))))
		}
		if ec, ok := key.(*ecdsa.PrivateKey); ok {
			sec1, err := x509.MarshalECPrivateKey(ec)
			if err != nil {
				t.Fatal(err)
			}
			planted["SEC 1"] = pemOf("EC PRIVATE KEY", sec1)
		}
		if rsaKey, ok := key.(*rsa.PrivateKey); ok {
			planted["PKCS #1"] = pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey))
		}
		for form, place := range planted {
			if !shows("before "+place+" after", k) {
				t.Errorf("%s, %s: not found", kind, form)
			}
		}
	}
}

func TestAnotherKeyIsNotFound(t *testing.T) {
	for kind, key := range keys(t) {
		k, err := Of(key)
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range keys(t) {
			if text := pemOf("PRIVATE KEY", pkcs8(t, other)); shows(text+base64.StdEncoding.EncodeToString([]byte(text)), k) {
				t.Errorf("%s: found in another key", kind)
			}
		}
	}
}

func TestRead(t *testing.T) {
	for kind, key := range keys(t) {
		text := pemOf("PRIVATE KEY", pkcs8(t, key))
		want, err := Of(key)
		if err != nil {
			t.Fatal(err)
		}
		for form, place := range map[string]string{
			"PEM":    "a: b\n" + text + "more",
			"JSON":   `{"k":"` + strings.ReplaceAll(text, "\n", `\n`) + `"}`,
			"Secret": "tls.key: " + base64.StdEncoding.EncodeToString([]byte(text)) + "\n",
		} {
			if found := Read(place); len(found) != 1 || found[0].ID != want.ID {
				t.Errorf("%s, %s: found %d keys", kind, form, len(found))
			}
		}
	}
	if found := Read("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" + pemOf("CERTIFICATE", []byte("x"))); len(found) != 0 {
		t.Errorf("found %v where no key is", found)
	}
}
