//go:build linux

package proc

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// StartTicks is when a process started, in clock ticks since the boot: the
// field starttime of /proc/PID/stat. A process id and its start name one process
// for good. A process that has ended and was not waited for counts as gone.
func StartTicks(pid int) (uint64, error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, fmt.Errorf("look at process %d: %w", pid, err)
	}
	return parseStat(pid, string(data))
}

// The fields of /proc/PID/stat after the name, which may hold anything.
const stateField, startField = 0, 19

func parseStat(pid int, stat string) (uint64, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) <= startField {
		return 0, fmt.Errorf("look at process %d: %d fields in its stat", pid, len(fields))
	}
	if state := fields[stateField]; state == "Z" || state == "X" {
		return 0, fmt.Errorf("look at process %d: %w", pid, os.ErrProcessDone)
	}
	ticks, err := strconv.ParseUint(fields[startField], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("look at process %d: %w", pid, err)
	}
	return ticks, nil
}
