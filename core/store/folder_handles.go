package store

import (
	"io/fs"
	"os"
	"strings"
	"sync"

	"github.com/holdfast-backup/holdfast/core/writeback"
)

// maxHandles is how many files stay open for reading: a restore reads from a
// few packs at a time, many ranges each.
const maxHandles = 32

// handles keeps the files read last open.
type handles struct {
	mu     sync.Mutex
	byName map[string]*handle
	clock  uint64
	closed bool
}

type handle struct {
	file *os.File
	refs int    // readers, plus one while it is in byName
	used uint64 // when it was asked for last, by the clock
}

// get returns the open file, which the caller releases. open may run for one
// name several times at once; one result stays.
func (h *handles) get(name string, open func() (*os.File, error)) (*handle, error) {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return nil, ErrClosed
	}
	if x := h.byName[name]; x != nil {
		h.clock++
		x.used = h.clock
		x.refs++
		h.mu.Unlock()
		return x, nil
	}
	h.mu.Unlock()

	file, err := open()
	if err != nil {
		return nil, err
	}
	x := &handle{file: file, refs: 1}
	// Top-level objects are small and may be replaced by another computer.
	if !strings.Contains(name, "/") {
		return x, nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || h.byName[name] != nil {
		return x, nil
	}
	if h.byName == nil {
		h.byName = map[string]*handle{}
	}
	if len(h.byName) >= maxHandles {
		h.evictLocked()
	}
	h.clock++
	x.used, x.refs = h.clock, 2
	h.byName[name] = x
	return x, nil
}

func (h *handles) evictLocked() {
	oldest := ""
	for name, x := range h.byName {
		if oldest == "" || x.used < h.byName[oldest].used {
			oldest = name
		}
	}
	// So many packs later it is not read again soon.
	writeback.Forget(h.byName[oldest].file, 0, 0)
	h.dropLocked(oldest)
}

func (h *handles) release(x *handle) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.releaseLocked(x)
}

func (h *handles) releaseLocked(x *handle) {
	if x.refs--; x.refs == 0 {
		_ = x.file.Close() // only read from
	}
}

// drop forgets a file; it is closed when its last reader is done.
func (h *handles) drop(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dropLocked(name)
}

func (h *handles) dropLocked(name string) {
	if x := h.byName[name]; x != nil {
		delete(h.byName, name)
		h.releaseLocked(x)
	}
}

func (h *handles) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for name := range h.byName {
		h.dropLocked(name)
	}
}

// openRegular opens a file for reading; anything else is no object. A
// planted FIFO must not make us wait for a writer.
func openRegular(root *os.Root, name string) (*os.File, error) {
	file, err := root.OpenFile(name, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, err
	}
	st, err := file.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		_ = file.Close() // only read from
		return nil, err
	}
	return file, nil
}
