package pasted

func chromeTexts() table {
	return table{
		program: "Chrome or Edge", seen: "Chromium 156: measured",
		texts: []text{
			{pattern: "ERR_CERT_AUTHORITY_INVALID", codes: untrustedCodes, says: "the certificate is signed by a CA that the browser does not know"},
			{pattern: "ERR_CERT_COMMON_NAME_INVALID", codes: "KFT505 KFT504 KFT506", says: "the certificate is not for the name in the URL"},
			{pattern: "ERR_CERT_DATE_INVALID", codes: "KFT507 KFT508 KFT105", says: "the certificate has expired, or is not valid yet"},
			{pattern: "ERR_CERT_WEAK_SIGNATURE_ALGORITHM", codes: "KFT512", says: "a signature in the chain is too weak", seen: "not produced, known from reports"},
			{pattern: "ERR_CERT_WEAK_KEY", codes: "KFT512", says: "a key in the chain is too weak", seen: "not produced, known from reports"},
			{pattern: "ERR_CERT_VALIDITY_TOO_LONG", codes: "", says: "the certificate is valid for longer than the browser takes", seen: "not produced, known from reports"},
			{pattern: "ERR_CERT_INVALID", codes: "KFT513 KFT510", says: "the browser does not take the certificate: its CA may not sign for this name, or it is not for servers"},
			{pattern: "ERR_SSL_PROTOCOL_ERROR", codes: "KFT108 KFT106", says: "the port answers, but not in TLS: https was spoken to a port for http"},
			{pattern: "ERR_SSL_VERSION_OR_CIPHER_MISMATCH", codes: "KFT517", says: "the two sides found no common way to speak TLS"},
			{pattern: "ERR_BAD_SSL_CLIENT_AUTH_CERT", codes: "KFT515 KFT312", says: "the server wants a certificate from the browser"},
			{pattern: "ERR_CONNECTION_REFUSED", codes: "KFT101 KFT316", says: "nothing listens at this address"},
			{pattern: "ERR_CONNECTION_RESET", codes: resetCodes, says: "the connection was cut from the other side", depth: symptom},
			{pattern: "ERR_CONNECTION_CLOSED", codes: closedCodes, says: "the connection was closed without an answer", depth: symptom},
			{pattern: "ERR_EMPTY_RESPONSE", codes: "KFT109 KFT401 KFT107", says: "the connection was closed without an answer, as when http is spoken to a port for https", depth: symptom},
			{pattern: "ERR_NAME_NOT_RESOLVED", codes: "KFT102 KFT710", says: "the name in the URL is unknown to this computer"},
			{pattern: "DNS_PROBE_FINISHED_NXDOMAIN", codes: "KFT102 KFT710", says: "the name in the URL is unknown to this computer", seen: "not produced, known from reports"},
			{pattern: "ERR_CONNECTION_TIMED_OUT", codes: "KFT114", says: "nobody answers at this address", seen: "not produced, known from reports"},
			{pattern: "ERR_TUNNEL_CONNECTION_FAILED", codes: "KFT103", says: "the request went to a proxy, and that does not lead there", seen: "not produced, known from reports"},
			{pattern: "ERR_PROXY_CONNECTION_FAILED", codes: "KFT103", says: "the request went to a proxy that does not answer", seen: "not produced, known from reports"},
			{pattern: "ERR_TOO_MANY_REDIRECTS", codes: "KFT606 KFT322", says: "the redirects go in a circle"},
			{pattern: "HTTP ERROR 403", codes: "KFT703 KFT601 KFT702", says: "a refusal without a word", depth: wrapper, seen: "not produced, known from reports"},
			{pattern: "HTTP ERROR 404", codes: "KFT604 KFT111", says: "there is nothing at this path", depth: wrapper, seen: "not produced, known from reports"},
			{pattern: "HTTP ERROR 431", codes: "KFT607", says: "the headers are too large, most often the session's cookies", seen: "not produced, known from reports"},
		},
	}
}

func firefoxTexts() table {
	return table{
		program: "Firefox", seen: "ESR 153: measured",
		texts: []text{
			{pattern: "SEC_ERROR_UNKNOWN_ISSUER", codes: untrustedCodes, says: "the certificate is signed by a CA that the browser does not know"},
			{pattern: "MOZILLA_PKIX_ERROR_SELF_SIGNED_CERT", codes: "KFT503 KFT501", says: "the server's certificate is signed by itself, not by a CA"},
			{pattern: "SEC_ERROR_BAD_SIGNATURE", codes: "KFT509", says: "the CA in hand has the right name but another key: it was made anew"},
			{pattern: "SSL_ERROR_BAD_CERT_DOMAIN", codes: "KFT505 KFT504 KFT506", says: "the certificate is not for the name in the URL"},
			{pattern: "SEC_ERROR_EXPIRED_CERTIFICATE", codes: "KFT507 KFT105", says: "the certificate has expired"},
			{pattern: "SEC_ERROR_EXPIRED_ISSUER_CERTIFICATE", codes: "KFT518", says: "the CA has expired"},
			{pattern: "MOZILLA_PKIX_ERROR_NOT_YET_VALID_CERTIFICATE", codes: "KFT508 KFT105", says: "the certificate is not valid yet, or a clock is wrong"},
			{pattern: "SEC_ERROR_INADEQUATE_CERT_TYPE", codes: "KFT510", says: "the certificate may not be used for servers"},
			{pattern: "SEC_ERROR_CERT_NOT_IN_NAME_SPACE", codes: "KFT513", says: "the CA may not sign for this name"},
			{pattern: "MOZILLA_PKIX_ERROR_CA_CERT_USED_AS_END_ENTITY", codes: "KFT503", says: "the server shows the CA's certificate as its own"},
			{pattern: "SSL_ERROR_RX_RECORD_TOO_LONG", codes: "KFT108 KFT106", says: "the port answers, but not in TLS: https was spoken to a port for http"},
			{pattern: "SSL_ERROR_RX_CERTIFICATE_REQUIRED_ALERT", codes: "KFT515 KFT312", says: "the server wants a certificate from the browser"},
			{pattern: "SSL_ERROR_PROTOCOL_VERSION_ALERT", codes: "KFT517", says: "the two sides speak different versions of TLS"},
			{pattern: "SSL_ERROR_UNSUPPORTED_VERSION", codes: "KFT517", says: "the two sides speak different versions of TLS", seen: "not produced, known from reports"},
			{pattern: "SSL_ERROR_NO_CYPHER_OVERLAP", codes: "KFT517", says: "the two sides found no common way to speak TLS"},
			{pattern: "PR_END_OF_FILE_ERROR", codes: closedCodes, says: "the connection was closed without an answer", depth: symptom},
			{pattern: "PR_CONNECT_RESET_ERROR", codes: resetCodes, says: "the connection was cut from the other side", depth: symptom},
		},
	}
}
