package state

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

func TestHintsOfAFullDisk(t *testing.T) {
	for _, full := range fullDisk {
		err := fmt.Errorf("write ca.key: %w", &fs.PathError{Op: "write", Path: "/x", Err: full})
		if hint := placeHint("/state", err); !strings.HasPrefix(hint, "make room on its disk (df -h /state), or set KFTLS_HOME") {
			t.Errorf("%v: hint %q", full, hint)
		}
		if hint := exportHint("/out", err); !strings.HasPrefix(hint, "make room on its disk (df -h /out), or export") {
			t.Errorf("%v: hint %q", full, hint)
		}
	}
	if hint := placeHint("/state", errors.New("x")); hint != elsewhere {
		t.Errorf("hint %q", hint)
	}
}
