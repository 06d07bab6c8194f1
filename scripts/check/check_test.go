package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// counted runs what fill does with a recorder, and returns the end of the
// report.
func counted(t *testing.T, fill func(*recorder)) string {
	t.Helper()
	r := &recorder{step: "step", out: io.Discard, log: io.Discard, tally: &tally{}}
	fill(r)
	var report bytes.Buffer
	r.tally.print(&report)
	return strings.TrimPrefix(report.String(), "\n")
}

func TestGoTestEventsAreCounted(t *testing.T) {
	for _, test := range []struct {
		name   string
		events []string
		want   string
	}{
		{
			"a test and one with two subtests",
			[]string{
				`{"Action":"pass","Package":"p","Test":"TestA"}`,
				`{"Action":"pass","Package":"p","Test":"TestB/x"}`,
				`{"Action":"pass","Package":"p","Test":"TestB/y"}`,
				`{"Action":"pass","Package":"p","Test":"TestB"}`,
				`{"Action":"pass","Package":"p"}`,
			},
			"3 passed, 0 failed, 0 skipped\n",
		},
		{
			"a failed subtest fails once",
			[]string{
				`{"Action":"fail","Package":"p","Test":"TestB/x"}`,
				`{"Action":"pass","Package":"p","Test":"TestB/y"}`,
				`{"Action":"fail","Package":"p","Test":"TestB"}`,
				`{"Action":"fail","Package":"p"}`,
			},
			"FAILED p TestB/x\n1 passed, 1 failed, 0 skipped\n",
		},
		{
			"a test that failed although its subtests passed",
			[]string{
				`{"Action":"pass","Package":"p","Test":"TestB/x"}`,
				`{"Action":"fail","Package":"p","Test":"TestB"}`,
				`{"Action":"fail","Package":"p"}`,
			},
			"FAILED p TestB\n1 passed, 1 failed, 0 skipped\n",
		},
		{
			"a package that does not compile",
			[]string{
				`{"ImportPath":"p","Action":"build-output","Output":"# p\n"}`,
				`{"ImportPath":"p","Action":"build-fail"}`,
				`{"Action":"fail","Package":"p","FailedBuild":"p"}`,
				`{"Action":"pass","Package":"q","Test":"TestA"}`,
			},
			"FAILED p\n1 passed, 1 failed, 0 skipped\n",
		},
		{
			"a test whose program ended under it",
			[]string{
				`{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}`,
				`{"Action":"fail","Package":"p"}`,
			},
			"FAILED p TestA\n0 passed, 1 failed, 0 skipped\n",
		},
		{
			"skipped, with and without the words",
			[]string{
				`{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:7: NOT RUN IPv6: this machine has none\n"}`,
				`{"Action":"skip","Package":"p","Test":"TestA"}`,
				`{"Action":"output","Package":"p","Test":"TestB","Output":"=== RUN   TestB\n"}`,
				`{"Action":"output","Package":"p","Test":"TestB","Output":"    a_test.go:9: no time\n"}`,
				`{"Action":"output","Package":"p","Test":"TestB","Output":"--- SKIP: TestB (0.00s)\n"}`,
				`{"Action":"skip","Package":"p","Test":"TestB"}`,
			},
			"NOT RUN IPv6: this machine has none\nNOT RUN TestB: a_test.go:9: no time\n0 passed, 0 failed, 2 skipped\n",
		},
		{
			"a part that a passing test did not do, told twice",
			[]string{
				`{"Action":"output","Package":"p","Test":"TestA","Output":"NOT RUN wget: not installed\n"}`,
				`{"Action":"output","Package":"p","Test":"TestA","Output":"  NOT RUN wget: not installed\n"}`,
				`{"Action":"pass","Package":"p","Test":"TestA"}`,
			},
			"NOT RUN wget: not installed\n1 passed, 0 failed, 1 skipped\n",
		},
		{"something else than events", []string{"go: downloading", "{}", ""}, "0 passed, 0 failed, 0 skipped\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := counted(t, func(r *recorder) {
				run := newTestRun()
				for _, line := range test.events {
					run.take(r, line)
				}
				run.count(r)
			})
			if got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestGoTestThatFailsWithoutAnEventFails(t *testing.T) {
	got := counted(t, func(r *recorder) {
		r.goTest(context.Background(), in(".", "sh", "-c", "echo no such package; exit 1"))
	})
	if !strings.HasSuffix(got, "0 passed, 1 failed, 0 skipped\n") {
		t.Errorf("got %s", got)
	}
}

func TestCommandsAreCounted(t *testing.T) {
	got := counted(t, func(r *recorder) {
		ctx := context.Background()
		r.command(ctx, "good", in(".", "sh", "-c", "echo NOT RUN half of it: too slow"))
		r.command(ctx, "bad", in(".", "sh", "-c", "exit 3"))
		r.command(ctx, "absent", in(".", "/no/such/program"))
		r.notRun("the rest", "nobody asked")
	})
	want := "FAILED step: bad\nFAILED step: absent\nNOT RUN half of it: too slow\nNOT RUN the rest: nobody asked\n" +
		"1 passed, 2 failed, 2 skipped\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestALimitEndsWhatHangs(t *testing.T) {
	total := &tally{}
	log := filepath.Join(t.TempDir(), "hang.log")
	hang := step{"hang", 50 * time.Millisecond, func(ctx context.Context, r *recorder) {
		r.command(ctx, "sleeper", in(".", "sleep", "60"))
	}}
	if err := hang.runLogged(context.Background(), log, total); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(total.failed, []string{"hang: sleeper"}) {
		t.Errorf("failed: %q", total.failed)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "the limit of 50ms is reached") {
		t.Errorf("the log says %q", text)
	}
}

func TestChoose(t *testing.T) {
	chosen, err := choose([]string{"e2e", "test", "lint"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range chosen {
		names = append(names, s.name)
	}
	if !slices.Equal(names, groups["test"]) {
		t.Errorf("got %q, want %q", names, groups["test"])
	}
	for _, wrong := range [][]string{{"nonsense"}, {}, {"lint", "nonsense"}} {
		if _, err := choose(wrong); err == nil {
			t.Errorf("%q was taken", wrong)
		}
	}
}

func TestFuzzingThatOnlyRanOutOfTimeIsToldFromAFailingInput(t *testing.T) {
	const head = "fuzz: elapsed: 11s, execs: 46183 (0/sec), new interesting: 4 (total: 80)\n"
	for _, test := range []struct {
		name, printed string
		want          bool
	}{
		{"out of time", head + "--- FAIL: FuzzParse (11.03s)\n    context deadline exceeded\nFAIL\nexit status 1\n", true},
		{"well", head + "PASS\nok  \tp\t11.022s\n", false},
		{"a failing input", head + "--- FAIL: FuzzParse (2.10s)\n    --- FAIL: FuzzParse (0.00s)\n        parse_test.go:9: context deadline exceeded\n    \n    Failing input written to testdata/fuzz/FuzzParse/771e938e4458e983\nFAIL\n", false},
		{"nothing", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := endedByFuzzTime(test.printed); got != test.want {
				t.Errorf("endedByFuzzTime = %t, want %t", got, test.want)
			}
		})
	}
}

func TestFuzzNames(t *testing.T) {
	file := filepath.Join(t.TempDir(), "some_test.go")
	text := "package p\n\nfunc FuzzOne(f *testing.F) {}\n\n// func FuzzNot(f)\nfunc helperFuzz() {}\nfunc FuzzTwo2(f *testing.F) {}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := fuzzNames(file); !slices.Equal(got, []string{"FuzzOne", "FuzzTwo2"}) {
		t.Errorf("found %v", got)
	}
}
