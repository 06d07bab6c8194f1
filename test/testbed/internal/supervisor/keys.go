//go:build linux

package supervisor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	// keysHost and keysPort are where istiod fetches Dex's keys, in every Kubeflow.
	keysHost, keysPort = "dex.auth.svc.cluster.local", 5556
	keysLimit          = 5 * time.Second
	// largestDump is far more than Envoy's configuration takes here.
	largestDump = 64 << 20
)

// refreshKeys lets the gateways take the tokens of a Dex that started anew. Its keys are new,
// for the testbed's Dex keeps them in memory; in a cluster they outlive it. istiod asks for
// keys once a minute: a fresh one asks at once.
func (s *Supervisor) refreshKeys(ctx context.Context) error {
	if !checksTokens(s.installed()) {
		return s.inSync(ctx)
	}
	if err := s.roll(ctx, workload{kind: kindDeployment, namespace: gatewayNamespace, name: istiodName}); err != nil {
		return err
	}
	return s.waitKeys(ctx)
}

// waitKeys waits until every gateway can check a login's token.
func (s *Supervisor) waitKeys(ctx context.Context) error {
	if !checksTokens(s.installed()) {
		return nil
	}
	return poll(ctx, s.lacksKeys)
}

// checksTokens tells whether there is a Dex, and the gateways check its tokens; the
// AuthService does it itself.
func checksTokens(all []*unstructured.Unstructured) bool {
	hasDex := slices.ContainsFunc(all, func(o *unstructured.Unstructured) bool {
		return o.GetKind() == kindDeployment && o.GetNamespace() == dexNamespace && o.GetName() == dexName
	})
	return hasDex && slices.ContainsFunc(all, func(o *unstructured.Unstructured) bool {
		if o.GetKind() != "RequestAuthentication" || o.GetNamespace() != gatewayNamespace {
			return false
		}
		rules, _, _ := unstructured.NestedSlice(o.Object, "spec", "jwtRules")
		return slices.ContainsFunc(rules, func(rule any) bool {
			fields, _ := rule.(map[string]any)
			issuer, _ := fields["issuer"].(string)
			return strings.Contains(issuer, keysHost)
		})
	})
}

// lacksKeys tells which gateway does not have Dex's present keys. Whom it asks may be away for
// a moment.
func (s *Supervisor) lacksKeys(ctx context.Context) (string, error) {
	address, ok := s.node.Resolve(keysHost, keysPort)
	if !ok {
		return "Dex is not ready", nil
	}
	var keys struct {
		Keys []struct {
			ID string `json:"kid"`
		} `json:"keys"`
	}
	data, err := ask(ctx, "http://"+address+"/dex/keys")
	if err == nil {
		err = json.Unmarshal([]byte(data), &keys)
	}
	if err != nil {
		return fmt.Sprintf("Dex does not tell its keys: %v", err), nil
	}
	for _, envoy := range s.envoys() {
		dump, err := ask(ctx, envoy.Admin+"/config_dump?resource=dynamic_listeners")
		if err != nil {
			return fmt.Sprintf("%s does not tell its configuration: %v", envoy.Pod, err), nil
		}
		for _, key := range keys.Keys {
			if !strings.Contains(dump, key.ID) {
				return envoy.Pod + " does not have Dex's present keys", nil
			}
		}
	}
	return "", nil
}

func ask(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, keysLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	client := &http.Client{Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answers %s", url, answer.Status)
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, largestDump))
	return string(data), err
}
