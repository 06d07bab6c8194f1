package clienttrust

import "fmt"

func pythonWords(t *trial, cause Cause) string {
	text := "certificate verify failed: "
	switch cause {
	case WrongName, NoAddress, NoSAN:
		kind := "Hostname"
		if t.isIP() {
			kind = "IP address"
		}
		return fmt.Sprintf("%s%s mismatch, certificate is not valid for '%s'.", text, kind, t.host)
	}
	return text + opensslWords(t, cause)
}

func urllibText(t *trial, cause Cause) string {
	return "<urlopen error [SSL: CERTIFICATE_VERIFY_FAILED] " + pythonWords(t, cause)
}

func requestsText(t *trial, cause Cause) string {
	return "[SSL: CERTIFICATE_VERIFY_FAILED] " + pythonWords(t, cause)
}
