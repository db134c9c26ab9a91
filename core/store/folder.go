package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
)

// Folder is a store in a folder: objects are files, their names relative
// paths. Files have mode 0600, folders 0700.
//
// Everything goes through os.Root, so that a link planted in the folder
// leads nowhere outside it, and only regular files count as objects.
//
// An object that is being written is a file "~<26 random characters>.tmp" in
// the folder where it will stay: '~' is in no object's name, the sync clients
// of the large clouds leave such files alone, and a move within one folder is the
// one that every file system does atomically. When its bytes are on the disk it takes
// its name by a rename that refuses to overwrite (Linux, macOS), else by a
// hard link (NFS, NTFS), else, where a file system has neither, by a rename
// after a look, which keeps the promise of Put unless two computers
// choose the same name in the same moment. Then the folder is synced too. Windows
// cannot sync a folder; there NTFS's journal keeps the order.
type Folder struct {
	path string
	root *os.Root

	dirs    dirs
	handles handles
	publish []publisher // how a written file takes its name: the first that the file system can

	renames sync.Mutex // held by the publisher of last resort
}

// FolderOptions say how to open a folder.
type FolderOptions struct {
	Create bool // make the folder, and those above it, if it is not there
}

// Connections of a folder: enough to keep a disk busy while others wait for it to
// sync, few enough not to make a hard disk seek.
const folderConnections = 4

// OpenFolder opens the store in the folder dir. A folder that does not exist
// is made if opt.Create says so; else it gives ErrUnreachable, since most
// often a drive is not plugged in. So does a path that is no folder. Other
// errors: ErrPermission.
func OpenFolder(dir string, opt FolderOptions) (*Folder, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, &Error{Op: "open", Location: dir, Err: err}
	}
	f := &Folder{path: abs, publish: publishers()}
	if opt.Create {
		if err := makeFolder(abs); err != nil {
			return nil, f.openError(err)
		}
	}
	if f.root, err = os.OpenRoot(abs); err != nil {
		return nil, f.openError(err)
	}
	return f, nil
}

func (f *Folder) openError(err error) error {
	switch kind := classify(err); {
	case errors.Is(kind, ErrPermission), errors.Is(kind, ErrNoSpace):
		err = wrap(err)
	case errors.Is(kind, ErrNotExist):
		err = fmt.Errorf("%w: there is no such folder; is the drive connected?", ErrUnreachable)
	default:
		err = fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return &Error{Op: "open", Location: f.path, Err: err}
}

// makeFolder makes dir and what is missing above it, durably.
func makeFolder(dir string) error {
	if _, err := os.Stat(dir); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := makeFolder(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	d, err := os.Open(parent)
	if err != nil {
		return nil // made, but this person may not list what is above: not ours to sync
	}
	defer d.Close() //nolint:errcheck // only synced
	return syncDir(d)
}

// ReadAt implements Store. Files in subfolders stay open for the next range
// of the same pack. So a nested object that another process replaces may be
// seen as it was; no repository does that.
func (f *Folder) ReadAt(ctx context.Context, name string, p []byte, offset int64) error {
	if err := f.check(ctx, "read", name, CheckName); err != nil {
		return err
	}
	if offset < 0 {
		return f.fail("read", name, fmt.Errorf("negative offset %d", offset))
	}
	h, err := f.handles.get(name, func() (*os.File, error) { return openRegular(f.root, name) })
	if err != nil {
		return f.fail("read", name, err)
	}
	defer f.handles.release(h)
	if len(p) == 0 {
		// os.File reads nothing then; what is asked is whether offset is within.
		st, err := h.file.Stat()
		if err == nil && offset > st.Size() {
			err = io.EOF
		}
		return f.readError(name, 0, offset, err)
	}
	n, err := h.file.ReadAt(p, offset)
	if n == len(p) {
		err = nil
	}
	return f.readError(name, len(p), offset, err)
}

func (f *Folder) readError(name string, n int, offset int64, err error) error {
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("%d bytes at %d: %w", n, offset, io.ErrUnexpectedEOF)
	}
	return f.fail("read", name, err)
}

// Stat implements Store.
func (f *Folder) Stat(ctx context.Context, name string) (Object, error) {
	if err := f.check(ctx, "stat", name, CheckName); err != nil {
		return Object{}, err
	}
	st, err := f.root.Stat(filepath.FromSlash(name))
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%w: not a regular file", ErrNotExist)
	}
	if err != nil {
		return Object{}, f.fail("stat", name, err)
	}
	return Object{name, st.Size()}, nil
}

// List implements Store.
func (f *Folder) List(ctx context.Context, prefix string, fn func(Object) error) error {
	if err := f.check(ctx, "list", prefix, CheckPrefix); err != nil {
		return err
	}
	if !f.alive() {
		return f.fail("list", prefix, ErrUnreachable)
	}
	start := "."
	if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
		start = prefix[:i]
	}
	var stop error
	err := f.walk(ctx, start, func(dir *os.Root, name string, e fs.DirEntry) error {
		if e.IsDir() {
			if CheckName(name) != nil || !strings.HasPrefix(name+"/", prefix) && !strings.HasPrefix(prefix, name+"/") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasPrefix(name, prefix) || CheckName(name) != nil {
			return nil
		}
		st, err := dir.Lstat(e.Name())
		if errors.Is(err, fs.ErrNotExist) || err == nil && !st.Mode().IsRegular() {
			return nil
		}
		if err != nil {
			return err
		}
		stop = fn(Object{name, st.Size()})
		return stop
	})
	if stop != nil {
		return stop
	}
	return f.fail("list", prefix, err)
}

// walk calls fn for everything in the folder start and below. fn returns
// fs.SkipDir for a folder that is not to be entered. What vanishes meanwhile
// is passed over.
func (f *Folder) walk(ctx context.Context, start string, fn func(dir *os.Root, name string, e fs.DirEntry) error) error {
	dir, err := openDir(f.root, start)
	if errors.Is(classify(err), ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer dir.Close() //nolint:errcheck // only read from
	d, err := dir.Open(".")
	if err != nil {
		return err
	}
	entries, err := d.ReadDir(-1)
	_ = d.Close() // only read from
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		name := path.Join(start, e.Name())
		err := fn(dir, name, e)
		if e.IsDir() {
			if errors.Is(err, fs.SkipDir) {
				continue
			}
			if err == nil {
				err = f.walk(ctx, name, fn)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// openDir opens a folder, and nothing else: opening a FIFO would wait.
func openDir(root *os.Root, name string) (*os.Root, error) {
	name = filepath.FromSlash(name)
	st, err := root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		return nil, fmt.Errorf("%w: %s is no folder", fs.ErrNotExist, name)
	}
	return root.OpenRoot(name)
}

// Properties implements Store.
func (f *Folder) Properties() Properties {
	return Properties{Location: f.path, Connections: folderConnections}
}

// Free implements Spacer.
func (f *Folder) Free(ctx context.Context) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, f.fail("measure", "", err)
	}
	if !f.alive() {
		return 0, f.fail("measure", "", ErrUnreachable)
	}
	n, err := freeBytes(f.path)
	return n, f.fail("measure", "", err)
}

// Close implements Store.
func (f *Folder) Close() error {
	f.handles.close()
	if err := f.root.Close(); err != nil {
		return f.fail("close", "", err)
	}
	return nil
}

func (f *Folder) check(ctx context.Context, op, name string, valid func(string) error) error {
	if err := valid(name); err != nil {
		return f.fail(op, name, err)
	}
	return f.fail(op, name, ctx.Err())
}

// alive reports whether the path still leads to the folder that was opened. It
// does not when a drive is gone, or when the folder was deleted or moved away.
func (f *Folder) alive() bool {
	now, err := os.Stat(f.path)
	if err != nil {
		return false
	}
	opened, err := f.root.Stat(".")
	return err != nil || os.SameFile(now, opened) // err: closed, which is another matter
}

// fail wraps err, nil included, with what it means.
func (f *Folder) fail(op, name string, err error) error {
	if err == nil {
		return nil
	}
	switch kind := classify(err); {
	case errors.Is(kind, ErrClosed), errors.Is(kind, ErrExists), errors.Is(kind, ErrInvalidName), errors.Is(kind, ErrUnreachable),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, io.ErrUnexpectedEOF):
		err = wrap(err)
	case !f.alive():
		err = fmt.Errorf("%w: %w", ErrUnreachable, err)
	default:
		err = wrap(err)
	}
	return &Error{Op: op, Name: name, Location: f.path, Err: err}
}

// wrap puts the sentinel before an error of the system.
func wrap(err error) error {
	if kind := classify(err); kind != nil && !errors.Is(err, kind) {
		return fmt.Errorf("%w: %w", kind, err)
	}
	return err
}

// classify returns the sentinel that err amounts to, or nil.
func classify(err error) error {
	for _, s := range []error{ErrNotExist, ErrExists, ErrNoSpace, ErrPermission, ErrUnreachable, ErrInvalidName, ErrClosed} {
		if errors.Is(err, s) {
			return s
		}
	}
	if s := classifyErrno(err); s != nil {
		return s
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ErrNotExist
	case errors.Is(err, fs.ErrExist):
		return ErrExists
	case errors.Is(err, fs.ErrPermission):
		return ErrPermission
	case errors.Is(err, fs.ErrClosed):
		return ErrClosed
	}
	return nil
}
