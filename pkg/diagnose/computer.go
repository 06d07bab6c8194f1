package diagnose

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/kftls/kubectl-kftls/pkg/clients"
	"github.com/kftls/kubectl-kftls/pkg/gateway"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

func gatherComputer(o Options) Computer {
	c := Computer{
		Program: o.Program, Env: o.Env, ReadFile: o.ReadFile, Home: o.Home,
		CAFile: o.CAFile, CookieFile: o.CookieFile, RootsFrom: "the roots of this computer",
	}
	if o.CAFile != "" {
		c.RootsFrom = o.CAFile
		c.RootCertificates, c.CAError = readRoots(o)
		c.Roots = pool(c.RootCertificates)
	}
	return c
}

var errNoCertificate = errors.New("no certificate is in it")

// readRoots reads a CA file as clients do: any number of certificates in PEM.
func readRoots(o Options) ([]*x509.Certificate, error) {
	text, err := o.ReadFile(o.CAFile)
	if err != nil {
		return nil, err
	}
	certificates, err := parseCertificates(text)
	switch {
	case errors.Is(err, errNoPEM):
		if key, keyErr := parsePrivateKey(text); key != nil || errors.Is(keyErr, errEncrypted) {
			return nil, fmt.Errorf("%w: it is a private key", errNoCertificate)
		}
		return nil, errNoCertificate
	case err != nil && len(certificates) == 0:
		return nil, err
	}
	return certificates, nil
}

func pool(certificates []*x509.Certificate) *x509.CertPool {
	roots := x509.NewCertPool()
	for _, certificate := range certificates {
		roots.AddCert(certificate)
	}
	return roots
}

// trustOurs takes the CA that setup published, where no other was given.
func (f *Facts) trustOurs(o *Objects) {
	if f.Computer.CAFile != "" || !o.CA.OK() || o.CA.Value == nil {
		return
	}
	certificates, _ := parseCertificates([]byte(o.CA.Value.Data[gateway.ConfigMapKey]))
	if len(certificates) == 0 {
		return
	}
	f.Computer.RootCertificates, f.Computer.Roots = certificates, pool(certificates)
	f.Computer.RootsFrom = "ConfigMap " + objectName(o.CA.Value)
}

// readCookies reads the cookie file that is to be tested. The values stay here.
func (f *Facts) readCookies(o Options) []session.Cookie {
	if o.CookieFile == "" {
		return nil
	}
	text, err := o.ReadFile(o.CookieFile)
	if err != nil {
		f.Computer.CookieError = err
		return nil
	}
	cookies, err := clients.ParsePasted(text, "")
	if err != nil {
		f.Computer.CookieError = err
		return nil
	}
	for _, cookie := range cookies {
		f.Computer.CookieNames = append(f.Computer.CookieNames, cookie.Name)
	}
	f.Computer.CookieIsValue = len(cookies) == 1 && !bytes.Contains(text, []byte(cookies[0].Name))
	return cookies
}
