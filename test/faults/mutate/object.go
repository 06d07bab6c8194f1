package mutate

import (
	"encoding/base64"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// Object changes one thing of an object, in place, and says what. An object that
// is to be deleted stays as it is, with gone set.
func Object(r *rand.Rand, object map[string]any) (what string, gone bool) {
	if r.IntN(12) == 0 {
		return "deleted", true
	}
	switch object["kind"] {
	case "ConfigMap":
		return settings(r, object), false
	case "Secret":
		return secret(r, object), false
	case "Deployment":
		return replicas(r, object), false
	}
	p := choose(r, places("", object, nil))
	return p.said() + ": " + p.change(r), false
}

// replicas of a Deployment: none, one, or one more.
func replicas(r *rand.Rand, object map[string]any) string {
	spec, _ := object["spec"].(map[string]any)
	old, _ := spec["replicas"].(int64)
	wanted := []int64{0, 0, 1, old + 1}[r.IntN(4)]
	spec["replicas"] = wanted
	return fmt.Sprintf(".spec.replicas (%d): %d", old, wanted)
}

// settings changes the text of one key of a ConfigMap: a field if it is YAML,
// else a line.
func settings(r *rand.Rand, object map[string]any) string {
	data, _ := object["data"].(map[string]any)
	keys := slices.Sorted(maps.Keys(data))
	if len(keys) == 0 {
		return "nothing"
	}
	key := keys[r.IntN(len(keys))]
	old, _ := data[key].(string)
	if r.IntN(15) == 0 {
		delete(data, key)
		return fmt.Sprintf(".data[%s]: gone", key)
	}
	var tree map[string]any
	if err := yaml.Unmarshal([]byte(old), &tree); err == nil && len(tree) > 0 {
		p := choose(r, places("", tree, nil))
		said := p.said() + ": " + p.change(r)
		if text, err := yaml.Marshal(tree); err == nil {
			data[key] = string(text)
			return fmt.Sprintf(".data[%s] %s", key, said)
		}
	}
	lines := strings.Split(old, "\n")
	var full []int
	for i, line := range lines {
		if strings.Contains(line, "=") || len(lines) == 1 {
			full = append(full, i)
		}
	}
	if len(full) == 0 {
		return "nothing"
	}
	at := full[r.IntN(len(full))]
	was := lines[at]
	name, value, assigned := strings.Cut(was, "= ")
	switch {
	case r.IntN(4) == 0:
		lines = slices.Delete(lines, at, at+1)
		data[key] = strings.Join(lines, "\n")
		return fmt.Sprintf(".data[%s] line %q: gone", key, was)
	case assigned && strings.HasPrefix(value, `"`):
		lines[at] = name + `= "` + text(r, strings.Trim(value, `"`)) + `"`
	case assigned && (value == "true" || value == "false"):
		lines[at] = name + "= " + map[string]string{"true": "false", "false": "true"}[value]
	default:
		lines[at] = text(r, was)
	}
	data[key] = strings.Join(lines, "\n")
	return fmt.Sprintf(".data[%s] line %q: %q", key, was, lines[at])
}

// secret changes one value of a Secret, and does not say what it was.
func secret(r *rand.Rand, object map[string]any) string {
	data, _ := object["data"].(map[string]any)
	keys := slices.Sorted(maps.Keys(data))
	if len(keys) == 0 {
		return "nothing"
	}
	key := keys[r.IntN(len(keys))]
	encoded, _ := data[key].(string)
	old, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "nothing"
	}
	wanted, said := text(r, string(old)), "a slip in it"
	switch r.IntN(4) {
	case 0:
		delete(data, key)
		return fmt.Sprintf(".data[%s]: gone", key)
	case 1:
		wanted, said = "", "empty"
	case 2:
		wanted, said = string(old)+"\n", "with a line feed at its end"
	}
	data[key] = base64.StdEncoding.EncodeToString([]byte(wanted))
	return fmt.Sprintf(".data[%s]: %s", key, said)
}
