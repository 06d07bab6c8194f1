package pasted

// rbacCodes are what the refusal has behind it: with an Authorization header it
// is the header (see order), without one most often a host or path that no
// route has.
const rbacCodes = "KFT601 KFT602 KFT110 KFT704 KFT603 KFT805"

// envoyTexts are what the gateway answers itself.
func envoyTexts() table {
	return table{
		program: "Envoy", seen: "measured with the real Envoy and istiod",
		texts: []text{
			{pattern: "RBAC: access denied", codes: rbacCodes, says: "the gateway denies the request before anybody asked for a login"},
			{pattern: "upstream connect error or disconnect/reset before headers…reset reason: remote connection failure", codes: "KFT605 KFT703 KFT705", says: "the program behind the route does not take connections"},
			{pattern: "upstream connect error or disconnect/reset before headers…reset reason: connection termination", codes: "KFT605", says: "the program behind the route closes connections", seen: "read in issues"},
			{pattern: "upstream connect error or disconnect/reset before headers", codes: "KFT605 KFT703 KFT705", says: "the program behind the route cannot be reached"},
			{pattern: "no healthy upstream", codes: "KFT605 KFT703 KFT705", says: "no pod of the program behind the route is ready"},
			{pattern: "upstream request timeout", codes: "KFT605", says: "the program behind the route does not answer in time", seen: "not checked"},
			{pattern: "431 Request Header Fields Too Large", codes: "KFT607", says: "the headers are too large, most often the session's cookies", seen: "read in issues"},
		},
	}
}

// envoyLogTexts are flags and details of the gateway's log.
func envoyLogTexts() table {
	return table{
		program: "Envoy log", seen: "measured with the real Envoy and istiod",
		texts: []text{
			{pattern: "Failed to load private key from <inline>, Cause: …KEY_VALUES_MISMATCH", codes: "KFT309", says: "the Secret's key does not belong to its certificate"},
			{pattern: "Failed to load private key from <inline>", codes: "KFT309 KFT308", says: "the Secret's key cannot be used"},
			{pattern: "Failed to load certificate chain from <inline>", codes: "KFT308", says: "the Secret's certificate is no PEM"},
			{pattern: "initial fetch timed out for type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret", codes: "KFT303 KFT304 KFT306 KFT305 KFT319 KFT312 KFT320", says: "the gateway waited for the Secret in vain"},
			{pattern: "remove listener '0.0.0.0_8443'", codes: "KFT301 KFT302", says: "the gateway has no HTTPS server any more"},
			{pattern: "filter_chain_not_found", codes: "KFT313", says: "no HTTPS server takes the name in the URL"},
			{pattern: "route_not_found", codes: "KFT604 KFT325 KFT321", says: "the gateway has no route for this host or path"},
			{pattern: "http1.codec_error", codes: "KFT108", says: "https was spoken to the gateway's port for http"},
			{pattern: "268435612", codes: "KFT109", says: "http was spoken to the gateway's port for https", seen: "read in issues"},
			{pattern: "deny-due-to-bad-CUSTOM-action", codes: "KFT704 KFT718", says: "the login program's Service is missing, so all is denied"},
			{pattern: "rbac_access_denied_matched_policy[none]", codes: "KFT805 KFT603", says: "no policy allows the request", seen: "read in issues"},
			{pattern: "rbac_access_denied_matched_policy[", codes: rbacCodes, says: "a policy denies the request", depth: symptom},
			{pattern: "ext_authz_error", codes: "KFT703", says: "the gateway could not ask the login program"},
			{pattern: "ext_authz_denied", codes: "KFT702 KFT801", says: "the login program says that the request is not logged in", depth: symptom},
			{pattern: "jwt_authn_access_denied{Jwt_issuer_is_not_configured}", codes: "KFT712 KFT710 KFT602", says: "the token comes from an issuer that the gateway does not know"},
			{pattern: "jwt_authn_access_denied", codes: "KFT711 KFT712 KFT803", says: "the gateway does not take the token", depth: symptom},
			{pattern: "no_healthy_upstream", codes: "KFT605 KFT703 KFT705", says: "no pod of the program behind the route is ready"},
			{pattern: "cluster_not_found", codes: "KFT605 KFT704", says: "the Service behind the route is missing"},
			{pattern: "delayed_connect_error", codes: "KFT605 KFT703 KFT705", says: "the program behind the route does not take connections"},
		},
	}
}

// jwtTexts are what the gateway answers to a token.
func jwtTexts() table {
	return table{
		program: "Envoy", seen: "read in the source of Envoy's jwt_verify_lib",
		texts: []text{
			{pattern: "Jwt issuer is not configured", codes: "KFT712 KFT710 KFT602", says: "the token comes from an issuer that the gateway does not know", seen: "measured with the real Envoy"},
			{pattern: "Jwt is expired", codes: "KFT803 KFT105", says: "the session's token has expired"},
			{pattern: "Jwt not yet valid", codes: "KFT105", says: "the token is from the future: a clock is wrong", seen: "not checked"},
			{pattern: "Jwt verification fails", codes: "KFT711", says: "the gateway has not the keys of Dex's tokens", seen: "measured with the real Envoy"},
			{pattern: "Audiences in Jwt are not allowed", codes: "KFT710 KFT712", says: "the token was made for something else"},
			{pattern: "Jwt is not in the form of Header.Payload.Signature", codes: "KFT602 KFT110", says: "an Authorization header holds something that is no token", seen: "measured with the real Envoy"},
			{pattern: "Jwks doesn't have key to match kid or alg from Jwt", codes: "KFT803 KFT711", says: "Dex has new keys: old sessions are worth nothing, new ones soon work", seen: "measured with the real Envoy"},
			{pattern: "Jwks remote fetch is failed", codes: "KFT711 KFT705", says: "the gateway cannot get the keys of Dex's tokens"},
		},
	}
}
