package cmd

import (
	"strings"
	"testing"
	"time"

	"github.com/kftls/kubectl-kftls/pkg/endpoint"
	"github.com/kftls/kubectl-kftls/pkg/session"
)

func TestDescribeSession(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.Local)
	at := func(d time.Duration) *time.Time {
		end := now.Add(d)
		return &end
	}
	for _, test := range []struct {
		session session.Session
		want    string
	}{
		{session.Session{Login: annLogin, User: annLogin, Expires: at(24 * time.Hour)}, "ann@example.com at http://localhost, until 2026-11-25 12:00:00 (24h0m)"},
		{session.Session{Login: "ann", User: annLogin, Expires: at(90 * time.Second)}, "ann (ann@example.com) at http://localhost, until 2026-11-24 12:01:30 (1m30s)"},
		{session.Session{User: annLogin, Expires: at(20 * time.Second)}, "ann@example.com at http://localhost, until 2026-11-24 12:00:20 (20s)"},
		{session.Session{Login: "ann", Expires: at(-time.Hour)}, "ann at http://localhost, until 2026-11-24 11:00:00, which is over"},
		{session.Session{}, "somebody at http://localhost, until an end that Kubeflow does not tell"},
	} {
		test.session.Origin = "http://localhost"
		if got := describeSession(&test.session, now); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

func TestStatusShowsSessions(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		p := &person{home: t.TempDir()}
		c := d.api.Cluster(t)
		here := c.Server + " kubeflow/kubeflow-gateway localhost"
		p.keep(t, here, annLogin, func(s *session.Session) { s.User = annLogin })
		p.keep(t, "https://kubeflow.example.com", "bob", func(s *session.Session) { s.Origin = "https://kubeflow.example.com"; s.Imported = true })
		p.keep(t, "https://10.0.0.1:6443 kubeflow/kubeflow-gateway localhost", "carol", nil)
		d.factory.Env = func(name string) string { return map[string]string{"KFTLS_HOME": p.home + "/kftls"}[name] }
		home, err := d.factory.Home()
		if err != nil {
			t.Fatal(err)
		}
		status, err := d.inspector(t).Inspect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		report := statusReport{Status: status, Sessions: sessionsBehind(t.Context(), d.factory, home, status)}
		printStatus(d.factory, report)
		out, _ := d.clear()
		want(t, "status", out, "Session:      ann@example.com at http://localhost, until ", "Session:      bob at https://kubeflow.example.com, until ")
		if err := printObject(d.factory.Streams.Out, "json", report); err != nil {
			t.Fatal(err)
		}
		data, _ := d.clear()
		want(t, "JSON", data, `"state": "NotSetUp"`, `"sessions": [`, `"login": "ann@example.com"`, `"readable": true`, `"imported": true`, `"expired": false`)
		for _, secret := range []string{"secretcookie", "carol"} {
			if strings.Contains(out+data, secret) {
				t.Errorf("status shows %s:\n%s", secret, out+data)
			}
		}
	})
}

func TestAKeptSessionThatCannotBeRead(t *testing.T) {
	k := keptSession{place: endpoint.ParseKey("https://kubeflow.example.com")}
	k.id.Login = "ann"
	if got := k.status(time.Now()).line(time.Now()); got != "ann at https://kubeflow.example.com, which cannot be read" {
		t.Errorf("got %s", got)
	}
}
