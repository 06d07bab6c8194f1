package pasted

func goTexts() table {
	return table{
		program: "Go", seen: "1.26: measured",
		texts: []text{
			{pattern: "x509: certificate signed by unknown authority (possibly because of", codes: "KFT509 KFT501", says: "the CA in hand has the right name but another key: it was made anew"},
			{pattern: "x509: certificate signed by unknown authority", codes: untrustedCodes, says: "the certificate is signed by a CA that this program does not know"},
			{pattern: "x509: certificate relies on legacy Common Name field, use SANs instead", codes: "KFT504", says: "the certificate has its name in a place where nobody looks any more"},
			{pattern: "x509: certificate is not valid for any names, but wanted to match", codes: "KFT504 KFT505", says: "the certificate has no names", seen: "read in the source of Go 1.26"},
			{pattern: "x509: certificate is valid for …, not {ip}{end}", codes: "KFT506", says: "the certificate is not for this IP address", seen: "read in the source of Go 1.26"},
			{pattern: "x509: certificate is valid for …, not {host}", codes: "KFT505", says: "the certificate is not for the name in the URL"},
			{pattern: "x509: cannot validate certificate for {ip} because it doesn't contain any IP SANs", codes: "KFT506", says: "the certificate is not for this IP address"},
			{pattern: "x509: certificate has expired or is not yet valid: current time … is after", codes: "KFT507 KFT518 KFT105", says: "the certificate has expired"},
			{pattern: "x509: certificate has expired or is not yet valid: current time … is before", codes: "KFT508 KFT105", says: "the certificate is not valid yet, or a clock is wrong"},
			{pattern: "x509: certificate has expired or is not yet valid", codes: "KFT507 KFT508 KFT105", says: "the certificate has expired, or is not valid yet"},
			{pattern: "x509: certificate specifies an incompatible key usage", codes: "KFT510", says: "the certificate may not be used for servers"},
			{pattern: "is not permitted by any constraint", codes: "KFT513", says: "the CA may not sign for this name"},
			{pattern: "x509: cannot verify signature: insecure algorithm", codes: "KFT512", says: "a signature in the chain is too weak", seen: "read in the source of Go 1.26"},
			{pattern: "http: server gave HTTP response to HTTPS client", codes: "KFT108 KFT106", says: "the port answers, but not in TLS: https was spoken to a port for http"},
			{pattern: "tls: first record does not look like a TLS handshake", codes: "KFT108 KFT106", says: "the port answers, but not in TLS", seen: "read in the source of Go 1.26"},
			{pattern: "Client sent an HTTP request to an HTTPS server.", codes: "KFT109", says: "http was spoken to a port for https"},
			{pattern: "remote error: tls: certificate required", codes: "KFT515 KFT312", says: "the server wants a certificate from the client", seen: "read in the source of Go 1.26"},
			{pattern: "remote error: tls: handshake failure", codes: "KFT517 KFT515", says: "the two sides found no common way to speak TLS", seen: "read in the source of Go 1.26"},
			{pattern: "remote error: tls: protocol version not supported", codes: "KFT517", says: "the two sides speak different versions of TLS", seen: "read in the source of Go 1.26"},
			{pattern: "read: connection reset by peer", codes: resetCodes, says: "the connection was cut from the other side", depth: symptom},
			{pattern: `": EOF{end}`, codes: closedCodes + " KFT109", says: "the connection was closed without an answer", depth: symptom},
			{pattern: "connect: connection refused", codes: "KFT101 KFT316", says: "nothing listens at this address"},
			{pattern: "dial tcp: lookup {host}", codes: "KFT102", says: "the name in the URL is unknown to this computer", seen: "read in the source of Go 1.26"},
			{pattern: "connect: no route to host", codes: "KFT114", says: "there is no way to this address", seen: "not checked"},
			{pattern: "dial tcp {host}: i/o timeout", codes: "KFT114", says: "nobody answers at this address", seen: "not checked"},
			{pattern: "stopped after 10 redirects", codes: "KFT606", says: "the redirects go in a circle", seen: "read in the source of Go 1.26"},
			{pattern: "invalid character '<' looking for beginning of value", codes: "KFT903 KFT702", says: "the answer is a page where JSON was expected: most often the page to log in", depth: symptom, seen: "read in the source of Go 1.26"},
		},
	}
}
