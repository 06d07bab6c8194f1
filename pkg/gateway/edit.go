package gateway

import (
	"fmt"
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
	// formerSecret is the Secret of the setup that the record was read from.
	formerSecret string
	why          []string
}

func newEdit(gateway *unstructured.Unstructured) *edit {
	record := readRecord(gateway)
	if record == nil {
		record = &Record{}
	}
	return &edit{
		before: gateway, servers: rawServers(gateway.DeepCopy()), record: record, formerSecret: record.SecretName,
	}
}

// serve adds our server, or brings an earlier one to what is wanted now. A
// server of our name that neither the record nor our Secret shows to be ours is
// refused.
func (e *edit) serve(spec Spec) error {
	wanted := map[string]any{
		"port":  map[string]any{"name": ServerName, "number": int64(spec.Port), "protocol": "HTTPS"},
		"hosts": toAny(spec.Hosts),
		"tls":   map[string]any{"mode": "SIMPLE", "credentialName": spec.SecretName},
	}
	index := slices.IndexFunc(e.servers, func(raw any) bool { return parseServer(raw).Name == ServerName })
	if index < 0 {
		e.servers = append(e.servers, wanted)
		e.why = append(e.why, "add the HTTPS server "+ServerName)
	} else {
		entry, _ := e.servers[index].(map[string]any)
		if server := parseServer(entry); e.record.Added != ServerName && !server.isOurs(spec.SecretName) {
			return fault.New(fault.NotOurs,
				"rename it or remove it: kubectl -n "+e.before.GetNamespace()+" edit gateways.networking.istio.io "+e.before.GetName(),
				"Gateway %s has a server %s that kubectl kftls did not add (%s)", objectName(e.before), ServerName, server)
		}
		if merge(entry, wanted) {
			e.why = append(e.why, "bring the HTTPS server "+ServerName+" to what is wanted")
		}
	}
	e.record.Added, e.record.SecretName = ServerName, spec.SecretName
	return nil
}

// certificateFields are the fields of a tls block that say which certificate
// is served (https://istio.io/latest/docs/reference/config/networking/gateway/#ServerTLSSettings).
var certificateFields = []string{"credentialName", "credentialNames", "serverCertificate", "privateKey", "tlsCertificates"}

// swap makes somebody's HTTPS server serve our Secret, and records what it
// served before. Servers that do not end TLS with a certificate alone are
// refused.
func (e *edit) swap(server Server, secretName string) error {
	if !server.isSwappable() {
		return fault.New(fault.Overlap, otherPortHint,
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
	e.recordSwap(change, server.CredentialName)
	e.record.SecretName = secretName
	e.why = append(e.why, "serve our certificate on "+server.Name+" instead of "+server.CredentialName)
	return nil
}

// recordSwap keeps what a server is given back: what it served last that was
// not ours.
func (e *edit) recordSwap(change ChangedTLS, served string) {
	index := slices.IndexFunc(e.record.Swapped, change.isSameServer)
	switch {
	case index < 0:
		e.record.Swapped = append(e.record.Swapped, change)
	case served != e.formerSecret:
		e.record.Swapped[index] = change // its owner has given it another one since
	}
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
		change := ChangedTLS{Server: server.Name, Port: server.Number}
		tls, ok := entry["tls"].(map[string]any)
		if ok {
			change.Before = map[string]any{"httpsRedirect": tls["httpsRedirect"]}
		} else {
			tls = map[string]any{}
			entry["tls"] = tls
		}
		e.record.Redirected = append(slices.DeleteFunc(e.record.Redirected, change.isSameServer), change)
		tls["httpsRedirect"] = true
		e.why = append(e.why, "redirect "+server.Name+" to https")
	}
}

// undo takes back all that the record names, and our server with or without a
// record. A record of a setup with another Secret stays. It returns what could
// not be taken back, and why.
func (e *edit) undo(secretName string) (left []string) {
	kept := e.servers[:0:0]
	for _, raw := range e.servers {
		if parseServer(raw).isOurs(secretName) {
			e.why = append(e.why, "remove the HTTPS server "+ServerName)
			continue
		}
		kept = append(kept, raw)
	}
	e.servers = kept
	if e.record.isFor(secretName) {
		e.record.Added = ""
		e.undoSwaps(secretName)
		e.undoRedirects()
	}
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
		if redirected.Before == nil && len(tls) == 0 {
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
	if !reflect.DeepEqual(e.servers, rawServers(e.before)) {
		if err := unstructured.SetNestedSlice(after.Object, e.servers, "spec", "servers"); err != nil {
			return nil, fmt.Errorf("change the servers of Gateway %s: %w", objectName(e.before), err)
		}
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
	if e.record.isEmpty() {
		why = "give the servers back to their owner" // a teardown was cut short
	}
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
