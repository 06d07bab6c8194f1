// Package mutate breaks one thing at random, as a slip of the hand would: a field
// is gone, misspelt or another one. What comes of it is not known beforehand,
// which is the point: nobody chose it to fit a diagnosis. The same seed makes
// the same mutation. It knows nothing of the plugin.
package mutate

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// place is where something stands in a tree of maps, lists and values, and how
// it is changed.
type place struct {
	path string
	set  func(value any)
	drop func()
	at   any
}

// places lists all of them, those of the root's children first.
func places(path string, at any, replace func(any)) []place {
	var all []place
	switch at := at.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(at)) {
			below := path + "." + key
			if leaveAlone(below) {
				continue
			}
			set := func(value any) { at[key] = value }
			if below != ".metadata" {
				all = append(all, place{below, set, func() { delete(at, key) }, at[key]})
			}
			all = append(all, places(below, at[key], set)...)
		}
	case []any:
		for i := range at {
			below := fmt.Sprintf("%s[%d]", path, i)
			set := func(value any) { at[i] = value }
			drop := func() { replace(slices.Delete(slices.Clone(at), i, i+1)) }
			all = append(all, place{below, set, drop, at[i]})
			all = append(all, places(below, at[i], set)...)
		}
	}
	return all
}

// leaveAlone tells what is no setting: what the API server writes, and what
// makes an object another one.
func leaveAlone(path string) bool {
	switch path {
	case ".apiVersion", ".kind", ".status", ".metadata.name", ".metadata.namespace", ".metadata.uid",
		".metadata.resourceVersion", ".metadata.generation", ".metadata.creationTimestamp",
		".metadata.managedFields", ".metadata.annotations":
		return true
	}
	return false
}

// choose takes a place. Labels of the object itself, which are many and steer
// little, are taken less often.
func choose(r *rand.Rand, all []place) place {
	p := all[r.IntN(len(all))]
	for strings.HasPrefix(p.path, ".metadata.") && r.IntN(5) > 0 {
		p = all[r.IntN(len(all))]
	}
	return p
}

// said is a place and what stood there, cut where it is long.
func (p place) said() string { return fmt.Sprintf("%s (%.80s)", p.path, fmt.Sprint(p.at)) }

// change changes what stands in a place, and says how.
func (p place) change(r *rand.Rand) string {
	if r.IntN(4) == 0 {
		p.drop()
		return "gone"
	}
	if strings.HasPrefix(p.path, ".metadata.labels.") || strings.Contains(p.path, "atchLabels.") || strings.HasPrefix(p.path, ".spec.selector.") {
		p.set("another")
		return `"another"`
	}
	var other any
	switch at := p.at.(type) {
	case string:
		other = text(r, at)
	case int64:
		other = at + []int64{-1, 1}[r.IntN(2)]
	case float64:
		other = at + []float64{-1, 1}[r.IntN(2)]
	case bool:
		other = !at
	default:
		p.drop()
		return "gone"
	}
	p.set(other)
	return fmt.Sprintf("%#v", other)
}

// text is another text: one letter gone, two swapped, another ending, or one of
// the words that stand in such places.
func text(r *rand.Rand, old string) string {
	if len(old) < 2 {
		return old + "x"
	}
	i := r.IntN(len(old) - 1)
	switch r.IntN(5) {
	case 0:
		return old[:i] + old[i+1:]
	case 1:
		if old[i] != old[i+1] {
			return old[:i] + old[i+1:i+2] + old[i:i+1] + old[i+2:]
		}
		return old + "s"
	case 2:
		return old + "s"
	case 3:
		if first := strings.ToUpper(old[:1]); first != old[:1] {
			return first + old[1:]
		}
	}
	words := [][]string{
		{"HTTP", "HTTPS", "TLS", "TCP", "GRPC"},
		{"SIMPLE", "MUTUAL", "PASSTHROUGH", "ISTIO_MUTUAL", "AUTO_PASSTHROUGH", "OPTIONAL_MUTUAL"},
		{"ALLOW", "DENY", "CUSTOM", "AUDIT"},
		{"true", "false"},
		{"*", "kubeflow.example.com", "localhost"},
		{"/", "/dex/", "/oauth2/", "/pipeline", "/apis/"},
		{"ClusterIP", "ExternalName", "NodePort", "LoadBalancer"},
	}
	for _, group := range words {
		if at := slices.Index(group, old); at >= 0 {
			return group[(at+1+r.IntN(len(group)-1))%len(group)]
		}
	}
	return "another"
}
