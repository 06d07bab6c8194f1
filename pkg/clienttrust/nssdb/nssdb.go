// Package nssdb reads whom an NSS database trusts: the store of Firefox's
// profiles, and of Chromium on Linux. The file is read as it lies there, for
// certutil is on few computers, and an older one does not show what a newer
// Firefox wrote.
package nssdb

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // G505: it finds the certificate that a trust object is about
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// file is the database of certificates and trust.
const file = "cert9.db"

// Store is what a database says of certificates.
type Store struct {
	// Anchors may sign certificates of servers.
	Anchors []*x509.Certificate
	// Others are there, and whether they are taken depends on more: a server's
	// certificate that is trusted itself, or one that is distrusted.
	Others []*x509.Certificate
}

// Read reads the database of a folder. One that is not there is empty.
func Read(dir string) (Store, error) {
	path := filepath.Join(dir, file)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Store{}, nil
	}
	if err != nil {
		return Store{}, fmt.Errorf("read %s: %w", path, err)
	}
	store, err := parse(data)
	if err != nil {
		return Store{}, fmt.Errorf("read %s: %w", path, err)
	}
	return store, nil
}

// The columns are named after attributes of PKCS #11, in hexadecimal
// (https://hg.mozilla.org/projects/nss/file/tip/lib/util/pkcs11n.h and
// pkcs11t.h). Trust has two forms: NSS's own, by SHA-1, and since 3.113 that of
// PKCS #11 3.2, by SHA-256.
const (
	table        = "nssPublic"
	classColumn  = "a0"
	valueColumn  = "a11"
	nssHash      = "ace5363b4"
	nssServers   = "ace536358"
	trustHash    = "a635"
	trustServers = "a62c"

	classCertificate = 1
	classNSSTrust    = 0xce534353
	classTrust       = 0xb

	nssAnchor  = 0xce534352
	nssVerify  = 0xce534353
	nssUnknown = 0xce534355
	nssValidCA = 0xce53435b // one that is found, but does not end a chain
	unknown    = 0
	anchor     = 2
	verify     = 4
)

func parse(data []byte) (Store, error) {
	d, err := openDatabase(data)
	if err != nil {
		return Store{}, err
	}
	rows, err := d.table(table)
	if err != nil {
		return Store{}, err
	}
	var store Store
	for _, row := range rows {
		if number(row[classColumn]) != classCertificate {
			continue
		}
		c, err := x509.ParseCertificate(row[valueColumn])
		if err != nil {
			continue // Go reads no certificate that is as wrong as this
		}
		switch trustOf(c, rows) {
		case trusted:
			store.Anchors = append(store.Anchors, c)
		case special:
			store.Others = append(store.Others, c)
		}
	}
	return store, nil
}

type trust int

const (
	none trust = iota
	trusted
	special
)

// trustOf reads the objects about a certificate. Where a database holds both
// forms and they differ, it depends on the version which one counts.
func trustOf(c *x509.Certificate, rows []map[string][]byte) trust {
	short, long := sha1.Sum(c.Raw), sha256.Sum256(c.Raw) //nolint:gosec // G401: see the import
	var found []trust
	for _, row := range rows {
		switch number(row[classColumn]) {
		case classNSSTrust:
			if bytes.Equal(row[nssHash], short[:]) {
				found = append(found, kind(number(row[nssServers]), nssAnchor, nssVerify, nssUnknown, nssValidCA))
			}
		case classTrust:
			if bytes.Equal(row[trustHash], long[:]) {
				found = append(found, kind(number(row[trustServers]), anchor, verify, unknown))
			}
		}
	}
	if len(found) == 0 {
		return none
	}
	for _, other := range found[1:] {
		if other != found[0] {
			return special
		}
	}
	return found[0]
}

// kind is what a value means. Those that are not told of are a server's own
// certificate that is trusted, and distrust.
func kind(value, anchor uint64, nothing ...uint64) trust {
	switch {
	case value == anchor:
		return trusted
	case slices.Contains(nothing, value):
		return none
	}
	return special
}
