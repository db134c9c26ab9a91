package source

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Handle is an open file. ReadAt may be called from several goroutines. It is a
// bare descriptor: an os.File would ask the kernel twice whether it can be polled, for
// each of a million files that are read once.
type Handle struct {
	*file
	place
}

type file struct {
	name   string
	silent atomic.Bool // a call on it has had no answer: none is made any more

	mu     sync.Mutex
	fd     int
	users  int  // calls that use fd, so that its number is not another file's by then
	closed bool // fd, by the last of the users if there are any
}

// in is the file as a part of a call.
func (h *Handle) in(c *Call) *Handle { return &Handle{h.file, place{h.watch, c, h.disk}} }

// path is where the file is, as the kernel has it.
func (f *file) path() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if path, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(f.fd)); err == nil && !f.closed {
		return path
	}
	return f.name
}

// onFile makes system calls on a file with a runner.
func onFile[T any](h *Handle, fn func(h *Handle) (T, error)) (T, error) {
	return ask(&h.place, h.file, h.path, func(c *Call) (T, error) { return fn(h.in(c)) })
}

// use calls fn with the descriptor, again when a signal interrupts it.
func (h *Handle) use(op string, fn func(fd int) (int, error)) (int, error) {
	if h.silent.Load() {
		return 0, &fs.PathError{Op: op, Path: h.name, Err: ErrNoAnswer}
	}
	if err := h.step(h.name); err != nil {
		return 0, err
	}
	if !h.begin() {
		return 0, &fs.PathError{Op: op, Path: h.name, Err: fs.ErrClosed}
	}
	defer h.end()
	for {
		n, err := fn(h.fd)
		switch {
		case err == nil:
			return n, nil
		case !errors.Is(err, unix.EINTR):
			return 0, &fs.PathError{Op: op, Path: h.name, Err: err}
		}
	}
}

// drop closes the file, or lets the last of its users do so.
func (f *file) drop() {
	f.mu.Lock()
	now := !f.closed && f.users == 0
	f.closed = true
	f.mu.Unlock()
	if now {
		_ = unix.Close(f.fd) // only read from
	}
}

func (f *file) begin() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	f.users++
	return true
}

func (f *file) end() {
	f.mu.Lock()
	f.users--
	last := f.closed && f.users == 0
	f.mu.Unlock()
	if last {
		_ = unix.Close(f.fd) // only read from
	}
}

// Read reads from the file's position.
func (h *Handle) Read(p []byte) (int, error) {
	if h.asks() {
		return onFile(h, func(h *Handle) (int, error) { return h.Read(p) })
	}
	n, err := h.use("read", func(fd int) (int, error) { return unix.Read(fd, p) })
	if n == 0 && err == nil && len(p) > 0 {
		err = io.EOF
	}
	return n, err
}

// readPiece is how much the kernel is asked for at once, so that a slow connection has answered before anybody takes it for a dead one.
const readPiece = 256 << 10

// ReadAt reads at an offset.
func (h *Handle) ReadAt(p []byte, offset int64) (int, error) {
	if h.asks() {
		return onFile(h, func(h *Handle) (int, error) { return h.ReadAt(p, offset) })
	}
	for done := 0; done < len(p); {
		piece := p[done:min(len(p), done+readPiece)]
		n, err := h.use("read", func(fd int) (int, error) { return unix.Pread(fd, piece, offset+int64(done)) })
		if n == 0 && err == nil {
			err = io.EOF
		}
		done += n
		if err != nil {
			return done, err
		}
	}
	return len(p), nil
}

// Close closes the file. It does not wait for a disk without an answer.
func (h *Handle) Close() error {
	h.watch.closes(h.file)
	h.mu.Lock()
	closed, used := h.closed, h.users > 0
	h.closed = true
	h.mu.Unlock()
	switch {
	case closed:
		return &fs.PathError{Op: "close", Path: h.name, Err: fs.ErrClosed}
	case used: // its user closes it
		return nil
	case h.asks() && (h.disk.silent.Load() > 0 || h.watch.ctx.Err() != nil):
		go unix.Close(h.fd) //nolint:errcheck // only read from
		return nil
	case h.asks():
		_, err := onFile(h, func(h *Handle) (int, error) { return 0, unix.Close(h.fd) })
		return err
	}
	if h.call != nil && !h.call.next() {
		return errors.Join(errLeftBehind, unix.Close(h.fd))
	}
	return unix.Close(h.fd)
}

// Stat tells what the open file is now.
func (h *Handle) Stat() (Entry, error) {
	if h.asks() {
		return onFile(h, (*Handle).Stat)
	}
	var st unix.Stat_t
	if _, err := h.use("fstat", func(fd int) (int, error) { return 0, unix.Fstat(fd, &st) }); err != nil {
		return Entry{}, err
	}
	return toEntry(h.name, &st), nil
}

// Xattrs returns the file's extended attributes, sorted.
func (h *Handle) Xattrs() ([]Xattr, error) {
	if h.asks() {
		return onFile(h, (*Handle).Xattrs)
	}
	return xattrs(h.name,
		func(b []byte) (int, error) {
			return h.use("listxattr", func(fd int) (int, error) { return unix.Flistxattr(fd, b) })
		},
		func(attr string, b []byte) (int, error) {
			return h.use("getxattr", func(fd int) (int, error) { return unix.Fgetxattr(fd, attr, b) })
		})
}

// NextData returns the next run of data at or after offset; what lies before
// it is a hole. io.EOF: there is only a hole up to the end.
func (h *Handle) NextData(offset int64) (start, end int64, err error) {
	if h.asks() {
		r, err := onFile(h, func(h *Handle) (r [2]int64, err error) {
			r[0], r[1], err = h.NextData(offset)
			return r, err
		})
		return r[0], r[1], err
	}
	_, err = h.use("seek", func(fd int) (_ int, err error) {
		if start, err = unix.Seek(fd, offset, unix.SEEK_DATA); err == nil {
			end, err = unix.Seek(fd, start, unix.SEEK_HOLE)
		}
		return 0, err
	})
	if errors.Is(err, unix.ENXIO) {
		return 0, 0, io.EOF
	}
	return start, end, err
}
