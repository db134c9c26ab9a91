package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Dir is an open folder. It is safe for concurrent use until it is closed. It is a bare descriptor, which may be closed while a call on it
// has no answer.
type Dir struct {
	*folder
	ahead *looker // what was listed when it was opened
	place
}

type folder struct{ number atomic.Int32 } // of the descriptor; -1 when closed

func newDir(fd int, p place) *Dir {
	d := &Dir{new(folder), nil, p}
	d.number.Store(int32(fd))
	p.watch.opened(d.folder)
	return d
}

func (f *folder) drop() {
	if fd := f.number.Swap(-1); fd >= 0 {
		_ = unix.Close(int(fd)) // only read from
	}
}

// In is the folder as a part of a call of a runner: what is opened by it is, too.
func (d *Dir) In(c *Call) *Dir {
	return &Dir{d.folder, nil, place{d.watch, c, d.disk}}
}

// path is where a name in the folder is, as the kernel has it.
func (d *Dir) path(name string) string {
	dir, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(d.fd()))
	if err != nil {
		return name
	}
	return filepath.Join(dir, name)
}

// Open opens the folder at a path, or, for anything else, the folder that
// holds it; isDir tells which. A symbolic link as the last element is
// followed: it was named by a person. entry describes what the path is.
func Open(path string) (dir *Dir, entry Entry, isDir bool, err error) { return open(path, place{}) }

func open(path string, p place) (dir *Dir, entry Entry, isDir bool, err error) {
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return nil, entry, false, err
	}
	parent, base := filepath.Split(filepath.Clean(path))
	if base == "" {
		base = "."
	}
	fd, err := openRetry(unix.AT_FDCWD, parent, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC)
	if err != nil {
		return nil, entry, false, &fs.PathError{Op: "open", Path: parent, Err: err}
	}
	holder := newDir(fd, p)
	if entry, err = holder.Lstat(base); err != nil {
		return nil, entry, false, errors.Join(err, holder.Close())
	}
	if entry.Kind != Folder {
		return holder, entry, false, nil
	}
	dir, err = holder.OpenDir(base)
	return dir, entry, true, errors.Join(err, holder.Close())
}

// Close closes the folder. On a disk without an answer it does not wait. Elsewhere nothing is asked of a server: only files are flushed.
func (d *Dir) Close() error {
	fd := int(d.number.Swap(-1))
	d.watch.closes(d.folder)
	if d.disk != nil && d.disk.silent.Load() > 0 {
		go unix.Close(fd) //nolint:errcheck // only read from
		return nil
	}
	if err := unix.Close(fd); err != nil {
		return &fs.PathError{Op: "close", Path: strconv.Itoa(fd), Err: err}
	}
	return nil
}

// Path returns a path by which others in this process reach a name in the folder, until the folder is closed.
func (d *Dir) Path(name string) string { return "/proc/self/fd/" + strconv.Itoa(d.fd()) + "/" + name }

func (d *Dir) fd() int { return int(d.number.Load()) }

func openRetry(at int, name string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(at, name, flags, 0)
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

// listBuffers are for what the kernel tells of a folder at once.
var listBuffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// names returns the names in the folder, in no order.
func (d *Dir) names(ctx context.Context) ([]string, error) {
	fd := d.fd()
	if _, err := unix.Seek(fd, 0, io.SeekStart); err != nil {
		return nil, &fs.PathError{Op: "list", Path: d.path(""), Err: err}
	}
	buf := listBuffers.Get().(*[32 << 10]byte)
	defer listBuffers.Put(buf)
	var names []string
	for {
		if err := d.step("."); err != nil {
			return nil, err
		}
		n, err := unix.ReadDirent(fd, buf[:])
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return nil, &fs.PathError{Op: "list", Path: d.path(""), Err: err}
		case n <= 0:
			return names, nil
		default:
			_, _, names = unix.ParseDirent(buf[:n], -1, names)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
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
	var st unix.Stat_t
	if err := unix.Fstatat(d.fd(), name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return Entry{}, &fs.PathError{Op: "lstat", Path: name, Err: err}
	}
	return toEntry(name, &st), nil
}

func toEntry(name string, st *unix.Stat_t) Entry {
	e := Entry{
		Name: name, Mode: st.Mode & 0o7777, UID: st.Uid, GID: st.Gid,
		MTime: Time{st.Mtim.Sec, int32(st.Mtim.Nsec)}, CTime: Time{st.Ctim.Sec, int32(st.Ctim.Nsec)},
		Inode: st.Ino, Device: st.Dev, Links: uint64(st.Nlink), //nolint:unconvert // uint32 on arm64
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		e.Kind, e.Size = File, st.Size
	case unix.S_IFDIR:
		e.Kind = Folder
	case unix.S_IFLNK:
		e.Kind = Symlink
	case unix.S_IFIFO:
		e.Kind = FIFO
	case unix.S_IFSOCK:
		e.Kind = Socket
	case unix.S_IFCHR:
		e.Kind, e.Rdev = CharDevice, st.Rdev
	default:
		e.Kind, e.Rdev = BlockDevice, st.Rdev
	}
	return e
}

// OpenDir opens a folder in the folder.
func (d *Dir) OpenDir(name string) (*Dir, error) {
	if d.asks() {
		child, err := ask(&d.place, nil, func() string { return d.path(name) }, func(c *Call) (*Dir, error) { return d.In(c).OpenDir(name) })
		if err != nil {
			return nil, err
		}
		return child.In(nil), nil
	}
	if err := d.step(name); err != nil {
		return nil, err
	}
	fd, err := openRetry(d.fd(), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return newDir(fd, d.place), nil
}

// OpenFile opens a regular file that ReadEntries or Lstat listed, and tells what it is now.
// Errors: ErrChanged when the name is another file by now.
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
	if err := d.step(e.Name); err != nil {
		return nil, Entry{}, err
	}
	const flags = unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
	fd, err := openRetry(d.fd(), e.Name, flags|unix.O_NOATIME)
	if errors.Is(err, unix.EPERM) && d.step(e.Name) == nil { // only the owner may leave the access time alone
		fd, err = openRetry(d.fd(), e.Name, flags)
	}
	if errors.Is(err, unix.ELOOP) {
		err = ErrChanged
	}
	if err != nil {
		return nil, Entry{}, &fs.PathError{Op: "open", Path: e.Name, Err: err}
	}
	h := &Handle{&file{name: e.Name, fd: fd}, d.place}
	d.watch.opened(h.file)
	now, err := h.Stat()
	if err == nil && (now.Kind != File || now.Inode != e.Inode || now.Device != e.Device) {
		err = fmt.Errorf("%q: %w", e.Name, ErrChanged)
	}
	if err != nil {
		_ = h.Close() // the cause is reported
		return nil, Entry{}, err
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
	for size := 256; ; size *= 4 {
		if err := d.step(name); err != nil {
			return "", err
		}
		b := make([]byte, size)
		n, err := unix.Readlinkat(d.fd(), name, b)
		if err != nil {
			return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
		}
		if n < size {
			return string(b[:n]), nil
		}
	}
}

// Xattrs returns the extended attributes of a name ("." for the folder
// itself), sorted; none where the file system has none.
func (d *Dir) Xattrs(name string) ([]Xattr, error) {
	if d.asks() {
		return ask(&d.place, nil, func() string { return d.path(name) }, func(c *Call) ([]Xattr, error) { return d.In(c).Xattrs(name) })
	}
	// The handle's own path stands in for the listxattrat that Linux lacked until 6.13.
	path := d.Path(name)
	return xattrs(name,
		func(b []byte) (int, error) {
			if err := d.step(name); err != nil {
				return 0, err
			}
			return unix.Llistxattr(path, b)
		},
		func(attr string, b []byte) (int, error) {
			if err := d.step(name); err != nil {
				return 0, err
			}
			return unix.Lgetxattr(path, attr, b)
		})
}

func xattrs(name string, names func([]byte) (int, error), value func(string, []byte) (int, error)) ([]Xattr, error) {
	list, err := readXattr(names)
	if err != nil || len(list) == 0 {
		return nil, xattrError(name, err)
	}
	var out []Xattr
	for _, attr := range strings.Split(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		v, err := readXattr(func(b []byte) (int, error) { return value(attr, b) })
		if errors.Is(err, unix.ENODATA) {
			continue // removed meanwhile
		}
		if err != nil {
			return out, xattrError(name, err)
		}
		out = append(out, Xattr{attr, v})
	}
	slices.SortFunc(out, func(a, b Xattr) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func xattrError(name string, err error) error {
	if err == nil || errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	if errors.Is(err, ErrNoAnswer) || errors.Is(err, errLeftBehind) {
		return err
	}
	return &fs.PathError{Op: "read the attributes of", Path: name, Err: err}
}

// readXattr calls get with a buffer, a longer one when the kernel asks for it.
func readXattr(get func([]byte) (int, error)) ([]byte, error) {
	var small [256]byte
	n, err := get(small[:])
	if err == nil {
		return slices.Clone(small[:n]), nil
	}
	for errors.Is(err, unix.ERANGE) {
		if n, err = get(nil); err != nil {
			break
		}
		b := make([]byte, n)
		if n, err = get(b); err == nil {
			return b[:n], nil
		}
	}
	return nil, err
}
