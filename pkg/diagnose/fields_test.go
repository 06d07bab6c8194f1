package diagnose

import (
	"encoding/json"
	"testing"
)

func TestFieldsTakeWhatTheyName(t *testing.T) {
	for _, test := range []struct {
		name        string
		taken       fields
		value, want string
	}{
		{"named alone", leaves("a"), `{"a":1,"b":2}`, `{"a":1}`},
		{"a leaf takes no object", leaves("a"), `{"a":{"secret":"x"}}`, `null`},
		{"nor a list of them", leaves("a"), `{"a":[{"secret":"x"},"y"]}`, `{"a":["y"]}`},
		{"an object is no text", fields{"a": leaves("b")}, `{"a":"secret"}`, `null`},
		{"any name", fields{"a": leaves("*")}, `{"a":{"x":"1","y":{"z":"2"}}}`, `{"a":{"x":"1"}}`},
		{"a list, entry by entry", fields{"a": leaves("b")}, `{"a":[{"b":1,"c":2},{"c":3}]}`, `{"a":[{"b":1}]}`},
		{
			"values of conditions are left", policyFields, `{"action":"DENY","rules":[{"when":[{"key":"request.headers[x-key]","values":["secret"]}]}]}`,
			`{"action":"DENY","rules":[{"when":[{"key":"request.headers[x-key]"}]}]}`,
		},
		{
			"EnvoyFilters' contents are left", envoyFilterFields, `{"configPatches":[{"applyTo":"HTTP_FILTER","patch":{"operation":"MERGE","value":{"inline_code":"secret"}}}]}`,
			`{"configPatches":[{"applyTo":"HTTP_FILTER","patch":{"operation":"MERGE"}}]}`,
		},
		{
			"headers of a VirtualService are left", virtualServiceField, `{"hosts":["*"],"http":[{"headers":{"request":{"set":{"x-key":"secret"}}},"match":[{"headers":{"x":{"exact":"secret"}}}],"route":[{"destination":{"host":"a","port":{"number":80}},"headers":{"request":{"set":{"k":"secret"}}}}]}]}`,
			`{"hosts":["*"],"http":[{"route":[{"destination":{"host":"a","port":{"number":80}}}]}]}`,
		},
	} {
		var value any
		if err := json.Unmarshal([]byte(test.value), &value); err != nil {
			t.Fatal(err)
		}
		if got, err := json.Marshal(test.taken.of(value)); err != nil || string(got) != test.want {
			t.Errorf("%s: %s (%v), want %s", test.name, got, err, test.want)
		}
	}
}

func TestBareURL(t *testing.T) {
	for text, want := range map[string]string{
		"http://dex.auth.svc.cluster.local:5556/dex": "http://dex.auth.svc.cluster.local:5556/dex",
		"https://user:secret@dex/dex?a=secret#b":     "https://dex/dex",
		"accounts.google.com":                        "accounts.google.com",
		"https://user:se%zzcret@dex":                 "(not a URL)",
	} {
		if got := bareURL(text); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestWithoutUser(t *testing.T) {
	for text, want := range map[string]string{
		"http://dex.auth.svc.cluster.local:5556/dex": "http://dex.auth.svc.cluster.local:5556/dex",
		"https://user:secret@dex/dex?a=b":            "https://dex/dex?a=b",
		"testing@secure.istio.io":                    "testing@secure.istio.io",
		"https://user:se%zzcret@dex":                 "(not a URL)",
	} {
		if got := withoutUser(text); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
