package diagnose

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// keysPath is where Dex publishes the keys that it signs with. It is exempt from
// the login's policies.
const keysPath = "/dex/keys"

// probeHeaders looks how the gateway takes requests that carry an Authorization
// header, which Kubeflow's policy sends past the auth proxy. A value that is no
// token must be denied: where it is let through, a header opens the door. A token
// that Dex did not sign, under the name of Dex's present key, must be refused for
// its signature: a gateway that does not know the key refuses every new login,
// too.
func (r *Road) probeHeaders(ctx context.Context, client http.RoundTripper) {
	front := r.answer(frontPath)
	if front == nil || !front.Wall.Stops() {
		return
	}
	ask := func(value string) *Answer {
		return fetch(ctx, client, r.Origin, frontPath, http.Header{"Authorization": {value}})
	}
	r.Header = ask("kftls-probe")
	issuer := ""
	if dex := r.answer(dexPath); dex != nil && dex.Status == http.StatusOK {
		issuer = jsonString(dex.Body, "issuer")
	}
	keys := fetch(ctx, client, r.Origin, keysPath, nil)
	key, ok := presentKey(keys.Body)
	if issuer == "" || !ok {
		return
	}
	r.Token = ask("Bearer " + unsigned(issuer, key))
}

// jsonKey is one key of a JSON Web Key Set (RFC 7517).
type jsonKey struct {
	ID        string `json:"kid"`
	Algorithm string `json:"alg"`
}

// presentKey is the first key of a set, which Dex signs with; those behind it
// only verify (storage.Keys in dexidp/dex).
func presentKey(set []byte) (jsonKey, bool) {
	var keys struct{ Keys []jsonKey }
	if json.Unmarshal(set, &keys) != nil || len(keys.Keys) == 0 || keys.Keys[0].ID == "" {
		return jsonKey{}, false
	}
	return keys.Keys[0], true
}

// unsigned is a token with all a gateway looks at before the signature, which is
// none: 256 zero bytes.
func unsigned(issuer string, key jsonKey) string {
	encode := base64.RawURLEncoding.EncodeToString
	algorithm := key.Algorithm
	if algorithm == "" {
		algorithm = "RS256"
	}
	header := fmt.Sprintf(`{"alg":%q,"kid":%q}`, algorithm, key.ID)
	payload := fmt.Sprintf(`{"iss":%q,"sub":"kftls-probe","exp":%d}`, issuer, time.Now().Add(time.Minute).Unix())
	return encode([]byte(header)) + "." + encode([]byte(payload)) + "." + encode(make([]byte, 256))
}

// observeHeaders tells what the requests with a header showed.
func (f *Facts) observeHeaders(r *Road, tell func(Symptom, string, bool), matters bool) {
	// Whatever it is that answers: the login let it through.
	if a := r.Header; a != nil && a.Err == nil && a.Status == http.StatusOK && !a.Wall.Stops() {
		tell(StandsOpen, "with a header Authorization that is no token: "+a.line(), matters)
	}
	if r.ignoresTokens() {
		tell(LoginBreaks, "a token of Dex's key is not looked at: "+r.Token.line(), matters)
	}
	if a := r.Token; a != nil && a.Err == nil && a.Status == http.StatusUnauthorized && !a.says("Jwt verification fails") && a.says("Jw") {
		tell(BadToken, a.line(), matters)
	}
}

// ignoresTokens tells that the gateway denies a token as it denies what is none: it
// does not look at it, and so will not at a user's.
func (r *Road) ignoresTokens() bool {
	return r.Header != nil && r.Header.Err == nil && r.Header.says("RBAC: access denied") &&
		r.Token != nil && r.Token.Err == nil && r.Token.says("RBAC: access denied")
}

// refusesKeys tells that the gateway does not know Dex's present key.
func (f *Facts) refusesKeys() *Road {
	for _, r := range f.Roads {
		if r.Token != nil && r.Token.Err == nil && r.Token.says("Jwks doesn't have key") {
			return r
		}
	}
	return nil
}
