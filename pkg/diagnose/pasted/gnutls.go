package pasted

// gnutlsTexts are what Debian's wget and git write, whose library is GnuTLS.
func gnutlsTexts() table {
	return table{
		program: "wget or git", seen: "wget 1.21, git 2.39 (GnuTLS 3.7): measured",
		texts: []text{
			{pattern: "doesn't have a known issuer", codes: untrustedCodes, says: "the certificate is signed by a CA that this program does not know"},
			{pattern: "hasn't got a known issuer", codes: untrustedCodes, says: "the certificate is signed by a CA that this program does not know", seen: "older wget: not produced, known from reports"},
			{pattern: "The certificate's owner does not match hostname '{ip}'", codes: "KFT506", says: "the certificate is not for this IP address"},
			{pattern: "The certificate's owner does not match hostname", codes: "KFT505 KFT504", says: "the certificate is not for the name in the URL"},
			{pattern: "The certificate of '{host}' has expired", codes: "KFT507 KFT518 KFT105", says: "the certificate has expired"},
			{pattern: "The certificate of '{host}' is not yet activated", codes: "KFT508 KFT105", says: "the certificate is not valid yet, or a clock is wrong"},
			{pattern: "The certificate has expired", codes: "KFT507 KFT518 KFT105", says: "the certificate has expired"},
			{pattern: "The certificate has not yet been activated", codes: "KFT508 KFT105", says: "the certificate is not valid yet, or a clock is wrong"},
			{pattern: "ERROR: The certificate of '{host}' is not trusted", codes: untrustedCodes + " KFT513", says: "the certificate is not trusted; the next line may say why", depth: symptom},
			{pattern: "The certificate chain violates the signer's constraints", codes: "KFT513", says: "the CA may not sign for this name", seen: "not produced, in gnutls-cli: measured"},
			{pattern: "ERROR: cannot verify {host}'s certificate", codes: untrustedCodes, says: "the certificate is not trusted; the next line may say why", depth: symptom, seen: "wget with OpenSSL: not produced, known from reports"},
			{pattern: "server certificate verification failed. CAfile:", codes: untrustedCodes + " KFT507 KFT508 KFT513", says: "git does not trust the certificate, and does not say why", depth: symptom},
			{pattern: "An unexpected TLS packet was received", codes: "KFT108 KFT106", says: "the port answers, but not in TLS: https was spoken to a port for http"},
			{pattern: "The TLS connection was non-properly terminated", codes: closedCodes, says: closedSays, depth: symptom},
			{pattern: "Error in the pull function", codes: resetCodes, says: "the connection was cut from the other side", depth: symptom},
			{pattern: "GnuTLS recv error (-12): A TLS fatal alert has been received", codes: "KFT515 KFT517", says: "the server refuses to speak TLS like this", depth: symptom},
			{pattern: "received alert [40]: Handshake failed", codes: "KFT517 KFT515", says: "the two sides found no common way to speak TLS"},
			{pattern: "gnutls_handshake() failed: Handshake failed", codes: "KFT517 KFT515", says: "the two sides found no common way to speak TLS"},
			{pattern: "The specified session has been invalidated for some reason", codes: "KFT515 KFT517", says: "the server ended the TLS connection, as when it wants a certificate from the client", depth: symptom},
			{pattern: "No data received.", codes: "KFT109 KFT401 KFT301 KFT107", says: "the connection was closed without an answer, as when http is spoken to a port for https", depth: symptom},
			{pattern: "Read error (Connection reset by peer)", codes: resetCodes, says: "the connection was cut from the other side", depth: symptom},
			{pattern: "Read error (Connection timed out)", codes: "KFT114", says: "there was no answer in time", depth: symptom},
			{pattern: "Unable to establish SSL connection.", codes: closedCodes + " KFT114", says: "the two sides did not get to speak TLS; the line above may say why", depth: wrapper},
			{pattern: "redirections exceeded.", codes: "KFT606", says: "the redirects go in a circle"},
			{pattern: "Proxy tunneling failed:", codes: "KFT103", says: "the request went to a proxy, and that does not lead there"},
			{pattern: "failed: Connection refused", codes: "KFT101 KFT316", says: "nothing listens at this address"},
			{pattern: "unable to resolve host address", codes: "KFT102", says: "the name in the URL is unknown to this computer"},
			{pattern: "ERROR 403: Forbidden", codes: "KFT702 KFT601 KFT703", says: "the front door refuses the request", depth: wrapper},
			{pattern: "Username/Password Authentication Failed", codes: "KFT702 KFT801", says: "the front door wants a login", depth: wrapper},
		},
	}
}

// boringTexts are what clients with BoringSSL write: gRPC, Bun.
func boringTexts() table {
	return table{
		program: "BoringSSL", seen: "in grpcio 1.85, Bun 1.4: measured",
		texts: []text{
			{pattern: "unsupported name constraint type", codes: "KFT513", says: "this program does not understand what the CA may sign for"},
			{pattern: "NameConstraintViolation", codes: "KFT513", says: "the CA may not sign for this name", seen: "in rustls 0.23: measured"},
			{pattern: "invalid peer certificate: UnknownIssuer", codes: untrustedCodes, says: "the certificate is signed by a CA that this program does not know", seen: "in rustls: not checked"},
		},
	}
}

// windowsTexts are what Windows' own TLS says, in curl.exe, .NET and PowerShell.
func windowsTexts() table {
	return table{
		program: "Windows", seen: "not checked",
		texts: []text{
			{pattern: "SEC_E_UNTRUSTED_ROOT", codes: "KFT501 KFT503 KFT509", says: "the certificate is signed by a CA that Windows does not know"},
			{pattern: "CRYPT_E_NO_REVOCATION_CHECK", codes: "", says: "Windows wants to ask whether the certificate was revoked, and a private CA has nobody to ask: curl takes --ssl-revoke-best-effort"},
			{pattern: "SEC_E_WRONG_PRINCIPAL", codes: "KFT505 KFT506 KFT504", says: "the certificate is not for the name in the URL"},
			{pattern: "SEC_E_CERT_EXPIRED", codes: "KFT507 KFT508 KFT105", says: "the certificate has expired, or is not valid yet"},
			{pattern: "SEC_E_INVALID_TOKEN", codes: "KFT108 KFT517", says: "the port answers, but not in TLS"},
			{pattern: "Could not establish trust relationship for the SSL/TLS secure channel", codes: untrustedCodes + " KFT505", says: "Windows does not trust the certificate"},
			{pattern: "The remote certificate is invalid because of errors in the certificate chain: UntrustedRoot", codes: "KFT501 KFT503", says: "the certificate is signed by a CA that Windows does not know"},
			{pattern: "The remote certificate is invalid", codes: untrustedCodes + " KFT505", says: "Windows does not trust the certificate"},
			{pattern: "RemoteCertificateNameMismatch", codes: "KFT505 KFT506 KFT504", says: "the certificate is not for the name in the URL"},
			{pattern: "No connection could be made because the target machine actively refused it", codes: "KFT101 KFT316", says: "nothing listens at this address"},
		},
	}
}
