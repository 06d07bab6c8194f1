package pasted

// What resets and closed connections have behind them at a gateway of Istio,
// likeliest first: no HTTPS server, no Secret, a name that no server takes, a
// key that does not fit.
const (
	closedCodes = "KFT301 KFT303 KFT313 KFT309 KFT107 KFT402 KFT516"
	resetCodes  = "KFT303 KFT309 KFT313 KFT308 KFT402 KFT516"
)

const closedSays = "the connection was closed while the two sides began to speak TLS"

func curlTexts() table {
	return table{
		program: "curl", seen: "7.88 (OpenSSL 3.0): measured",
		texts: []text{
			{pattern: "no alternative certificate subject name matches target host name '{ip}'", codes: "KFT506", says: "the certificate is not for this IP address"},
			{pattern: "no alternative certificate subject name matches target host name", codes: "KFT505", says: "the certificate is not for the name in the URL"},
			{pattern: "no alternative certificate subject name matches target ipv", codes: "KFT506", says: "the certificate is not for this IP address", seen: "8.x: not produced, known from reports"},
			{pattern: "SSL: certificate subject name (…) does not match target host name", codes: "KFT505 KFT504", says: "the certificate is not for the name in the URL", seen: "in git 2.39 (libcurl with GnuTLS): measured"},
			{pattern: "SSL: certificate subject name (…) does not match target host name '{ip}'", codes: "KFT506 KFT505", says: "the certificate is not for this IP address", seen: "in git 2.39 (libcurl with GnuTLS): measured"},
			{pattern: "unable to obtain common name from peer certificate", codes: "KFT504 KFT505", says: "the certificate has no names"},
			{pattern: "Problem with the SSL CA cert (path? access rights?)", codes: "KFT104 KFT112", says: "the file with the CA cannot be read as certificates", seen: "in git 2.39 (libcurl with GnuTLS): measured"},
			{pattern: "error setting certificate file:", codes: "KFT112 KFT104", says: "the file with the CA cannot be read as certificates"},
			{pattern: "error setting certificate verify locations", codes: "KFT112 KFT104", says: "the file with the CA cannot be read as certificates", seen: "before 7.83: not produced, known from reports"},
			{pattern: "error adding trust anchors from file:", codes: "KFT112 KFT104", says: "the file with the CA cannot be read as certificates", seen: "8.x: not produced, known from reports"},
			{pattern: "SSL_ERROR_SYSCALL in connection to {host}", codes: closedCodes, says: closedSays, depth: symptom},
			{pattern: "TLS connect error: …unexpected eof while reading", codes: closedCodes, says: closedSays, depth: symptom, seen: "8.x (OpenSSL 3): not produced, known from reports"},
			{pattern: "Recv failure: Connection reset by peer", codes: resetCodes, says: "the connection was cut from the other side", depth: symptom},
			{pattern: "Recv failure: Connection was reset", codes: resetCodes, says: "the connection was cut from the other side", depth: symptom, seen: "on Windows: not produced, known from reports"},
			{pattern: "Empty reply from server", codes: "KFT109 KFT401 KFT301 KFT107", says: "the connection was closed without an answer, as when http is spoken to a port for https", depth: symptom},
			{pattern: "Failed to connect to {host} port {num} after {num} ms: Couldn't connect to server", codes: "KFT101 KFT316 KFT103", says: "nothing listens at this address"},
			{pattern: "Failed to connect to {host} port {num}: Connection refused", codes: "KFT101 KFT316", says: "nothing listens at this address", seen: "before 7.88: not produced, known from reports"},
			{pattern: "Failed to connect to {host} port {num} after {num} ms: Could not connect to server", codes: "KFT101 KFT316", says: "nothing listens at this address", seen: "8.x: not produced, known from reports"},
			{pattern: "Failed to connect to {host} port {num}: Connection timed out", codes: "KFT114", says: "nobody answers at this address", seen: "not produced, known from reports"},
			{pattern: "curl: (28) ", codes: "KFT114", says: "there was no answer in time", depth: symptom, seen: "number of the error in curl's manual"},
			{pattern: "Could not resolve host: dex.", codes: "KFT102", says: "the login was led to Dex's address inside the cluster, which this computer cannot look up", seen: "not produced, known from reports"},
			{pattern: "Could not resolve host: {host}", codes: "KFT102 KFT710", says: "the name in the URL is unknown to this computer", seen: "number of the error in curl's manual"},
			{pattern: "CONNECT tunnel failed, response {num}", codes: "KFT103", says: "the request went to a proxy, and that does not lead there"},
			{pattern: "Maximum ({num}) redirects followed", codes: "KFT606", says: "the redirects go in a circle", seen: "number of the error in curl's manual"},
			{pattern: "curl failed to verify the legitimacy of the server", codes: "", says: "curl does not trust the certificate; why is said in the line above", depth: wrapper},
			{pattern: "The requested URL returned error: 403", codes: "KFT702 KFT601 KFT703", says: "the front door refuses the request", depth: wrapper, seen: "curl -f, git 2.39: measured"},
			{pattern: "The requested URL returned error: 401", codes: "KFT702 KFT801", says: "the front door wants a login", depth: wrapper, seen: "curl -f: not produced, known from reports"},
		},
	}
}
