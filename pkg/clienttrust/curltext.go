package clienttrust

import "fmt"

// curlText is curl's with OpenSSL. Newer ones say "ipv4 address" for "host
// name", so the text ends before it where an address is dialled.
func curlText(t *trial, cause Cause) string {
	leaf := t.leaf()
	switch cause {
	case WrongName, NoAddress:
		text := "curl: (60) SSL: no alternative certificate subject name matches target "
		if t.isIP() {
			return text
		}
		return text + "host name '" + t.host + "'"
	case NoSAN:
		if leaf.Subject.CommonName == "" {
			return "curl: (60) SSL: unable to obtain common name from peer certificate"
		}
		return fmt.Sprintf("curl: (60) SSL: certificate subject name '%s' does not match target ", leaf.Subject.CommonName)
	}
	return "curl: (60) SSL certificate problem: " + opensslWords(t, cause)
}

// wgetOpenSSLText is the part that wget prints for every cause but the name.
func wgetOpenSSLText(t *trial, cause Cause) string {
	switch cause {
	case WrongName, NoAddress, NoSAN:
		return "" // several, by what the certificate has
	}
	return "ERROR: cannot verify " + t.host + "'s certificate"
}
