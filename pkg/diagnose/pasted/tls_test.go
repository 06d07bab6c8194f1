package pasted

import "testing"

const pool = `HTTPSConnectionPool(host='localhost', port=8443): Max retries exceeded with url: /pipeline/apis/v2beta1/healthz (Caused by `

const refused = "self-signed certificate in certificate chain"

func TestTLS(t *testing.T) {
	for _, tt := range []reading{
		{"curl: (60) SSL certificate problem: " + refused, "KFT501", "curl"},
		{"curl: (60) SSL certificate problem: self signed certificate in certificate chain", "KFT501", "curl"},
		{"curl: (60) SSL certificate problem: unable to get local issuer certificate", "KFT502 KFT501", "curl"},
		{"curl: (60) SSL certificate problem: self-signed certificate", "KFT503", "curl"},
		{"curl: (60) SSL certificate problem: self signed certificate", "KFT503", "curl"},
		{"curl: (60) SSL: no alternative certificate subject name matches target host name 'localhost'", "KFT505", "curl"},
		{"curl: (60) SSL: no alternative certificate subject name matches target host name '127.0.0.1'", "KFT506", "curl"},
		{"curl: (60) SSL: no alternative certificate subject name matches target ipv4 address '127.0.0.1'", "KFT506", "curl"},
		{"curl: (60) SSL certificate problem: certificate has expired", "KFT507 KFT518", "curl"},
		{"curl: (60) SSL certificate problem: certificate is not yet valid", "KFT508 KFT105", "curl"},
		{"curl: (60) SSL certificate problem: certificate signature failure", "KFT509", "curl"},
		{"curl: (60) SSL certificate problem: unsuitable certificate purpose", "KFT510", "curl"},
		{"curl: (60) SSL certificate problem: permitted subtree violation", "KFT513", "curl"},
		{"curl: (77) error setting certificate file: nope.pem", "KFT112", "curl"},
		{"curl: (35) OpenSSL/3.0.19: error:0A00010B:SSL routines::wrong version number", "KFT108 KFT322", "OpenSSL"},
		{"curl: (35) error:1408F10B:SSL routines:ssl3_get_record:wrong version number", "KFT108", "OpenSSL"},
		{"curl: (52) Empty reply from server", "KFT109 KFT401", "curl"},
		{"curl: (35) OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to localhost:8443 ", "KFT301 KFT303 KFT313", "curl"},
		{"curl: (35) Recv failure: Connection reset by peer", "KFT303 KFT309 KFT313", "curl"},
		{"curl: (7) Failed to connect to localhost port 8443 after 0 ms: Couldn't connect to server", "KFT101", "curl"},
		{"curl: (60) schannel: SEC_E_UNTRUSTED_ROOT (0x80090325)", "KFT501", "Windows"},
		{"curl: (35) schannel: next InitializeSecurityContext failed: CRYPT_E_NO_REVOCATION_CHECK (0x80092012)", "", "Windows"},
		{"curl: (56) CONNECT tunnel failed, response 403", "KFT103", "curl"},
		{"curl: (56) OpenSSL SSL_read: OpenSSL/3.0.19: error:0A00045C:SSL routines::tlsv13 alert certificate required, errno 0", "KFT515", "OpenSSL"},
		{"curl: (47) Maximum (50) redirects followed", "KFT606", "curl"},
		{"curl: (6) Could not resolve host: dex.auth.svc.cluster.local", "KFT102", "curl"},
		{"curl: (6) Could not resolve host: kubeflow.example.com", "KFT102", "curl"},

		{pool + `SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: ` + refused + ` (_ssl.c:1006)')))`, "KFT501", "Python"},
		{pool + `SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate (_ssl.c:1006)')))`, "KFT502", "Python"},
		{pool + `SSLError(SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Hostname mismatch, certificate is not valid for 'localhost'. (_ssl.c:1006)")))`, "KFT505 KFT504", "Python"},
		{pool + `SSLError(SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: IP address mismatch, certificate is not valid for '127.0.0.1'. (_ssl.c:1006)")))`, "KFT506", "Python"},
		{pool + `SSLError(SSLError(1, '[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)')))`, "KFT108", "Python"},
		{pool + `SSLError(SSLEOFError(8, '[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation of protocol (_ssl.c:1006)')))`, "KFT301", "Python"},
		{pool + `NewConnectionError("HTTPSConnection(host='localhost', port=8443): Failed to establish a new connection: [Errno 111] Connection refused"))`, "KFT101", "Python"},
		{pool + `ProxyError('Unable to connect to proxy', OSError('Tunnel connection failed: 404 Not Found')))`, "KFT103", "Python"},
		{"requests.exceptions.ConnectionError: ('Connection aborted.', ConnectionResetError(104, 'Connection reset by peer'))", "KFT303", "Python"},
		{"OSError: Could not find a suitable TLS CA certificate bundle, invalid path: nope", "KFT104 KFT112", "Python"},

		{`Get "https://localhost:8443/": tls: failed to verify certificate: x509: certificate signed by unknown authority`, "KFT501 KFT502 KFT503", "Go"},
		{`x509: certificate signed by unknown authority (possibly because of "x509: ECDSA verification failure" while trying to verify candidate authority certificate "test CA")`, "KFT509", "Go"},
		{"x509: certificate relies on legacy Common Name field, use SANs instead", "KFT504", "Go"},
		{"x509: certificate is valid for kubeflow.example.com, not localhost", "KFT505", "Go"},
		{"x509: certificate is valid for 10.0.0.1, not 127.0.0.1", "KFT506", "Go"},
		{"x509: cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs", "KFT506", "Go"},
		{"x509: certificate has expired or is not yet valid: current time 2026-11-23T10:00:00Z is after 2026-11-22T10:00:00Z", "KFT507", "Go"},
		{"x509: certificate has expired or is not yet valid: current time 2026-11-23T10:00:00Z is before 2026-11-24T10:00:00Z", "KFT508", "Go"},
		{"x509: certificate specifies an incompatible key usage", "KFT510", "Go"},
		{`x509: a root or intermediate certificate is not authorized to sign for this name: DNS name "X" is not permitted by any constraint`, "KFT513", "Go"},
		{`Get "https://localhost:8443/": http: server gave HTTP response to HTTPS client`, "KFT108", "Go"},
		{`Get "https://localhost:8443/": EOF`, "KFT301", "Go"},
		{`Get "https://localhost:8443/": read tcp 127.0.0.1:5->127.0.0.1:8443: read: connection reset by peer`, "KFT303", "Go"},
		{`Get "https://localhost:8443/": dial tcp 127.0.0.1:8443: connect: connection refused`, "KFT101", "Go"},

		{"SELF_SIGNED_CERT_IN_CHAIN", "KFT501", "Node"},
		{"Error: unable to verify the first certificate\n  code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'", "KFT502", ""},
		{"Error [ERR_TLS_CERT_ALTNAME_INVALID]: Hostname/IP does not match certificate's altnames: Host: localhost. is not in the cert's altnames: DNS:kubeflow.example.com", "KFT505", "Node"},
		{"PKIX path building failed: sun.security.provider.certpath.SunCertPathBuilderException: unable to find valid certification path to requested target", "KFT501", "Java"},
		{"ERROR: The certificate of ‘localhost’ is not trusted.\nERROR: The certificate of ‘localhost’ doesn't have a known issuer.", "KFT501", "wget or git"},
		{"fatal: unable to access 'https://localhost:8443/x/': server certificate verification failed. CAfile: none CRLfile: none", "KFT501", "wget or git"},
		{"gnutls_handshake() failed: An unexpected TLS packet was received.", "KFT108", "wget or git"},
		{"invalid peer certificate: Other(OtherError(NameConstraintViolation))", "KFT513", ""},
		{"unsupported name constraint type", "KFT513", "BoringSSL"},

		{"NET::ERR_CERT_COMMON_NAME_INVALID", "KFT505 KFT504", "Chrome or Edge"},
		{"NET::ERR_CERT_AUTHORITY_INVALID", "KFT501", "Chrome or Edge"},
		{"NET::ERR_CERT_DATE_INVALID", "KFT507 KFT508", "Chrome or Edge"},
		{"ERR_SSL_PROTOCOL_ERROR", "KFT108", "Chrome or Edge"},
		{"ERR_TOO_MANY_REDIRECTS", "KFT606", "Chrome or Edge"},
		{"Error code: SEC_ERROR_UNKNOWN_ISSUER", "KFT501", "Firefox"},
		{"MOZILLA_PKIX_ERROR_SELF_SIGNED_CERT", "KFT503", "Firefox"},
		{"SSL_ERROR_BAD_CERT_DOMAIN", "KFT505", "Firefox"},
		{"SSL_ERROR_RX_RECORD_TOO_LONG", "KFT108", "Firefox"},
		{"SEC_ERROR_CERT_NOT_IN_NAME_SPACE", "KFT513", "Firefox"},
	} {
		tt.check(t)
	}
}
