package node

import (
	"bytes"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const sampleLog = "[2026-11-23 22:00:00.100][1][warning] one\n" +
	"  and its second line\n" +
	"2026-11-23T22:00:05.5Z\tinfo\ttwo\n" +
	"time=2026-11-23T22:00:09Z level=INFO msg=three\n"

func logFile(t *testing.T, text string) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "0.log")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

func TestCopyLog(t *testing.T) {
	lines := strings.SplitAfter(sampleLog, "\n")
	now := time.Date(2026, 11, 23, 22, 0, 10, 0, time.UTC)
	for _, test := range []struct{ name, query, want string }{
		{"all", "", sampleLog},
		{"tail", "tailLines=2", lines[2] + lines[3]},
		{"tail none", "tailLines=0", ""},
		{"tail more than there are", "tailLines=99", sampleLog},
		{"limit", "limitBytes=5", sampleLog[:5]},
		{"limit more than there is", "limitBytes=9999", sampleLog},
		{"since, with the line that has no time", "sinceSeconds=10", sampleLog},
		{"since", "sinceSeconds=5", lines[2] + lines[3]},
		{"since time", "sinceTime=2026-11-23T22:00:06Z", lines[3]},
		{"timestamps", "timestamps=true&tailLines=1", "2026-11-23T22:00:09.000000000Z " + lines[3]},
	} {
		t.Run(test.name, func(t *testing.T) {
			query, err := url.ParseQuery(test.query)
			if err != nil {
				t.Fatal(err)
			}
			options, err := parseLogOptions(query, now)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := copyLog(t.Context(), &out, logFile(t, sampleLog), options, nil); err != nil {
				t.Fatal(err)
			}
			if out.String() != test.want {
				t.Errorf("got %q, want %q", out.String(), test.want)
			}
		})
	}
}

func TestTailOffsetOfLongAndUnfinishedLogs(t *testing.T) {
	long := strings.Repeat("x", 100<<10) + "\n"
	for _, test := range []struct {
		text  string
		lines int64
		want  string
	}{
		{"", 3, ""},
		{"unfinished", 1, "unfinished"},
		{"a\nunfinished", 1, "unfinished"},
		{"a\nunfinished", 2, "a\nunfinished"},
		{"a\n\n\n", 2, "\n\n"},
		{"a\n" + long + "b\n", 2, long + "b\n"},
		{"a\n" + long + "b\n", 3, "a\n" + long + "b\n"},
	} {
		at, err := tailOffset(logFile(t, test.text), test.lines)
		if err != nil || test.text[at:] != test.want {
			t.Errorf("the last %d lines of %.20q begin at %d (%v)", test.lines, test.text, at, err)
		}
	}
}

func TestParseLogOptionsRefuses(t *testing.T) {
	for _, query := range []string{"tailLines=-1", "tailLines=x", "follow=maybe", "sinceTime=yesterday", "limitBytes=1.5"} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if o, err := parseLogOptions(values, time.Unix(0, 0)); err == nil {
			t.Errorf("%s gives %+v, want an error", query, o)
		}
	}
}

// A followed log ends when its process has, with all that the process wrote.
func TestCopyLogFollows(t *testing.T) {
	file := logFile(t, "first\n")
	reader, writer := io.Pipe()
	done := make(chan struct{})
	copied := make(chan error, 1)
	go func() {
		copied <- copyLog(t.Context(), writer, file, logOptions{follow: true, tail: -1, limit: -1}, done)
		writer.Close()
	}()
	buffer := make([]byte, 64)
	if n, err := reader.Read(buffer); err != nil || string(buffer[:n]) != "first\n" {
		t.Fatalf("read %q, %v", buffer[:n], err)
	}
	appended, err := os.OpenFile(file.Name(), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := appended.WriteString("last\n"); err != nil {
		t.Fatal(err)
	}
	appended.Close()
	close(done)
	rest, err := io.ReadAll(reader)
	if err != nil || string(rest) != "last\n" {
		t.Errorf("read %q, %v after the end", rest, err)
	}
	if err := <-copied; err != nil {
		t.Errorf("copyLog = %v", err)
	}
}
