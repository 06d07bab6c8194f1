package diagnose

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func readSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("../../docs/diagnosis.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("diagnosis.schema.json", document); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("diagnosis.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// TestSchema: docs/diagnosis.schema.json describes every diagnosis, that of each
// example among them, and admits nothing else.
func TestSchema(t *testing.T) {
	schema := readSchema(t)
	document := func(d *Diagnosis) any {
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return document
	}
	diagnosis := func(with ...change) *Diagnosis {
		f := healthy(with...)
		_, outcomes := f.judged()
		return newDiagnosis(f, outcomes, 1234567)
	}
	if err := schema.Validate(document(diagnosis())); err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(document(newDiagnosis(healthy(), nil, 0))); err != nil {
		t.Errorf("all checks skipped: %v", err)
	}
	for _, e := range examples() {
		if e.status != Found {
			continue
		}
		if err := schema.Validate(document(diagnosis(e.with...))); err != nil {
			t.Errorf("%s %s: %v", e.code, e.cause, err)
		}
	}
	for name, edit := range map[string]func(map[string]any){
		"another field":   func(d map[string]any) { d["more"] = 1 },
		"a missing field": func(d map[string]any) { delete(d, "findings") },
		"another state":   func(d map[string]any) { d["road"].([]any)[0].(map[string]any)["state"] = "red" },
		"no list":         func(d map[string]any) { d["alsoNoticed"] = nil },
	} {
		d := document(diagnosis(cut)).(map[string]any)
		edit(d)
		if schema.Validate(d) == nil {
			t.Errorf("%s is admitted", name)
		}
	}
	for _, s := range Severities() {
		if text, _ := os.ReadFile("../../docs/diagnosis.schema.json"); !strings.Contains(string(text), `"`+string(s)+`"`) {
			t.Errorf("%s is missing", s)
		}
	}
}
