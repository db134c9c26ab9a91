//go:build !linux

package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Dir is an open folder, by its path.
type Dir struct{ path string }

// Open opens the folder at a path, or, for anything else, the folder that
// holds it; isDir tells which. entry describes what the path is.
func Open(path string) (dir *Dir, entry Entry, isDir bool, err error) {
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return nil, entry, false, err
	}
	holder := &Dir{filepath.Dir(path)}
	if entry, err = holder.Lstat(filepath.Base(path)); err != nil {
		return nil, entry, false, err
	}
	if entry.Kind != Folder {
		return holder, entry, false, nil
	}
	return &Dir{path}, entry, true, nil
}

// Close closes the folder.
func (d *Dir) Close() error { return nil }

// Path returns a path by which others in this process reach a name in the folder, until the folder is closed.
func (d *Dir) Path(name string) string { return filepath.Join(d.path, name) }

// names returns the names in the folder, in no order.
func (d *Dir) names(ctx context.Context) ([]string, error) {
	f, err := os.Open(d.path)
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
	info, err := os.Lstat(filepath.Join(d.path, name))
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
	default:
		e.Kind = Socket
	}
	return e
}

// OpenDir opens a folder in the folder.
func (d *Dir) OpenDir(name string) (*Dir, error) { return &Dir{filepath.Join(d.path, name)}, nil }

// OpenFile opens a regular file, and tells what it is now.
// Errors: ErrChanged when it is none any more.
func (d *Dir) OpenFile(e Entry) (*Handle, Entry, error) {
	now, err := d.Lstat(e.Name)
	if err != nil {
		return nil, Entry{}, err
	}
	if now.Kind != File {
		return nil, Entry{}, fmt.Errorf("%q: %w", e.Name, ErrChanged)
	}
	f, err := os.Open(filepath.Join(d.path, e.Name))
	if err != nil {
		return nil, Entry{}, err
	}
	h := &Handle{f: f, name: e.Name}
	if now, err = h.Stat(); err != nil {
		return nil, Entry{}, errors.Join(err, f.Close())
	}
	return h, now, nil
}

// ReadLink returns the target of a symbolic link.
func (d *Dir) ReadLink(name string) (string, error) { return os.Readlink(filepath.Join(d.path, name)) }

// Xattrs returns no attributes on this system.
func (d *Dir) Xattrs(string) ([]Xattr, error) { return nil, nil }

// Handle is an open file. ReadAt may be called from several goroutines.
type Handle struct {
	f    *os.File
	name string
}

// Read reads from the file's position.
func (h *Handle) Read(p []byte) (int, error) { return h.f.Read(p) }

// ReadAt reads at an offset.
func (h *Handle) ReadAt(p []byte, offset int64) (int, error) { return h.f.ReadAt(p, offset) }

// Close closes the file.
func (h *Handle) Close() error { return h.f.Close() }

// Xattrs returns no attributes on this system.
func (h *Handle) Xattrs() ([]Xattr, error) { return nil, nil }

// Stat tells what the open file is now.
func (h *Handle) Stat() (Entry, error) {
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
