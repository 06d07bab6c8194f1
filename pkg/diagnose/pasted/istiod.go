package pasted

// istiodSecretTexts are what istiod logs of the certificate's Secret.
func istiodSecretTexts() table {
	return table{
		program: "istiod", seen: "measured with the real istiod",
		texts: []text{
			{pattern: "failed to fetch key and certificate for kubernetes://{name}: secret {name} not found", codes: "KFT303 KFT304", says: "the Secret with the certificate does not exist beside the gateway's pods"},
			{pattern: "failed to fetch key and certificate for kubernetes://{name}", codes: "KFT303 KFT304 KFT306", says: "istiod cannot read the Secret with the certificate"},
			{pattern: "cannot find secret {name} and cannot find fallback secret", codes: "KFT303 KFT304", says: "the Secret with the certificate does not exist beside the gateway's pods", seen: "old Istio: read in issues"},
			{pattern: "failed to fetch ca certificate for kubernetes://{name}", codes: "KFT312", says: "the HTTPS server wants certificates from clients, and the Secret has no CA for them"},
			{pattern: "found secret, but didn't have expected keys cacert or ca.crt", codes: "KFT312", says: "the HTTPS server wants certificates from clients, and the Secret has no CA for them"},
			{pattern: "found secret, but didn't have expected keys (cert and key) or (tls.crt and tls.key)", codes: "KFT306", says: "the Secret has its certificate under names that nobody reads"},
			{pattern: `found keys "tls.crt" and "tls.key", but they were empty`, codes: "KFT307", says: "the Secret's certificate or key is empty"},
			{pattern: "but they were empty", codes: "KFT307", says: "the Secret's certificate or key is empty"},
			{pattern: "invalid certificates: {name} \"…\": certificate is expired or not yet valid", codes: "KFT507 KFT508", says: "the Secret's certificate has expired, or is not valid yet"},
			{pattern: "certificate is expired or not yet valid", codes: "KFT507 KFT508", says: "the Secret's certificate has expired, or is not valid yet"},
			{pattern: "pem decode failed", codes: "KFT308", says: "the Secret's certificate or key is no PEM"},
			{pattern: "is not authorized to read secrets", codes: "KFT319", says: "the gateway's account may not read Secrets"},
			{pattern: "attempted to access unauthorized certificates {name}", codes: "KFT319 KFT305", says: "the gateway may not read the Secret", depth: symptom},
			{pattern: "cross namespace secret reference requires ReferenceGrant", codes: "KFT305", says: "the server names a Secret of another namespace, which nobody allowed"},
		},
	}
}

// istiodTexts are what istiod logs of Gateways, routes and the login's keys.
func istiodTexts() table {
	return table{
		program: "istiod", seen: "measured with the real istiod",
		texts: []text{
			{pattern: "Gateway missing for route https.443", codes: "KFT301 KFT302", says: "the gateway has no HTTPS server any more"},
			{pattern: "skipping server on gateway {name}, duplicate host names", codes: "KFT310", says: "an older Gateway has the same hosts on the port; this one is ignored"},
			{pattern: "skipping server on gateway …: conflict with existing server", codes: "KFT311", says: "the port has HTTP and HTTPS servers; this one is ignored", seen: "read in the source of Istio"},
			{pattern: "non unique port name for HTTPS port", codes: "KFT310 KFT311", says: "two servers have a port of one name", seen: "old Istio: read in issues"},
			{pattern: "with no vhosts; Setting up a default 404 vhost", codes: "KFT310 KFT321", says: "the HTTPS server that counts has no routes: another Gateway holds the port"},
			{pattern: "skipping privileged gateway port {num}", codes: "KFT316", says: "the Service does not publish the port, so the gateway does not listen"},
			{pattern: "no service port {num}", codes: "KFT316", says: "the Service does not publish the port", seen: "not checked"},
			{pattern: "Failed to fetch jwks_uri from", codes: "KFT711 KFT705", says: "istiod cannot get the keys of Dex's tokens"},
			{pattern: "Failed to fetch public key from", codes: "KFT711 KFT705", says: "istiod cannot get the keys of Dex's tokens", seen: "older Istio: not checked"},
			{pattern: "using public-only JWKS with discarded private key", codes: "KFT711 KFT705", says: "istiod never got the keys of Dex's tokens: every login is refused"},
			{pattern: "KEY_VALUES_MISMATCH", codes: "KFT309", says: "the Secret's key does not belong to its certificate"},
		},
	}
}

// analyzeTexts are findings of istioctl analyze.
func analyzeTexts() table {
	return table{
		program: "istioctl analyze", seen: "read in the source of Istio",
		texts: []text{
			{pattern: `Referenced credentialName not found: "{name}"`, codes: "KFT303 KFT304", says: "the Secret that the HTTPS server names does not exist beside the gateway's pods"},
			{pattern: "Referenced credentialName not found", codes: "KFT303 KFT304", says: "the Secret that the HTTPS server names does not exist beside the gateway's pods"},
			{pattern: "Referenced selector not found", codes: "KFT314", says: "the Gateway's selector matches no pod"},
			{pattern: "IST0161", codes: "KFT306 KFT307 KFT308 KFT309", says: "the Secret holds no certificate that can be used"},
			{pattern: "IST0145", codes: "KFT310", says: "another Gateway has the same hosts on the port"},
			{pattern: "Conflict with gateways", codes: "KFT310", says: "another Gateway has the same hosts on the port"},
			{pattern: "IST0162", codes: "KFT316", says: "the Service does not publish the Gateway's port"},
			{pattern: "IST0138", codes: "KFT604 KFT310", says: "two Gateways share a certificate, and browsers then mix up their connections"},
		},
	}
}
