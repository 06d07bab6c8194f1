//go:build !windows

package cmd

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// typist answers questions on a pseudo-terminal.
type typist struct {
	master, tty *os.File
	shown       chan string
}

// sitDown gives a person a terminal, and somebody who types: after each text
// that appears, its answer.
func sitDown(t *testing.T, p *person, script ...string) *typist {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	p.terminal = tty.Name()
	s := &typist{master: master, tty: tty, shown: make(chan string, 1)}
	go s.answer(script)
	t.Cleanup(func() {
		tty.Close()
		master.Close()
	})
	return s
}

func (s *typist) answer(script []string) {
	var all, rest string
	buffer := make([]byte, 4096)
	for {
		n, err := s.master.Read(buffer)
		if err != nil {
			s.shown <- all
			return
		}
		all, rest = all+string(buffer[:n]), rest+string(buffer[:n])
		for len(script) > 0 {
			_, after, found := strings.Cut(rest, script[0])
			if !found {
				break
			}
			s.master.WriteString(script[1])
			rest, script = after, script[2:]
		}
	}
}

// screen returns what was on the terminal, which nobody uses any more: reading
// it ends with an error when the last program has left it.
func (s *typist) screen(t *testing.T) string {
	t.Helper()
	s.tty.Close()
	select {
	case shown := <-s.shown:
		return shown
	case <-time.After(10 * time.Second):
		t.Fatal("the terminal does not end")
		return ""
	}
}

func TestPromptAsksForLoginAndPassword(t *testing.T) {
	wall, p := newLoginWall(t), newPerson(t)
	typist := sitDown(t, p,
		"Email Address at "+wall.URL+": ", annLogin+"\n",
		"Password of ann@example.com at "+wall.URL+": ", "wr0ng\n",
		"Password of ann@example.com at "+wall.URL+": ", annPassword+"\n")
	got := p.run(t, "cookie", "--url", wall.URL)
	got.expect(t, 0, `error: `+wall.URL+` refuses the login "ann@example.com"`)
	if !strings.HasPrefix(got.out, "oauth2_proxy_kubeflow=") || wall.asked("POST") != 2 {
		t.Errorf("%+v after %d posts", got, wall.asked("POST"))
	}
	if shown := typist.screen(t); strings.Contains(shown, "wr0ng") || strings.Contains(shown, annPassword) {
		t.Errorf("the terminal showed a password:\n%s", shown)
	}
}

func TestPromptGivesUpAfterThreeTries(t *testing.T) {
	wall, p := newLoginWall(t), newPerson(t)
	sitDown(t, p, "Password", "a\n", "Password", "b\n", "Password", "c\n", "Password", annPassword+"\n")
	p.run(t, "cookie", "--url", wall.URL, "--login", annLogin).expect(t, exitLogin, "refuses the login")
	if wall.asked("POST") != 3 {
		t.Errorf("%d posts", wall.asked("POST"))
	}
}

// TestPromptIsNotShownForNothing does not ask an open Kubeflow's users
// for anything.
func TestPromptIsNotShownForNothing(t *testing.T) {
	wall, p := newLoginWall(t), newPerson(t)
	wall.open = true
	typist := sitDown(t, p)
	p.run(t, "cookie", "--url", wall.URL).expect(t, 0, "wants no login")
	if shown := typist.screen(t); shown != "" {
		t.Errorf("it asked:\n%s", shown)
	}
}

func TestPromptEndedByCtrlC(t *testing.T) {
	wall, p := newLoginWall(t), newPerson(t)
	sitDown(t, p, "Password", "Corr3ct\x03")
	p.run(t, "cookie", "--url", wall.URL, "--login", annLogin).expect(t, exitInterrupted, "interrupted")
	if wall.asked("POST") != 0 {
		t.Error("half a password was posted")
	}
}

func TestPromptWithNothingTyped(t *testing.T) {
	wall, p := newLoginWall(t), newPerson(t)
	sitDown(t, p, "Password", "\n")
	p.run(t, "cookie", "--url", wall.URL, "--login", annLogin).expect(t, exitLogin, "nothing was typed")
	if wall.asked("POST") != 0 {
		t.Error("an empty password was posted")
	}
}
