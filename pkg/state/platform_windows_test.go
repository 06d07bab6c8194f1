package state

import (
	"io/fs"
	"testing"
)

// wantMode has nothing to check: Windows keeps no mode bits.
func wantMode(testing.TB, string, fs.FileMode) {}
