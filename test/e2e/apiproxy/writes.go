package apiproxy

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// IsWrite tells requests that change what the cluster keeps. To open a tunnel
// and to ask for one's rights and name are POSTs that change nothing, and
// neither does a dry run. The body of what may be a write is read, and put back:
// only then does the end of its client end the request's context.
func IsWrite(r *http.Request) (bool, error) {
	path := r.URL.Path
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		return false, nil
	}
	if strings.HasSuffix(path, "/portforward") || strings.Contains(path, "/authorization.k8s.io/") || strings.Contains(path, "/authentication.k8s.io/") {
		return false, nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return false, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if r.Method != http.MethodDelete {
		return !r.URL.Query().Has("dryRun"), nil
	}
	var options struct { // a deletion has its options in the body
		DryRun []string `json:"dryRun"`
	}
	_ = json.Unmarshal(body, &options) // what is no JSON is no dry run of ours
	return len(options.DryRun) == 0 && !r.URL.Query().Has("dryRun"), nil
}
