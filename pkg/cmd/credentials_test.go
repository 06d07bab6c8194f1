package cmd

import (
	"strings"
	"testing"
)

func TestWithoutCredentialsOrTerminal(t *testing.T) {
	wall, p := newLoginWall(t), newPerson(t)
	p.run(t, "cookie", "--url", wall.URL).expect(t, exitLogin,
		"log in at "+wall.URL+": no login and password are at hand", "--password-stdin", "KFTLS_PASSWORD", "cookie --import")
	p.run(t, "cookie", "--url", wall.URL, "--login", annLogin).expect(t, exitLogin, "no password for ann@example.com is at hand")
	p.knows("", annPassword)
	p.run(t, "cookie", "--url", wall.URL).expect(t, exitLogin, "no login is at hand")
	if wall.asked("POST") != 0 {
		t.Error("something was posted")
	}
}

func TestAWrongPasswordIsPostedOnce(t *testing.T) {
	wall, p := newLoginWall(t), newPerson(t)
	p.knows(annLogin, "wr0ng")
	got := p.run(t, "cookie", "--url", wall.URL)
	got.expect(t, exitLogin, `refuses the login "ann@example.com"`, wall.URL)
	if strings.Contains(got.err, "wr0ng") || wall.asked("POST") != 1 {
		t.Errorf("%d posts, %s", wall.asked("POST"), got.err)
	}
}

func TestPasswordOfSomebodyElse(t *testing.T) {
	wall, p := newLoginWall(t), newPerson(t)
	p.knows("bob@example.com", annPassword)
	p.run(t, "cookie", "--url", wall.URL, "--login", annLogin).expect(t, exitLogin,
		"KFTLS_PASSWORD belongs to KFTLS_LOGIN, which is bob@example.com")
	p.knows(annLogin, annPassword)
	p.run(t, "cookie", "--url", wall.URL, "--login", annLogin).expect(t, 0)
	p.knows("", annPassword)
	p.run(t, "cookie", "--url", wall.URL, "--login", annLogin, "--fresh").expect(t, 0)
}

func TestPasswordFromStdin(t *testing.T) {
	for _, test := range []struct {
		name, stdin string
		code        int
		says        string
	}{
		{"as it is", annPassword, 0, ""},
		{"LF", annPassword + "\n", 0, ""},
		{"CRLF", annPassword + "\r\n", 0, ""},
		{"two LF", annPassword + "\n\n", exitLogin, "refuses"},
		{"a blank", annPassword + " ", exitLogin, "refuses"},
		{"CR alone", annPassword + "\r", exitLogin, "refuses"},
		{"empty", "", exitUsage, "stdin is empty"},
		{"a line end", "\r\n", exitUsage, "stdin is empty"},
		{"a whole file", strings.Repeat("x", maxPassword+1), exitUsage, "more than 65536 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			wall, p := newLoginWall(t), newPerson(t)
			p.stdin = test.stdin
			p.knows("bob", "of the environment")
			p.run(t, "cookie", "--url", wall.URL, "--login", annLogin, "--password-stdin").expect(t, test.code, test.says)
			if test.code == exitUsage && wall.asked("") > 0 {
				t.Error("something was sent")
			}
		})
	}
}
