package session

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestCookieEnd(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	date := func(t time.Time) string { return t.Format(http.TimeFormat) }
	tests := []struct {
		name string
		date time.Time
		set  string
		want time.Duration // 0: not known
	}{
		{"Max-Age", now, "a=b; Max-Age=3600", time.Hour},
		{"Max-Age before Expires", now, "a=b; Max-Age=3600; Expires=" + date(now.Add(24*time.Hour)), time.Hour},
		{"Expires", now, "a=b; Expires=" + date(now.Add(time.Hour)), time.Hour},
		{"Expires of a server that is a day ahead", now.Add(24 * time.Hour), "a=b; Expires=" + date(now.Add(25*time.Hour)), time.Hour},
		{"Expires of a server that is a day behind", now.Add(-24 * time.Hour), "a=b; Expires=" + date(now.Add(-23*time.Hour)), time.Hour},
		{"Expires, no Date", time.Time{}, "a=b; Expires=" + date(now.Add(time.Hour)), time.Hour},
		{"a session cookie of the browser", now, "a=b", 0},
		{"for ever", now, "a=b; Max-Age=1200000000000", 0},
		{"unreadable", now, "a=b; Expires=soon", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			header := http.Header{"Set-Cookie": {test.set}}
			if !test.date.IsZero() {
				header.Set("Date", date(test.date))
			}
			var j jar
			j.keep(header, now)
			end := j.end(j.cookies)
			switch {
			case len(j.cookies) != 1:
				t.Errorf("kept %d cookies", len(j.cookies))
			case (end != nil) != (test.want != 0):
				t.Errorf("got %v", end)
			case end != nil && end.Sub(now) != test.want:
				t.Errorf("got %v", end.Sub(now))
			}
		})
	}
}

func TestDeletion(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		set  string
		gone bool
	}{
		{"s=; Path=/; Max-Age=0; HttpOnly", true},
		{"s=; Path=/; Expires=" + now.Add(-time.Hour).Format(http.TimeFormat), true},
		{"s=x; Expires=" + now.Add(-time.Hour).Format(http.TimeFormat), true},
		{"s=x; Max-Age=-1", true},
		{"s=", true},
		{"s=x", false},
		{"s=x; Max-Age=1; Expires=" + now.Add(-time.Hour).Format(http.TimeFormat), false},
	}
	for _, test := range tests {
		j := newJar([]Cookie{{Name: "s", Value: "old"}, {Name: "t", Value: "kept"}})
		header := http.Header{"Set-Cookie": {test.set}}
		j.keep(header, now)
		if gone := len(j.cookies) == 1; gone != test.gone || clears(header, now) != test.gone {
			t.Errorf("%q: gone %v", test.set, gone)
		}
	}
}

func TestJarLeavesTheCallersCookiesAlone(t *testing.T) {
	mine := []Cookie{{Name: "s", Value: "v"}, {Name: "t", Value: "w"}}
	newJar(mine).keep(http.Header{"Set-Cookie": {"s=; Max-Age=0"}}, time.Now())
	if mine[0].Value != "v" || mine[1].Value != "w" {
		t.Errorf("%+v", mine)
	}
}

func TestSessionCookies(t *testing.T) {
	tests := []struct{ jar, want string }{
		{"oauth2_proxy_kubeflow", "oauth2_proxy_kubeflow"},
		{"oauth2_proxy_kubeflow_0 oauth2_proxy_kubeflow_1 AWSALB", "oauth2_proxy_kubeflow_0 oauth2_proxy_kubeflow_1"},
		{"authservice_session oidc_state_csrf", "authservice_session"},
		{"my_session my_session_csrf_1", "my_session"},
		{"_oauth2_proxy _oauth2_proxy_csrf", "_oauth2_proxy"},
		{"oauth2_proxy_kubeflow_csrf", ""},
	}
	for _, test := range tests {
		var all []Cookie
		for _, name := range strings.Fields(test.jar) {
			all = append(all, Cookie{Name: name})
		}
		var got []string
		for _, cookie := range sessionCookies(all) {
			got = append(got, cookie.Name)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %s", test.jar, got)
		}
	}
}

func TestValid(t *testing.T) {
	now := time.Now()
	soon := now.Add(time.Minute)
	if s := (&Session{}); !s.Valid(now, time.Hour) {
		t.Error("one without a known end is not valid")
	}
	if s := (&Session{Expires: &soon}); !s.Valid(now, 30*time.Second) || s.Valid(now, time.Minute) {
		t.Error("the end is not minded")
	}
}
