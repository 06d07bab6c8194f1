package session

import (
	"net/http"
	"net/url"
)

// IsDashboard tells Kubeflow's front page by its structure.
func IsDashboard(status int, header http.Header, body []byte) bool {
	return isDashboard(&answer{status: status, header: header, page: parsePage(body)})
}

// IsHealth tells the answer of Kubeflow's pipelines to a health check.
func IsHealth(status int, header http.Header, body []byte) bool {
	return isHealth(&answer{status: status, header: header, body: body})
}

// Connectors are those that Dex's page at an address offers: its answer to a
// login that names none, where there are several.
func Connectors(page *url.URL, body []byte) []Connector {
	offered, _ := parsePage(body).connectors(page)
	return offered
}
