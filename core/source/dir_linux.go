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

	"golang.org/x/sys/unix"
)

// Dir is an open folder. It is safe for concurrent use until it is closed.
type Dir struct{ f *os.File }

// Open opens the folder at a path, or, for anything else, the folder that
// holds it; isDir tells which. A symbolic link as the last element is
// followed: it was named by a person. entry describes what the path is.
func Open(path string) (dir *Dir, entry Entry, isDir bool, err error) {
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
	holder := &Dir{os.NewFile(uintptr(fd), parent)}
	if entry, err = holder.Lstat(base); err != nil {
		return nil, entry, false, errors.Join(err, holder.Close())
	}
	if entry.Kind != Folder {
		return holder, entry, false, nil
	}
	dir, err = holder.OpenDir(base)
	return dir, entry, true, errors.Join(err, holder.Close())
}

// Close closes the folder.
func (d *Dir) Close() error { return d.f.Close() }

// Path returns a path by which others in this process reach a name in the folder, until the folder is closed.
func (d *Dir) Path(name string) string { return "/proc/self/fd/" + strconv.Itoa(d.fd()) + "/" + name }

func (d *Dir) fd() int { return int(d.f.Fd()) }

func openRetry(at int, name string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(at, name, flags, 0)
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

// names returns the names in the folder, in no order.
func (d *Dir) names(ctx context.Context) ([]string, error) {
	if _, err := d.f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	var names []string
	for {
		more, err := d.f.Readdirnames(4096)
		names = append(names, more...)
		if errors.Is(err, io.EOF) {
			return names, nil
		}
		if err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

// Lstat looks at one name.
func (d *Dir) Lstat(name string) (Entry, error) {
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
	fd, err := openRetry(d.fd(), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &Dir{os.NewFile(uintptr(fd), name)}, nil
}

// OpenFile opens a regular file that ReadEntries or Lstat listed, and tells what it is now.
// Errors: ErrChanged when the name is another file by now.
func (d *Dir) OpenFile(e Entry) (*Handle, Entry, error) {
	const flags = unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
	fd, err := openRetry(d.fd(), e.Name, flags|unix.O_NOATIME)
	if errors.Is(err, unix.EPERM) { // only the owner may leave the access time alone
		fd, err = openRetry(d.fd(), e.Name, flags)
	}
	if errors.Is(err, unix.ELOOP) {
		err = ErrChanged
	}
	if err != nil {
		return nil, Entry{}, &fs.PathError{Op: "open", Path: e.Name, Err: err}
	}
	h := &Handle{name: e.Name, fd: fd}
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

// ReadLink returns the target of a symbolic link.
func (d *Dir) ReadLink(name string) (string, error) {
	for size := 256; ; size *= 4 {
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
	// The handle's own path stands in for the listxattrat that Linux lacked until 6.13.
	path := d.Path(name)
	return xattrs(name,
		func(b []byte) (int, error) { return unix.Llistxattr(path, b) },
		func(attr string, b []byte) (int, error) { return unix.Lgetxattr(path, attr, b) })
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

// Handle is an open file. ReadAt may be called from several goroutines. It is a
// bare descriptor: an os.File would ask the kernel twice whether it can be polled, for
// each of a million files that are read once.
type Handle struct {
	name string

	mu sync.RWMutex // held by who uses fd, so that its number is not another file's by then
	fd int          // -1 when closed
}

// use calls fn with the descriptor, again when a signal interrupts it.
func (h *Handle) use(op string, fn func(fd int) (int, error)) (int, error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.fd < 0 {
		return 0, &fs.PathError{Op: op, Path: h.name, Err: fs.ErrClosed}
	}
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

// Read reads from the file's position.
func (h *Handle) Read(p []byte) (int, error) {
	n, err := h.use("read", func(fd int) (int, error) { return unix.Read(fd, p) })
	if n == 0 && err == nil && len(p) > 0 {
		err = io.EOF
	}
	return n, err
}

// ReadAt reads at an offset.
func (h *Handle) ReadAt(p []byte, offset int64) (int, error) {
	for done := 0; done < len(p); {
		n, err := h.use("read", func(fd int) (int, error) { return unix.Pread(fd, p[done:], offset+int64(done)) })
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

// Close closes the file.
func (h *Handle) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fd < 0 {
		return &fs.PathError{Op: "close", Path: h.name, Err: fs.ErrClosed}
	}
	err := unix.Close(h.fd)
	h.fd = -1
	return err
}

// Stat tells what the open file is now.
func (h *Handle) Stat() (Entry, error) {
	var st unix.Stat_t
	if _, err := h.use("fstat", func(fd int) (int, error) { return 0, unix.Fstat(fd, &st) }); err != nil {
		return Entry{}, err
	}
	return toEntry(h.name, &st), nil
}

// Xattrs returns the file's extended attributes, sorted.
func (h *Handle) Xattrs() ([]Xattr, error) {
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
