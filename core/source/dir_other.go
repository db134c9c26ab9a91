//go:build !linux

package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
)

// Dir is an open folder, by its path.
type Dir struct {
	at    string
	ahead *looker // what was listed when it was opened
	place
}

// In is the folder as a part of a call of a runner: what is opened by it is, too.
func (d *Dir) In(c *Call) *Dir { return &Dir{d.at, nil, place{d.watch, c, d.disk}} }

// path is where a name in the folder is.
func (d *Dir) path(name string) string { return filepath.Join(d.at, name) }

// Open opens the folder at a path, or, for anything else, the folder that
// holds it; isDir tells which. entry describes what the path is.
func Open(path string) (dir *Dir, entry Entry, isDir bool, err error) { return open(path, place{}) }

func open(path string, p place) (dir *Dir, entry Entry, isDir bool, err error) {
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return nil, entry, false, err
	}
	holder := &Dir{filepath.Dir(path), nil, p}
	if entry, err = holder.Lstat(filepath.Base(path)); err != nil {
		return nil, entry, false, err
	}
	if entry.Kind != Folder {
		return holder, entry, false, nil
	}
	return &Dir{path, nil, p}, entry, true, nil
}

// Close closes the folder.
func (d *Dir) Close() error { return nil }

func (d *Dir) drop() {}

// Path returns a path by which others in this process reach a name in the folder, until the folder is closed.
func (d *Dir) Path(name string) string { return d.path(name) }

// names returns the names in the folder, in no order.
func (d *Dir) names(ctx context.Context) ([]string, error) {
	if err := d.step(d.at); err != nil {
		return nil, err
	}
	f, err := os.Open(d.at)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read from
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return f.Readdirnames(-1)
}

// Lstat looks at one name.
func (d *Dir) Lstat(name string) (Entry, error) {
	if d.asks() {
		return ask(&d.place, nil, func() string { return d.path(name) }, func(c *Call) (Entry, error) { return d.In(c).Lstat(name) })
	}
	if err := d.step(name); err != nil {
		return Entry{}, err
	}
	return d.lstat(name)
}

func (d *Dir) lstat(name string) (Entry, error) {
	info, err := os.Lstat(d.path(name))
	if err != nil {
		return Entry{}, err
	}
	return toEntry(name, info), nil
}

func toEntry(name string, info fs.FileInfo) Entry {
	t := info.ModTime()
	e := Entry{
		Name: name, Mode: uint32(info.Mode().Perm()), Links: 1,
		MTime: Time{t.Unix(), int32(t.Nanosecond())}, CTime: Time{t.Unix(), int32(t.Nanosecond())},
	}
	switch mode := info.Mode(); {
	case mode.IsRegular():
		e.Kind, e.Size = File, info.Size()
	case mode.IsDir():
		e.Kind = Folder
	case mode&fs.ModeSymlink != 0:
		e.Kind = Symlink
	case mode&fs.ModeNamedPipe != 0:
		e.Kind = FIFO
	case mode&fs.ModeCharDevice != 0:
		e.Kind = CharDevice
	case mode&fs.ModeDevice != 0:
		e.Kind = BlockDevice
	case mode&fs.ModeIrregular != 0:
		e.Kind, e.Size = irregular(info), info.Size()
	default:
		e.Kind = Socket
	}
	return e
}

// OpenDir opens a folder in the folder.
func (d *Dir) OpenDir(name string) (*Dir, error) { return &Dir{d.path(name), nil, d.place}, nil }

// OpenFile opens a regular file, and tells what it is now.
// Errors: ErrChanged when it is none any more.
func (d *Dir) OpenFile(e Entry) (*Handle, Entry, error) {
	if d.asks() {
		o, err := ask(&d.place, nil, func() string { return d.path(e.Name) }, func(c *Call) (opened, error) {
			h, now, err := d.In(c).OpenFile(e)
			return opened{h, now}, err
		})
		if err != nil {
			return nil, o.now, err
		}
		return o.in(nil), o.now, nil
	}
	now, err := d.Lstat(e.Name)
	if err != nil {
		return nil, Entry{}, err
	}
	if now.Kind != File {
		return nil, Entry{}, fmt.Errorf("%q: %w", e.Name, ErrChanged)
	}
	if err := d.step(e.Name); err != nil {
		return nil, Entry{}, err
	}
	f, err := os.Open(d.path(e.Name))
	if err != nil {
		return nil, Entry{}, err
	}
	h := &Handle{&file{f: f, name: e.Name}, d.place}
	if now, err = h.Stat(); err != nil {
		return nil, Entry{}, errors.Join(err, f.Close())
	}
	return h, now, nil
}

// opened is a file with what it was then.
type opened struct {
	*Handle
	now Entry
}

// ReadLink returns the target of a symbolic link.
func (d *Dir) ReadLink(name string) (string, error) {
	if d.asks() {
		return ask(&d.place, nil, func() string { return d.path(name) }, func(c *Call) (string, error) { return d.In(c).ReadLink(name) })
	}
	if err := d.step(name); err != nil {
		return "", err
	}
	return os.Readlink(d.path(name))
}

// Xattrs returns no attributes on this system.
func (d *Dir) Xattrs(string) ([]Xattr, error) { return nil, nil }

// Handle is an open file. ReadAt may be called from several goroutines.
type Handle struct {
	*file
	place
}

type file struct {
	f      *os.File
	name   string
	silent atomic.Bool // a call on it has had no answer: none is made any more
}

// in is the file as a part of a call.
func (h *Handle) in(c *Call) *Handle { return &Handle{h.file, place{h.watch, c, h.disk}} }

func (f *file) path() string { return f.f.Name() }

// onFile makes system calls on a file with a runner.
func onFile[T any](h *Handle, fn func(h *Handle) (T, error)) (T, error) {
	return ask(&h.place, h.file, h.path, func(c *Call) (T, error) { return fn(h.in(c)) })
}

// begin comes before each call.
func (h *Handle) begin() error {
	if h.silent.Load() {
		return &fs.PathError{Op: "read", Path: h.name, Err: ErrNoAnswer}
	}
	return h.step(h.name)
}

// Read reads from the file's position.
func (h *Handle) Read(p []byte) (int, error) {
	if h.asks() {
		return onFile(h, func(h *Handle) (int, error) { return h.Read(p) })
	}
	if err := h.begin(); err != nil {
		return 0, err
	}
	return h.f.Read(p)
}

// readPiece is how much the system is asked for at once, so that a slow connection has answered before anybody takes it for a dead one.
const readPiece = 256 << 10

// ReadAt reads at an offset.
func (h *Handle) ReadAt(p []byte, offset int64) (int, error) {
	if h.asks() {
		return onFile(h, func(h *Handle) (int, error) { return h.ReadAt(p, offset) })
	}
	for done := 0; done < len(p); {
		if err := h.begin(); err != nil {
			return done, err
		}
		n, err := h.f.ReadAt(p[done:min(len(p), done+readPiece)], offset+int64(done))
		if done += n; err != nil {
			return done, err
		}
	}
	return len(p), nil
}

// Close closes the file. It does not wait for a disk without an answer.
func (h *Handle) Close() error {
	if h.asks() && (h.silent.Load() || h.watch.ctx.Err() != nil) {
		go h.f.Close() //nolint:errcheck // only read from
		return nil
	}
	return h.f.Close()
}

// Xattrs returns no attributes on this system.
func (h *Handle) Xattrs() ([]Xattr, error) { return nil, nil }

// Stat tells what the open file is now.
func (h *Handle) Stat() (Entry, error) {
	if h.asks() {
		return onFile(h, (*Handle).Stat)
	}
	if err := h.begin(); err != nil {
		return Entry{}, err
	}
	info, err := h.f.Stat()
	if err != nil {
		return Entry{}, err
	}
	return toEntry(h.name, info), nil
}

// NextData returns the whole rest of the file: holes are not told apart here.
func (h *Handle) NextData(offset int64) (start, end int64, err error) {
	e, err := h.Stat()
	return offset, e.Size, err
}
