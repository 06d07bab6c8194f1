package pasted

func pythonTexts() table {
	return table{
		program: "Python", seen: "3.11 with requests 2.34 and urllib3 2.7: measured",
		texts: []text{
			{pattern: "[SSL: WRONG_VERSION_NUMBER] wrong version number", codes: "KFT108 KFT322 KFT106", says: "the port answers, but not in TLS: https was spoken to a port for http"},
			{pattern: "[SSL: RECORD_LAYER_FAILURE] record layer failure", codes: "KFT108 KFT106", says: "the port answers, but not in TLS", seen: "3.13 and later: not produced, known from reports"},
			{pattern: "[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation of protocol", codes: closedCodes, says: closedSays, depth: symptom},
			{pattern: "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required", codes: "KFT515 KFT312", says: "the server wants a certificate from the client"},
			{pattern: "[SSL: TLSV1_ALERT_PROTOCOL_VERSION] tlsv1 alert protocol version", codes: "KFT517", says: "the two sides speak different versions of TLS"},
			{pattern: "ConnectionResetError(104, 'Connection reset by peer')", codes: resetCodes, says: "the connection was cut from the other side", depth: symptom},
			{pattern: "ConnectionResetError(", codes: resetCodes, says: "the connection was cut from the other side", depth: symptom},
			{pattern: "Remote end closed connection without response", codes: "KFT109 KFT401 KFT107", says: "the connection was closed without an answer, as when http is spoken to a port for https", depth: symptom},
			{pattern: "Failed to establish a new connection: [Errno 111] Connection refused", codes: "KFT101 KFT316", says: "nothing listens at this address"},
			{pattern: "Failed to establish a new connection: [Errno 61] Connection refused", codes: "KFT101 KFT316", says: "nothing listens at this address", seen: "on macOS: not produced, known from reports"},
			{pattern: "Failed to establish a new connection: [WinError 10061]", codes: "KFT101 KFT316", says: "nothing listens at this address", seen: "on Windows: not produced, known from reports"},
			{pattern: "Name or service not known", codes: "KFT102", says: "the name in the URL is unknown to this computer"},
			{pattern: "Temporary failure in name resolution", codes: "KFT102", says: "the name in the URL could not be looked up", seen: "not produced, known from reports"},
			{pattern: "nodename nor servname provided", codes: "KFT102", says: "the name in the URL is unknown to this computer", seen: "on macOS: not produced, known from reports"},
			{pattern: "getaddrinfo failed", codes: "KFT102", says: "the name in the URL is unknown to this computer", seen: "on Windows: not produced, known from reports"},
			{pattern: "Could not find a suitable TLS CA certificate bundle, invalid path", codes: "KFT104 KFT112", says: "there is no CA file where the program was told to look"},
			{pattern: "[X509: NO_CERTIFICATE_OR_CRL_FOUND] no certificate or crl found", codes: "KFT104 KFT112", says: "the file with the CA holds no certificate"},
			{pattern: "ProxyError('Unable to connect to proxy'", codes: "KFT103", says: "the request went to a proxy, and that does not lead there"},
			{pattern: "ProxyError('Cannot connect to proxy.'", codes: "KFT103", says: "the request went to a proxy, and that does not lead there", seen: "urllib3 1.26: not produced, known from reports"},
			{pattern: "Tunnel connection failed: {num}", codes: "KFT103", says: "the request went to a proxy, and that refuses to lead there"},
			{pattern: "Exceeded 30 redirects", codes: "KFT606", says: "the redirects go in a circle"},
			{pattern: "Read timed out.", codes: "KFT114", says: "there was no answer in time", depth: symptom},
			{pattern: "ConnectTimeoutError(", codes: "KFT114", says: "nobody answers at this address", seen: "not produced, known from reports"},
			{pattern: "Expecting value: line 1 column 1 (char 0)", codes: "KFT903 KFT702", says: "the answer is no JSON: most often a page to log in", depth: symptom},
			{pattern: "403 Client Error: Forbidden for url:", codes: "KFT702 KFT601 KFT703", says: "the front door refuses the request", depth: wrapper},
			{pattern: "401 Client Error: Unauthorized for url:", codes: "KFT702 KFT801", says: "the front door wants a login", depth: wrapper},
			{pattern: "<Response [403]>", codes: "KFT702 KFT601 KFT703", says: "the front door refuses the request", depth: wrapper},
			{pattern: "<Response [401]>", codes: "KFT702 KFT801", says: "the front door wants a login", depth: wrapper},
			{pattern: "Max retries exceeded with url:", codes: "", says: "Python gave up; the reason stands behind \"Caused by\"", depth: wrapper},
		},
	}
}
