package pasted

const untrustedCodes = "KFT501 KFT502 KFT503 KFT509"

// opensslTexts are what the library says of certificates and records. Programs
// repeat them behind words of their own.
func opensslTexts() table {
	return table{
		program: "OpenSSL", seen: "3.0: measured",
		speakers: []speaker{
			{words: "SSL certificate problem: ", program: "curl", seen: "7.88 (OpenSSL 3.0): measured"},
			{words: "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: ", program: "Python", seen: "3.11 (OpenSSL 3.0), requests 2.34, urllib3 2.7: measured"},
			{words: "certificate verify failed: ", program: "Python", seen: "3.11 (OpenSSL 3.0): measured"},
		},
		texts: []text{
			// OpenSSL 1.1 and LibreSSL write "self signed".
			{pattern: "self{-}signed certificate in certificate chain", codes: "KFT501 KFT509 KFT310 KFT514", says: "the certificate is signed by a CA that this program does not know"},
			{pattern: "unable to get local issuer certificate", codes: "KFT502 KFT501 KFT509", says: "the server sends its certificate alone, and this program does not know who signed it"},
			{pattern: "unable to verify the first certificate", codes: "KFT502 KFT501 KFT509", says: "the server sends its certificate alone, and this program does not know who signed it", seen: "in Node 20: measured"},
			{pattern: "unable to get issuer certificate", codes: "KFT502 KFT511", says: "a certificate between the server's and the CA is missing"},
			{pattern: "self{-}signed certificate", codes: "KFT503 KFT501", says: "the server's certificate is signed by itself, not by a CA"},
			{pattern: "certificate signature failure", codes: "KFT509 KFT501", says: "the CA in hand has the right name but another key: it was made anew", seen: "not produced, known from reports"},
			{pattern: "Hostname mismatch, certificate is not valid for '{host}'", codes: "KFT505 KFT504", says: "the certificate is not for the name in the URL"},
			{pattern: "Hostname mismatch", codes: "KFT505 KFT504", says: "the certificate is not for the name in the URL"},
			{pattern: "hostname mismatch", codes: "KFT505 KFT504", says: "the certificate is not for the name in the URL", seen: "in openssl s_client: not produced, known from reports"},
			{pattern: "IP address mismatch, certificate is not valid for '{ip}'", codes: "KFT506", says: "the certificate is not for this IP address"},
			{pattern: "certificate has expired", codes: "KFT507 KFT518 KFT105", says: "the certificate has expired"},
			{pattern: "certificate is not yet valid", codes: "KFT508 KFT105", says: "the certificate is not valid yet, or a clock is wrong"},
			{pattern: "unsuitable certificate purpose", codes: "KFT510", says: "the certificate may not be used for servers"},
			{pattern: "unsupported certificate purpose", codes: "KFT510", says: "the certificate may not be used for servers", seen: "OpenSSL 1.1: not produced, known from reports"},
			{pattern: "permitted subtree violation", codes: "KFT513", says: "the CA may not sign for this name"},
			{pattern: "excluded subtree violation", codes: "KFT513", says: "the CA may not sign for this name"},
			{pattern: "key too small", codes: "KFT512", says: "a key in the chain is too weak", seen: "not produced, known from reports"},
			{pattern: "CA md too weak", codes: "KFT512", says: "a signature in the chain is too weak", seen: "not produced, known from reports"},
			{pattern: "invalid CA certificate", codes: "KFT501 KFT511", says: "a certificate that signed another one is no CA's"},
			{pattern: "wrong version number", codes: "KFT108 KFT322 KFT106", says: "the port answers, but not in TLS: https was spoken to a port for http"},
			{pattern: "packet length too long", codes: "KFT108 KFT106", says: "the port answers, but not in TLS", seen: "not produced, known from reports"},
			{pattern: "record layer failure", codes: "KFT108 KFT106", says: "the port answers, but not in TLS", seen: "after 3.0: not produced, known from reports"},
			{pattern: "EOF occurred in violation of protocol", codes: closedCodes, says: closedSays, depth: symptom, seen: "in Python 3.11: measured"},
			{pattern: "unexpected eof while reading", codes: closedCodes, says: closedSays, depth: symptom, seen: "not produced, known from reports"},
			{pattern: "alert certificate required", codes: "KFT515 KFT312", says: "the server wants a certificate from the client"},
			{pattern: "alert handshake failure", codes: "KFT517 KFT515", says: "the two sides found no common way to speak TLS"},
			{pattern: "alert protocol version", codes: "KFT517", says: "the two sides speak different versions of TLS"},
			{pattern: "legacy sigalg disallowed or unsupported", codes: "KFT517", says: "the server speaks a version of TLS that is too old"},
			{pattern: "SSL routines:…:unsupported protocol", codes: "KFT517", says: "the two sides speak different versions of TLS", seen: "not produced, known from reports"},
			{pattern: "SSL routines:…alert unknown ca", codes: untrustedCodes, says: "the other side does not know the CA of the certificate that it was shown", seen: "not produced, known from reports"},
		},
	}
}
