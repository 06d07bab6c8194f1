package node

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// followPeriod is how often a log that is followed is looked at.
const followPeriod = 100 * time.Millisecond

// logOptions are the query parameters of a kubelet's containerLogs.
type logOptions struct {
	follow, previous, timestamps bool
	tail                         int64 // lines; -1 for all
	limit                        int64 // bytes; -1 for all
	since                        time.Time
}

func parseLogOptions(query url.Values, now time.Time) (logOptions, error) {
	o := logOptions{tail: -1, limit: -1}
	var failed error
	flag := func(name string) bool {
		value := query.Get(name)
		on, err := strconv.ParseBool(value)
		if value != "" && err != nil {
			failed = fmt.Errorf("%s: %w", name, err)
		}
		return on
	}
	number := func(name string) int64 {
		value := query.Get(name)
		if value == "" {
			return -1
		}
		parsed, err := strconv.ParseInt(value, 10, 64)
		if err != nil || parsed < 0 {
			failed = fmt.Errorf("%s: want a number, not %q", name, value)
		}
		return parsed
	}
	o.follow, o.previous, o.timestamps = flag("follow"), flag("previous"), flag("timestamps")
	o.tail, o.limit = number("tailLines"), number("limitBytes")
	if s := number("sinceSeconds"); s >= 0 {
		o.since = now.Add(-time.Duration(s) * time.Second)
	}
	if text := query.Get("sinceTime"); text != "" {
		since, err := time.Parse(time.RFC3339, text)
		if err != nil {
			failed = fmt.Errorf("sinceTime: %w", err)
		}
		o.since = since
	}
	return o, failed
}

// serveLogs answers kubectl logs.
func (n *Node) serveLogs(w http.ResponseWriter, r *http.Request) {
	options, err := parseLogOptions(r.URL.Query(), n.now())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	name := types.NamespacedName{Namespace: r.PathValue("namespace"), Name: r.PathValue("pod")}
	log, err := n.findLog(name, r.PathValue("container"), options.previous)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	file, err := os.Open(log.path)
	if err != nil {
		http.Error(w, "failed to try resolving symlinks in path: "+err.Error(), http.StatusInternalServerError)
		return
	}
	defer file.Close()
	w.Header().Set("Content-Type", "text/plain")
	if err := copyLog(r.Context(), flushing{w}, file, options, log.done); err != nil && r.Context().Err() == nil {
		n.logf("logs of %s: %v", name, err)
	}
}

// containerLog is a log file and what tells that no more will come.
type containerLog struct {
	path string
	done <-chan struct{}
}

// findLog finds the log file of a container, or says in a kubelet's words why there is none.
func (n *Node) findLog(name types.NamespacedName, container string, previous bool) (containerLog, error) {
	n.mu.Lock()
	run, static := n.byName[name], n.statics[name]
	n.mu.Unlock()
	switch {
	case static != nil && !previous:
		return containerLog{path: static.logFile}, nil
	case run == nil:
		return containerLog{}, fmt.Errorf("pod %q does not exist", name.Name)
	}
	v := run.look()
	if container != run.pod.Spec.Containers[0].Name || v.process == nil {
		return containerLog{}, fmt.Errorf("container %q in pod %q is waiting to start: %s", container, name.Name, v.waiting)
	}
	if !previous {
		return containerLog{v.log, v.process.Done()}, nil
	}
	if v.restarts == 0 {
		return containerLog{}, fmt.Errorf("previous terminated container %q in pod %q not found", container, name.Name)
	}
	ended := make(chan struct{})
	close(ended)
	return containerLog{filepath.Join(filepath.Dir(v.log), itoa(v.restarts-1)+".log"), ended}, nil
}

// copyLog writes the lines of a log that the options ask for, and with follow what comes
// after them, until done is closed (nil: never) or ctx ends.
func copyLog(ctx context.Context, to io.Writer, file *os.File, o logOptions, done <-chan struct{}) error {
	if o.limit >= 0 {
		to = &limited{to, o.limit}
	}
	lines := &lineFilter{to: to, options: o}
	start, err := tailOffset(file, o.tail)
	if err != nil {
		return err
	}
	if _, err := file.Seek(start, io.SeekStart); err != nil {
		return err
	}
	for {
		over := isClosed(done) // before the read: what was written until then is read
		_, err := io.Copy(lines, file)
		if errors.Is(err, errEnough) {
			return nil
		}
		if err != nil {
			return err
		}
		if !o.follow || over {
			return lines.flush()
		}
		if !sleep(ctx, followPeriod) {
			return nil
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// tailOffset is where the last lines begin; 0 for all of them (-1).
func tailOffset(file *os.File, lines int64) (int64, error) {
	if lines < 0 {
		return 0, nil
	}
	end, err := file.Seek(0, io.SeekEnd)
	if err != nil || lines == 0 {
		return end, err
	}
	buffer := make([]byte, 32<<10)
	for position := end; position > 0; {
		size := min(position, int64(len(buffer)))
		position -= size
		if _, err := file.ReadAt(buffer[:size], position); err != nil {
			return 0, err
		}
		for i := size - 1; i >= 0; i-- {
			at := position + i + 1 // the beginning of a line
			if buffer[i] != '\n' || at == end {
				continue
			}
			if lines--; lines <= 0 {
				return at, nil
			}
		}
	}
	return 0, nil
}

// lineTime finds the time in a log line of Envoy, istiod, Dex, oauth2-proxy, etcd or
// klog-less Kubernetes; all write UTC here.
var lineTime = regexp.MustCompile(`(\d{4})[-/](\d\d)[-/](\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d+)?)`)

// lineFilter drops lines before a time and puts times before lines. The files hold what
// the programs wrote and no more, so a line's time is read from the line; one without is
// as old as the line before.
type lineFilter struct {
	to      io.Writer
	options logOptions
	rest    []byte
	last    time.Time
}

func (f *lineFilter) Write(p []byte) (int, error) {
	if f.options.since.IsZero() && !f.options.timestamps {
		return f.to.Write(p)
	}
	f.rest = append(f.rest, p...)
	for {
		line, rest, found := bytes.Cut(f.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		if err := f.line(append(bytes.Clone(line), '\n')); err != nil {
			return 0, err
		}
		f.rest = bytes.Clone(rest)
	}
}

func (f *lineFilter) flush() error {
	if len(f.rest) == 0 {
		return nil
	}
	return f.line(f.rest)
}

func (f *lineFilter) line(line []byte) error {
	if m := lineTime.FindSubmatch(line); m != nil {
		text := fmt.Sprintf("%s-%s-%sT%sZ", m[1], m[2], m[3], m[4])
		if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
			f.last = at
		}
	}
	if f.last.Before(f.options.since) {
		return nil
	}
	buffered := bufio.NewWriter(f.to)
	if f.options.timestamps {
		_, _ = buffered.WriteString(f.last.UTC().Format("2006-01-02T15:04:05.000000000Z "))
	}
	_, _ = buffered.Write(line)
	return buffered.Flush()
}

// errEnough ends a copy that has reached its limit.
var errEnough = errors.New("limit reached")

// limited takes a number of bytes and no more.
type limited struct {
	to   io.Writer
	left int64
}

func (l *limited) Write(p []byte) (int, error) {
	if int64(len(p)) >= l.left {
		written, err := l.to.Write(p[:l.left])
		l.left -= int64(written)
		return written, errors.Join(err, errEnough)
	}
	written, err := l.to.Write(p)
	l.left -= int64(written)
	return written, err
}

// flushing sends each write at once, as somebody is watching.
type flushing struct{ w http.ResponseWriter }

func (f flushing) Write(p []byte) (int, error) {
	written, err := f.w.Write(p)
	if err == nil {
		err = http.NewResponseController(f.w).Flush()
	}
	return written, err
}
