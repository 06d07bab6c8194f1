package endpoint

import (
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/state"
)

// Place is what the Key of an Endpoint names, without the CA that was in force:
// a front door that was set up anew is the same place.
type Place struct {
	// URL is the origin of a Kubeflow that was reached directly; "" for a tunnel.
	URL string
	// Cluster and Host are those of a tunnel.
	Cluster state.Origin
	Host    string
}

// ParseKey reads a Key.
func ParseKey(key string) Place {
	fields := strings.Fields(key)
	if len(fields) < 3 {
		return Place{URL: key}
	}
	return Place{Cluster: state.Origin{Server: fields[0], Gateway: fields[1]}, Host: fields[2]}
}

// String is the place for people.
func (p Place) String() string {
	if p.URL != "" {
		return p.URL
	}
	return p.Host + " behind Gateway " + p.Cluster.Gateway + " of " + p.Cluster.Server
}
