package pasted

func nodeTexts() table {
	return table{
		program: "Node", seen: "20: measured",
		texts: []text{
			{pattern: "SELF_SIGNED_CERT_IN_CHAIN", codes: "KFT501 KFT509 KFT310", says: "the certificate is signed by a CA that this program does not know"},
			{pattern: "UNABLE_TO_VERIFY_LEAF_SIGNATURE", codes: "KFT502 KFT501 KFT509", says: "the server sends its certificate alone, and this program does not know who signed it"},
			{pattern: "UNABLE_TO_GET_ISSUER_CERT_LOCALLY", codes: "KFT502 KFT501 KFT509", says: "this program does not know who signed the certificate", seen: "not produced, known from reports"},
			{pattern: "DEPTH_ZERO_SELF_SIGNED_CERT", codes: "KFT503 KFT501", says: "the server's certificate is signed by itself, not by a CA"},
			{pattern: "ERR_TLS_CERT_ALTNAME_INVALID", codes: "KFT505 KFT506 KFT504", says: "the certificate is not for the name in the URL"},
			{pattern: "Hostname/IP does not match certificate's altnames: IP: {ip} is not in the cert's list", codes: "KFT506", says: "the certificate is not for this IP address"},
			{pattern: "Hostname/IP does not match certificate's altnames", codes: "KFT505 KFT506 KFT504", says: "the certificate is not for the name in the URL"},
			{pattern: "CERT_HAS_EXPIRED", codes: "KFT507 KFT518 KFT105", says: "the certificate has expired"},
			{pattern: "CERT_NOT_YET_VALID", codes: "KFT508 KFT105", says: "the certificate is not valid yet, or a clock is wrong"},
			{pattern: "INVALID_PURPOSE", codes: "KFT510", says: "the certificate may not be used for servers"},
			{pattern: "ERR_SSL_WRONG_VERSION_NUMBER", codes: "KFT108 KFT322 KFT106", says: "the port answers, but not in TLS: https was spoken to a port for http"},
			{pattern: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", codes: "KFT517", says: "the two sides speak different versions of TLS"},
			{pattern: "Client network socket disconnected before secure TLS connection was established", codes: closedCodes, says: closedSays, depth: symptom},
			{pattern: "socket hang up", codes: "KFT109 KFT401 KFT301 KFT107", says: "the connection was closed without an answer, as when http is spoken to a port for https", depth: symptom},
			{pattern: "redirect count exceeded", codes: "KFT606", says: "the redirects go in a circle"},
			{pattern: "read ECONNRESET", codes: resetCodes, says: "the connection was cut from the other side", depth: symptom},
			{pattern: "ECONNRESET", codes: resetCodes, says: "the connection was cut from the other side", depth: symptom},
			{pattern: "connect ECONNREFUSED {host}", codes: "KFT101 KFT316", says: "nothing listens at this address"},
			{pattern: "ECONNREFUSED", codes: "KFT101 KFT316", says: "nothing listens at this address"},
			{pattern: "getaddrinfo ENOTFOUND {host}", codes: "KFT102", says: "the name in the URL is unknown to this computer"},
			{pattern: "connect ETIMEDOUT", codes: "KFT114", says: "nobody answers at this address", seen: "not produced, known from reports"},
			{pattern: "Ignoring extra certs from", codes: "KFT104", says: "the file of NODE_EXTRA_CA_CERTS cannot be read"},
			{pattern: "Unexpected token '<', \"<", codes: "KFT903 KFT702", says: "the answer is a page where JSON was expected: most often the page to log in", depth: symptom},
			{pattern: "Unexpected token < in JSON", codes: "KFT903 KFT702", says: "the answer is a page where JSON was expected: most often the page to log in", depth: symptom, seen: "before 20, also in Chrome: not produced, known from reports"},
		},
	}
}

func javaTexts() table {
	return table{
		program: "Java", seen: "17: measured",
		texts: []text{
			{pattern: "unable to find valid certification path to requested target", codes: untrustedCodes, says: "the certificate is signed by a CA that this program does not know"},
			{pattern: "No subject alternative DNS name matching {host} found", codes: "KFT505", says: "the certificate is not for the name in the URL", seen: "not checked"},
			{pattern: "No subject alternative names matching IP address {ip} found", codes: "KFT506", says: "the certificate is not for this IP address", seen: "not checked"},
			{pattern: "No subject alternative names present", codes: "KFT504 KFT506", says: "the certificate has no names", seen: "not checked"},
			{pattern: "CertificateExpiredException", codes: "KFT507 KFT518 KFT105", says: "the certificate has expired", seen: "not checked"},
			{pattern: "CertificateNotYetValidException", codes: "KFT508 KFT105", says: "the certificate is not valid yet, or a clock is wrong", seen: "not checked"},
			{pattern: "the trustAnchors parameter must be non-empty", codes: "KFT112", says: "the trust store holds no CA"},
			{pattern: "Unsupported or unrecognized SSL message", codes: "KFT108 KFT106", says: "the port answers, but not in TLS: https was spoken to a port for http"},
			{pattern: "Remote host terminated the handshake", codes: closedCodes, says: closedSays, depth: symptom},
			{pattern: "java.net.SocketException: Connection reset", codes: resetCodes, says: "the connection was cut from the other side", depth: symptom},
			{pattern: "Received fatal alert: protocol_version", codes: "KFT517", says: "the two sides speak different versions of TLS"},
			{pattern: "Received fatal alert: handshake_failure", codes: "KFT517 KFT515", says: "the two sides found no common way to speak TLS", seen: "not checked"},
			{pattern: "java.net.ConnectException: Connection refused", codes: "KFT101 KFT316", says: "nothing listens at this address"},
			{pattern: "java.net.UnknownHostException", codes: "KFT102", says: "the name in the URL is unknown to this computer", seen: "not checked"},
		},
	}
}
