package mutate

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"sigs.k8s.io/yaml"
)

const gateway = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: kubeflow-gateway, namespace: kubeflow, labels: {app: x}, resourceVersion: "7"}
spec:
  selector: {istio: ingressgateway}
  servers:
  - hosts: ["*"]
    port: {name: http, number: 80, protocol: HTTP}
  - hosts: ["*"]
    port: {name: https, number: 443, protocol: HTTPS}
    tls: {mode: SIMPLE, credentialName: kftls-gateway}
`

const configMap = `
kind: ConfigMap
data:
  config.yaml: "issuer: http://dex\nweb: {http: 0.0.0.0:5556}\n"
  oauth2_proxy.cfg: "provider = \"oidc\"\nskip = true\n"
`

const secretText = `
kind: Secret
data: {client-id: a3ViZWZsb3c=, client-secret: c2VjcmV0}
`

func read(t *testing.T, text string) map[string]any {
	t.Helper()
	var object map[string]any
	if err := yaml.Unmarshal([]byte(text), &object); err != nil {
		t.Fatal(err)
	}
	return object
}

// A mutation changes something, what makes an object this one stays, and a seed
// gives the same one again.
func TestObject(t *testing.T) {
	for _, text := range []string{gateway, configMap, secretText} {
		seen := map[string]bool{}
		for seed := range uint64(300) {
			one, two, before := read(t, text), read(t, text), read(t, text)
			what, gone := Object(rand.New(rand.NewPCG(1, seed)), one)
			again, _ := Object(rand.New(rand.NewPCG(1, seed)), two)
			if what != again || !reflect.DeepEqual(one, two) {
				t.Errorf("seed %d: %q, and then %q", seed, what, again)
			}
			if what == "nothing" || !gone && reflect.DeepEqual(one, before) {
				t.Errorf("seed %d: %q changes nothing", seed, what)
			}
			if one["kind"] != before["kind"] {
				t.Errorf("seed %d: %q makes another object", seed, what)
			}
			seen[what] = true
		}
		if len(seen) < 8 {
			t.Errorf("only %d mutations: %v", len(seen), seen)
		}
	}
}

// Every certificate can be made, and every slip says what it is.
func TestCertificateAndClient(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(2, seed))
		certificate, what := Certificate(r)
		if err := certificate.Write(t.TempDir()); err != nil || what == "" {
			t.Errorf("%q: %v", what, err)
		}
		if said, _ := (&Client{}).Slip(r); said == "" {
			t.Error("a slip says nothing")
		}
	}
}
