package upstream

import (
	"encoding/json"
	"net/http"
)

// frontendHealth is what the server of the pipelines' pages makes of the API's health
// (HealthzStats in frontend/server/handlers/healthz.ts of kubeflow/pipelines). v2beta1 has no version of the API in it:
// the API leaves it out there, and JavaScript drops what is undefined.
type frontendHealth struct {
	BuildDate           string `json:"buildDate"`
	FrontendCommitHash  string `json:"frontendCommitHash"`
	FrontendTagName     string `json:"frontendTagName"`
	APIServerCommitHash string `json:"apiServerCommitHash,omitempty"`
	APIServerTagName    string `json:"apiServerTagName,omitempty"`
	APIServerMultiUser  bool   `json:"apiServerMultiUser"`
	MultiUser           bool   `json:"multi_user"`
	APIServerReady      bool   `json:"apiServerReady"`
}

// serverHealth is GetHealthzResponse of the pipelines' API, in proto-JSON with the names of the .proto file.
type serverHealth struct {
	CommitSHA string `json:"commit_sha,omitempty"`
	TagName   string `json:"tag_name,omitempty"`
	MultiUser bool   `json:"multi_user"`
}

// commit is the value of the commit fields: none was built.
const commit = "stand-in"

func (o Options) handleFrontendHealth(mux *http.ServeMux, prefix string) {
	v2 := frontendHealth{
		BuildDate:          "stand-in",
		FrontendCommitHash: commit,
		FrontendTagName:    o.PipelinesVersion,
		APIServerMultiUser: true,
		MultiUser:          true,
		APIServerReady:     true,
	}
	v1 := v2
	v1.APIServerCommitHash, v1.APIServerTagName = commit, o.PipelinesVersion
	mux.HandleFunc("GET "+prefix+"/v1beta1/healthz", answer(expressJSON, v1))
	mux.HandleFunc("GET "+prefix+"/v2beta1/healthz", answer(expressJSON, v2))
}

func (o Options) handleServerHealth(mux *http.ServeMux, prefix string) {
	mux.HandleFunc("GET "+prefix+"/v1beta1/healthz",
		answer(gatewayJSON, serverHealth{CommitSHA: commit, TagName: o.PipelinesVersion, MultiUser: true}))
	mux.HandleFunc("GET "+prefix+"/v2beta1/healthz", answer(gatewayJSON, serverHealth{MultiUser: true}))
}

// handleEmptyLists answers the lists of v2beta1. An empty list in proto-JSON has no field at all: no items, a total of 0 and
// an empty page token are the values that are left out.
func handleEmptyLists(mux *http.ServeMux, prefix string) {
	for _, kind := range []string{"runs", "experiments", "pipelines", "recurringruns"} {
		mux.HandleFunc("GET "+prefix+"/v2beta1/"+kind, answer(gatewayJSON, struct{}{}))
	}
}

// The media types of JSON: Express says which charset, grpc-gateway does not.
const (
	expressJSON = "application/json; charset=utf-8"
	gatewayJSON = "application/json"
)

// answer always answers with the same value as JSON.
func answer(mediaType string, value any) http.HandlerFunc {
	body, err := json.Marshal(value)
	return func(w http.ResponseWriter, _ *http.Request) {
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", mediaType)
		w.Write(body)
	}
}
