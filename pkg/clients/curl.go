package clients

import (
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/session"
)

// curlConfig is a file for `curl -K FILE URL`. The cookie is a header: a
// `cookie =` would also go to another host that a redirect leads to.
func curlConfig(h *handover) ([]byte, error) {
	caFile, err := oneLine("the CA file's path", h.CAFile)
	if err != nil {
		return nil, err
	}
	var out strings.Builder
	out.WriteString("# curl -K FILE " + h.origin + "/ (the cookie goes to every URL on that line)\n")
	if len(h.cookies) > 0 {
		out.WriteString("header = " + quoteCurl("Cookie: "+session.Header(h.cookies)) + "\n")
	}
	if caFile != "" {
		out.WriteString("cacert = " + quoteCurl(caFile) + "\n")
	}
	return []byte(out.String()), nil
}

// quoteCurl quotes for a config file: https://curl.se/docs/manpage.html#-K
func quoteCurl(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
