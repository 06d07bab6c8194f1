package ui

import (
	"io"
	"sync"
)

// watched keeps the first error of a writer, so that nobody who prints has to
// look: what failed is known at the end.
type watched struct {
	io.Writer

	mu  sync.Mutex
	err error
}

// Write implements io.Writer.
func (w *watched) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.err == nil {
			w.err = err
		}
	}
	return n, err
}

func (w *watched) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}
