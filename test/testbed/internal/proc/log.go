//go:build linux

package proc

import (
	"errors"
	"io"
	"os"
	"strings"
)

// tailBytes bounds what LastLines reads: enough for some dozens of the long
// lines that Envoy and istiod write.
const tailBytes = 64 << 10

// LastLines returns at most n last lines of a log file, without their line
// ends; none when the file cannot be read.
func LastLines(logFile string, n int) []string {
	f, err := os.Open(logFile)
	if err != nil || n <= 0 {
		return nil
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil
	}
	start := max(0, size-tailBytes)
	data := make([]byte, size-start)
	read, err := f.ReadAt(data, start)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil
	}
	text := strings.TrimRight(string(data[:read]), "\n")
	if text == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	return lines[max(0, len(lines)-n):]
}
