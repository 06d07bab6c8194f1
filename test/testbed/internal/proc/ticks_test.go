//go:build linux

package proc

import (
	"os"
	"os/exec"
	"testing"
)

func TestStartTicksTellProcessesApart(t *testing.T) {
	own, err := StartTicks(os.Getpid())
	if err != nil || own == 0 {
		t.Fatalf("own start %d, %v", own, err)
	}
	cmd := exec.Command("/bin/true")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if ticks, err := StartTicks(cmd.Process.Pid); err == nil && ticks == own {
		t.Error("a process that ended counts as this one")
	}
}

func TestParseStat(t *testing.T) {
	const rest = " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21"
	for _, test := range []struct {
		name, stat string
		ticks      uint64
	}{
		{"plain", "77 (etcd) S" + rest, 4711},
		{"a name with anything in it", "77 (a) b) (c) R" + rest, 4711},
		{"a zombie", "77 (etcd) Z" + rest, 0},
		{"cut short", "77 (etcd) S 1 2", 0},
		{"nothing", "", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			ticks, err := parseStat(77, test.stat)
			if ticks != test.ticks || (err != nil) != (test.ticks == 0) {
				t.Errorf("%d, %v", ticks, err)
			}
		})
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add("77 (etcd) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21")
	f.Fuzz(func(_ *testing.T, stat string) { _, _ = parseStat(1, stat) })
}
