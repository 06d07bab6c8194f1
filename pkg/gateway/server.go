package gateway

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Server is one entry of a Gateway's spec.servers, as far as we read it. The
// entry itself is never written back from here: fields that we do not know
// would be lost.
type Server struct {
	// Name and Number are the port's; Protocol is upper case (HTTP, HTTPS, …).
	Name     string
	Number   int32
	Protocol string
	// Hosts are as written, with an optional "namespace/" in front.
	Hosts []string
	// Mode is the tls.mode (SIMPLE, MUTUAL, PASSTHROUGH, …), "" without tls.
	Mode           string
	CredentialName string
	// HTTPSRedirect tells that plain HTTP is answered with a redirect.
	HTTPSRedirect bool
}

// rawServers returns the entries of spec.servers as they are. They are shared
// with the object: copy before changing.
func rawServers(gateway *unstructured.Unstructured) []any {
	servers, _, _ := unstructured.NestedFieldNoCopy(gateway.Object, "spec", "servers")
	list, _ := servers.([]any)
	return list
}

// Servers reads the servers of a Gateway object.
func Servers(gateway *unstructured.Unstructured) []Server {
	var servers []Server
	for _, raw := range rawServers(gateway) {
		servers = append(servers, parseServer(raw))
	}
	return servers
}

// parseServer reads one entry. JSON is the way in, because a number is an
// int64 or a float64 by where the object came from.
func parseServer(raw any) Server {
	var entry struct {
		Hosts []string `json:"hosts"`
		Port  struct {
			Name     string `json:"name"`
			Number   int32  `json:"number"`
			Protocol string `json:"protocol"`
		} `json:"port"`
		TLS *struct {
			Mode           string `json:"mode"`
			CredentialName string `json:"credentialName"`
			HTTPSRedirect  bool   `json:"httpsRedirect"`
		} `json:"tls"`
	}
	if encoded, err := json.Marshal(raw); err == nil {
		_ = json.Unmarshal(encoded, &entry) // the API server's schema has checked the types
	}
	server := Server{
		Name: entry.Port.Name, Number: entry.Port.Number,
		Protocol: strings.ToUpper(entry.Port.Protocol), Hosts: entry.Hosts,
	}
	if entry.TLS != nil {
		server.Mode, server.CredentialName = entry.TLS.Mode, entry.TLS.CredentialName
		server.HTTPSRedirect = entry.TLS.HTTPSRedirect
	}
	return server
}

// IsTLS tells whether clients must speak TLS to this server.
func (s Server) IsTLS() bool { return s.Protocol == "HTTPS" || s.Protocol == "TLS" }

// isSwappable tells whether it ends TLS with a certificate and nothing else.
func (s Server) isSwappable() bool { return s.Protocol == "HTTPS" && s.Mode == "SIMPLE" }

// IsHTTP tells whether clients speak plain HTTP to this server.
func (s Server) IsHTTP() bool {
	return s.Protocol == "HTTP" || s.Protocol == "HTTP2" || s.Protocol == "GRPC"
}

// String describes the server in a line.
func (s Server) String() string {
	text := fmt.Sprintf("%d/%s %s hosts %s", s.Number, s.Protocol, s.Name, strings.Join(s.Hosts, ","))
	if s.CredentialName != "" {
		text += " Secret " + s.CredentialName
	}
	return text
}

// isOurs finds our server by content: the name that only we give, and a
// credential. The index in the list means nothing, others edit it too.
func (s Server) isOurs(secretName string) bool {
	return s.Name == ServerName && s.CredentialName == secretName
}

// usesSecret tells whether the server serves our Secret: our own server, or
// somebody's whose credentialName setup --force has swapped.
func (s Server) usesSecret(secretName string) bool { return s.CredentialName == secretName }

// MatchesHost tells whether one of the server's hosts admits a name. An IP
// address is sent without SNI and matches "*" alone.
func (s Server) MatchesHost(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil {
		return slices.ContainsFunc(s.Hosts, func(host string) bool { return bareHost(host) == "*" })
	}
	return slices.ContainsFunc(s.Hosts, func(host string) bool { return hostAdmits(host, name) })
}

// overlaps tells whether two host lists can both match a request.
func overlaps(a, b []string) bool {
	for _, x := range a {
		for _, y := range b {
			if hostAdmits(x, bareHost(y)) || hostAdmits(y, bareHost(x)) {
				return true
			}
		}
	}
	return false
}

// hostAdmits tells whether a Gateway host ("*", "*.x", "x", each with an
// optional "namespace/") admits a name, which may be a wildcard itself. Unlike
// in a certificate, "*.x" admits names at any depth
// (https://istio.io/latest/docs/reference/config/networking/gateway/#Server).
func hostAdmits(host, name string) bool {
	host, name = strings.ToLower(bareHost(host)), strings.ToLower(name)
	if host == "*" || host == name {
		return true
	}
	suffix, isWildcard := strings.CutPrefix(host, "*")
	return isWildcard && strings.HasSuffix(strings.TrimPrefix(name, "*"), suffix)
}

// bareHost drops the namespace in front of a Gateway host.
func bareHost(host string) string {
	if _, bare, found := strings.Cut(host, "/"); found {
		return bare
	}
	return host
}
