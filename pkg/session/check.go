package session

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/kftls/kubectl-kftls/pkg/fault"
)

// healthPath is what every user of Kubeflow Pipelines may ask for, behind all
// policies of the gateway; it costs the API server nothing.
const healthPath = "/pipeline/apis/v2beta1/healthz"

// Check asks Kubeflow for something that only a session gets, and judges the
// answer by status, type and body. Without cookies it asks whether this is an
// open Kubeflow. One request where the pipelines answer, else a second one for
// the dashboard.
//
// Reasons of errors: LoginNeeded (there is a login, and the cookies do not
// pass it), NotKubeflow, LoginFailed (something in between is down or denies).
func (c *Client) Check(ctx context.Context, cookies []Cookie) error {
	health, err := c.ask(ctx, healthPath, cookies)
	if err != nil {
		return err
	}
	if health.kind == kindHealth {
		return nil
	}
	if err := c.walled(health, cookies); err != nil {
		return err
	}
	front, err := c.ask(ctx, "/", cookies)
	if err != nil {
		return err
	}
	if err := c.walled(front, cookies); err != nil {
		return err
	}
	if front.kind == kindDashboard {
		return nil
	}
	return c.prove(ctx, health, front, cookies)
}

// ask makes the request of a check.
func (c *Client) ask(ctx context.Context, path string, cookies []Cookie) (*answer, error) {
	return c.fetch(ctx, call{stage: stageCheck, method: http.MethodGet, url: c.path(path)}, newJar(cookies))
}

// isHealth tells the pipelines' answer, of their API or of their pages' server:
// backend/api/v2beta1/healthz.proto and frontend/server/handlers/healthz.ts.
func isHealth(a *answer) bool {
	if a.status != http.StatusOK || !a.isJSON() {
		return false
	}
	var health map[string]json.RawMessage
	if json.Unmarshal(a.body, &health) != nil {
		return false
	}
	for _, field := range []string{"multi_user", "apiServerReady", "multiUser"} {
		if _, has := health[field]; has {
			return true
		}
	}
	return false
}

// isDashboard tells Kubeflow's front page by its element, or its title
// (components/centraldashboard/public/index.html of kubeflow/kubeflow).
func isDashboard(a *answer) bool {
	if a.status != http.StatusOK || !a.isHTML() {
		return false
	}
	return a.page.isDashboard || strings.Contains(a.page.title, "Kubeflow")
}

// walled tells that an answer is the login's or the gateway's, not Kubeflow's.
func (c *Client) walled(a *answer, cookies []Cookie) error {
	switch a.kind {
	case kindSignIn, kindUnauthorized, kindForm, kindConnectors, kindSAML:
		return c.notLoggedIn(a, cookies)
	case kindRedirect:
		if Classify(a.status, http.Header{"Location": {a.location.String()}}, nil) == ToDex || !c.isHome(a.location) {
			return c.notLoggedIn(a, cookies)
		}
		return nil
	case kindRBAC:
		if len(cookies) > 0 {
			return fault.New(fault.LoginFailed, "kubectl get authorizationpolicy -n istio-system; it may also be a host without a route: --host NAME",
				"%s does not let the session's user in; Istio says `RBAC: access denied`", originOf(c.Door.Origin))
		}
	}
	return c.gatewayFailure(a)
}

// notLoggedIn tells bad cookies from none.
func (c *Client) notLoggedIn(a *answer, cookies []Cookie) error {
	door := originOf(c.Door.Origin)
	switch {
	case len(cookies) == 0:
		return fault.New(fault.LoginNeeded, "kubectl kftls cookie", "%s wants a login", door)
	case clears(a.header, a.at):
		return fault.New(fault.LoginNeeded, "kubectl kftls cookie --fresh",
			"%s does not accept the session: it has ended, or it is of another Kubeflow or incomplete", door)
	}
	return fault.New(fault.LoginNeeded, "kubectl kftls cookie --fresh", "%s does not accept the session: it has ended, or it is none", door)
}

// prove judges an answer that is neither the pipelines' nor the dashboard's. With
// a session that gets something which nobody gets without, the session is good.
func (c *Client) prove(ctx context.Context, health, front *answer, cookies []Cookie) error {
	door := originOf(c.Door.Origin)
	if front.kind == kindUpstream {
		return fault.New(fault.LoginFailed, "kubectl get pods -n kubeflow",
			"%s answers %d behind the login, and so do its pipelines (%d): nothing is there to check the session by: %s",
			door, front.status, health.status, front.words())
	}
	if len(cookies) > 0 && front.status < 400 {
		bare, err := c.ask(ctx, "/", nil)
		if err != nil {
			return err
		}
		if Classify(bare.status, bare.header, bare.body).Stops() {
			return nil
		}
	}
	if health.status == http.StatusOK && health.isHTML() {
		return fault.New(fault.NotKubeflow, "name a Kubeflow: --url https://kubeflow.example.com",
			"%s answers 200 with HTML where Kubeflow answers JSON: this is not Kubeflow", shown(health.call.url))
	}
	return fault.New(fault.NotKubeflow, "name a Kubeflow: --url https://kubeflow.example.com",
		"%s answers %d, and its front page %d: this is not Kubeflow", shown(health.call.url), health.status, front.status)
}

// jwtFailure explains what the gateway says of an id_token.
func (c *Client) jwtFailure(a *answer) error {
	door, words := originOf(c.Door.Origin), a.words()
	switch {
	case strings.Contains(words, "expired"), strings.Contains(words, "kid or alg"):
		return fault.New(fault.LoginNeeded, "kubectl kftls cookie --fresh", "%s no longer accepts the session's id_token: %s", door, words)
	case strings.Contains(words, "not yet valid"):
		return fault.New(fault.LoginFailed, "set the clocks of the cluster's nodes", "Dex's clock is ahead of the gateway's: %s", words)
	}
	return fault.New(fault.LoginFailed, "kubectl get requestauthentication -A; istiod must reach Dex's keys: kubectl logs -n istio-system deploy/istiod",
		"%s does not accept Dex's id_token: %s", door, words)
}
