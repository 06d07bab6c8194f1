package cmd

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/session"
	"github.com/kftls/kubectl-kftls/pkg/state"
)

// keep stores a session as an earlier run did.
func (p *person) keep(t *testing.T, endpoint, login string, change func(*session.Session)) {
	t.Helper()
	end := time.Now().Add(time.Hour)
	s := &session.Session{
		Origin: "http://localhost", Era: session.EraOAuth2Proxy, Login: login, Obtained: time.Now(), Expires: &end,
		Cookies: []session.Cookie{{Name: "oauth2_proxy_kubeflow", Value: "secretcookieof" + login}},
	}
	if change != nil {
		change(s)
	}
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.store(t).Save(state.SessionID{Endpoint: endpoint, Login: login}, data); err != nil {
		t.Fatal(err)
	}
}

func (p *person) kept(t *testing.T) (logins []string) {
	t.Helper()
	ids, err := p.store(t).List("")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		logins = append(logins, id.Login)
	}
	return logins
}

func TestLogout(t *testing.T) {
	wall, p := newLoginWall(t), newPerson(t)
	p.knows(annLogin, annPassword)
	p.run(t, "login", "--url", wall.URL).expect(t, 0)
	p.run(t, "logout", "--url", wall.URL).expect(t, 0, "deleted the session of ann@example.com at "+wall.URL,
		"oauth2-proxy cannot revoke a session: copies of the cookie elsewhere stay valid until ")
	if wall.asked("/oauth2/sign_out") != 1 || len(p.kept(t)) != 0 {
		t.Errorf("kept: %v; %d sign-outs", p.kept(t), wall.asked("/oauth2/sign_out"))
	}
	p.keepsNo(t, "secretcookie")
	p.run(t, "logout", "--url", wall.URL).expect(t, 0, "no session is kept for this Kubeflow")
}

func TestLogoutWhileKubeflowIsAway(t *testing.T) {
	wall, p := newLoginWall(t), newPerson(t)
	p.keep(t, wall.URL, annLogin, nil)
	wall.Close()
	p.run(t, "logout", "--url", wall.URL).expect(t, 0, "deleted the session", "warning: ann@example.com is not signed out at Kubeflow")
	if kept := p.kept(t); len(kept) != 0 {
		t.Errorf("kept: %v", kept)
	}
}

func TestLogoutOfOneOfSeveral(t *testing.T) {
	wall, p := newLoginWall(t), newPerson(t)
	for _, login := range []string{annLogin, "bob@example.com"} {
		p.keep(t, wall.URL, login, nil)
	}
	p.keep(t, "https://other.example.com", "carol", nil)
	p.run(t, "logout", "--url", wall.URL).expect(t, exitLogin, "ann@example.com", "bob@example.com", "hint: choose one: --login ")
	p.run(t, "logout", "--url", wall.URL, "--login", "nobody").expect(t, 0, "no session is kept")
	p.run(t, "logout", "--url", wall.URL, "--login", "bob@example.com").expect(t, 0, "deleted the session of bob@example.com")
	if kept := p.kept(t); len(kept) != 2 {
		t.Errorf("kept: %v", kept)
	}
	p.run(t, "logout", "--all", "--login", "carol").expect(t, exitUsage, "exclude each other")
}

// TestLogoutOfAll needs neither kubeconfig nor cluster. A session that has ended
// is not signed out.
func TestLogoutOfAll(t *testing.T) {
	wall, p := newLoginWall(t), newPerson(t)
	over := time.Now().Add(-time.Hour)
	p.keep(t, wall.URL, annLogin, nil)
	p.keep(t, wall.URL+"/", "bob", func(s *session.Session) { s.Expires = &over })
	p.keep(t, "https://10.0.0.1:6443 kubeflow/kubeflow-gateway localhost 0123456789ab", "carol", nil)
	p.run(t, "logout", "--all").expect(t, 0, "deleted the session of ann@example.com", "deleted the session of bob",
		"deleted the session of carol at localhost behind Gateway kubeflow/kubeflow-gateway of https://10.0.0.1:6443", "warning: carol is not signed out")
	if kept := p.kept(t); len(kept) != 0 || wall.asked("/oauth2/sign_out") != 1 {
		t.Errorf("kept: %v; %d sign-outs", kept, wall.asked("/oauth2/sign_out"))
	}
}

// TestLogoutOfACluster takes sessions from before and after a setup, and no
// other cluster's.
func TestLogoutOfACluster(t *testing.T) {
	p := newPerson(t)
	const away = "https://127.0.0.1:9"
	over := time.Now().Add(-time.Hour)
	ended := func(s *session.Session) { s.Expires = &over }
	p.keep(t, away+" kubeflow/kubeflow-gateway localhost", annLogin, ended)
	p.keep(t, away+" kubeflow/kubeflow-gateway localhost 0123456789ab", annLogin, ended)
	p.keep(t, "https://10.0.0.1:6443 kubeflow/kubeflow-gateway localhost", "carol", ended)
	p.run(t, "logout", "--kubeconfig", kubeconfig(t, away)).expect(t, 0, "deleted the session of ann@example.com")
	if kept := p.kept(t); len(kept) != 1 || kept[0] != "carol" {
		t.Errorf("kept: %v", kept)
	}
}
