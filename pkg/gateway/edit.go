package gateway

import (
	"maps"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// edit is a Gateway under change: a copy of its servers and the record of what
// was done to them. Entries are changed as they are, so that fields which this
// code does not know stay.
type edit struct {
	before  *unstructured.Unstructured
	servers []any
	record  *Record
	why     []string
}

func newEdit(gateway *unstructured.Unstructured) *edit {
	record := readRecord(gateway)
	if record == nil {
		record = &Record{}
	}
	return &edit{before: gateway, servers: rawServers(gateway.DeepCopy()), record: record}
}

// serve adds our server, or brings an earlier one to what is wanted now.
func (e *edit) serve(spec Spec) {
	wanted := map[string]any{
		"port":  map[string]any{"name": ServerName, "number": int64(spec.Port), "protocol": "HTTPS"},
		"hosts": toAny(spec.Hosts),
		"tls":   map[string]any{"mode": "SIMPLE", "credentialName": spec.SecretName},
	}
	e.record.Added = ServerName
	index := slices.IndexFunc(e.servers, func(raw any) bool { return parseServer(raw).Name == ServerName })
	if index < 0 {
		e.servers = append(e.servers, wanted)
		e.why = append(e.why, "add the HTTPS server "+ServerName)
		return
	}
	entry, _ := e.servers[index].(map[string]any)
	if merge(entry, wanted) {
		e.why = append(e.why, "bring the HTTPS server "+ServerName+" to what is wanted")
	}
}

// certificateFields are the fields of a tls block that say which certificate
// is served (https://istio.io/latest/docs/reference/config/networking/gateway/#ServerTLSSettings).
var certificateFields = []string{"credentialName", "credentialNames", "serverCertificate", "privateKey", "tlsCertificates"}

// swap makes somebody's HTTPS server serve our Secret, and records what it
// served before. Servers that do not end TLS with a certificate alone are
// refused.
func (e *edit) swap(server Server, secretName string) error {
	if server.Protocol != "HTTPS" || server.Mode != "SIMPLE" {
		return fault.New(fault.Overlap, "take another port: kubectl kftls setup --port 9443",
			"server %s of Gateway %s (protocol %s, tls mode %q) does not serve a certificate that could be swapped",
			server.Name, objectName(e.before), server.Protocol, server.Mode)
	}
	tls := e.tlsOf(server)
	change := ChangedTLS{Server: server.Name, Port: server.Number, Before: map[string]any{}}
	for _, field := range certificateFields {
		if value, ok := tls[field]; ok {
			change.Before[field] = value
			delete(tls, field)
		}
	}
	tls["credentialName"] = secretName
	e.record.Swapped = append(e.record.Swapped, change)
	e.why = append(e.why, "serve our certificate on "+server.Name+" instead of "+server.CredentialName)
	return nil
}

// redirect switches the redirect of the plain HTTP servers. Off takes back
// only what we switched on.
func (e *edit) redirect(on bool) {
	if !on {
		e.undoRedirects()
		return
	}
	for _, raw := range e.servers {
		server := parseServer(raw)
		if !server.IsHTTP() || server.HTTPSRedirect {
			continue
		}
		entry, _ := raw.(map[string]any)
		tls, ok := entry["tls"].(map[string]any)
		if !ok {
			tls = map[string]any{}
			entry["tls"] = tls
		}
		e.record.Redirected = append(e.record.Redirected, ChangedTLS{
			Server: server.Name, Port: server.Number, Before: map[string]any{"httpsRedirect": tls["httpsRedirect"]},
		})
		tls["httpsRedirect"] = true
		e.why = append(e.why, "redirect "+server.Name+" to https")
	}
}

// undo takes back all that the record names, and our server with or without a
// record. It returns what could not be taken back, and why.
func (e *edit) undo(secretName string) (left []string) {
	kept := e.servers[:0:0]
	for _, raw := range e.servers {
		if parseServer(raw).isOurs(secretName) {
			e.why = append(e.why, "remove the HTTPS server "+ServerName)
			continue
		}
		kept = append(kept, raw)
	}
	e.servers, e.record.Added = kept, ""
	e.undoSwaps(secretName)
	e.undoRedirects()
	for _, raw := range e.servers {
		if server := parseServer(raw); server.usesSecret(secretName) {
			left = append(left, "server "+server.Name+" of Gateway "+objectName(e.before)+
				" names our Secret, and no record says what it served before: give it another credentialName")
		}
	}
	return left
}

func (e *edit) undoSwaps(secretName string) {
	for _, swapped := range e.record.Swapped {
		tls := e.tlsOf(Server{Name: swapped.Server, Number: swapped.Port})
		if tls["credentialName"] != secretName {
			continue // removed, or changed by somebody since: theirs now
		}
		delete(tls, "credentialName")
		maps.Copy(tls, swapped.Before)
		e.why = append(e.why, "give server "+swapped.Server+" its certificate back")
	}
	e.record.Swapped = nil
}

func (e *edit) undoRedirects() {
	for _, redirected := range e.record.Redirected {
		server := Server{Name: redirected.Server, Number: redirected.Port}
		tls := e.tlsOf(server)
		if tls["httpsRedirect"] != true {
			continue
		}
		if before := redirected.Before["httpsRedirect"]; before != nil {
			tls["httpsRedirect"] = before
		} else {
			delete(tls, "httpsRedirect")
		}
		if len(tls) == 0 {
			delete(e.entry(server), "tls")
		}
		e.why = append(e.why, "end the redirect of "+redirected.Server)
	}
	e.record.Redirected = nil
}

// entry finds a server by its port's name and number, nil when it is gone.
func (e *edit) entry(wanted Server) map[string]any {
	for _, raw := range e.servers {
		if server := parseServer(raw); server.Name == wanted.Name && server.Number == wanted.Number {
			entry, _ := raw.(map[string]any)
			return entry
		}
	}
	return nil
}

// tlsOf returns a server's tls block; an empty map of nobody when it is gone.
func (e *edit) tlsOf(wanted Server) map[string]any {
	if tls, ok := e.entry(wanted)["tls"].(map[string]any); ok {
		return tls
	}
	return map[string]any{}
}

// change is the edit as a change of the plan, or none when nothing differs.
func (e *edit) change(resource schema.GroupVersionResource) ([]Change, error) {
	after := e.before.DeepCopy()
	if err := unstructured.SetNestedSlice(after.Object, e.servers, "spec", "servers"); err != nil {
		return nil, err
	}
	if owner := serversOwner(e.before); owner != nil && len(e.why) > 0 {
		e.record.ServersOwner = owner
	}
	if err := e.record.write(after); err != nil {
		return nil, err
	}
	if reflect.DeepEqual(e.before.Object, after.Object) {
		return nil, nil
	}
	why := "record what setup did"
	if len(e.why) > 0 {
		why = e.why[0]
		for _, more := range e.why[1:] {
			why += "; " + more
		}
	}
	return []Change{{Action: Update, Resource: resource, Kind: "Gateway", Before: e.before, After: after, Why: why}}, nil
}

func toAny(texts []string) []any {
	result := make([]any, len(texts))
	for i, text := range texts {
		result[i] = text
	}
	return result
}
