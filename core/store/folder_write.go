package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-backup/holdfast/core/writeback"
)

// writeStep is how much is written between two looks at ctx.
const writeStep = 4 << 20

// cachedMax is the size from which on an object does not stay in the system's
// page cache: a backup would fill the memory with packs that nobody reads soon, at
// the price of what the person works with.
const cachedMax = 1 << 20

// errUnsupported: a file system lacks what a publisher needs.
var errUnsupported = errors.New("not supported by this file system")

// publisher gives the file tmp the name base in the same folder; fs.ErrExist
// when that is taken. d is the folder, opened.
type publisher func(f *Folder, dir *os.Root, d *os.File, tmp, base string) error

func publishers() []publisher {
	return []publisher{publishRename, publishLink, publishLook}
}

// publishRename renames without overwriting, in one step.
func publishRename(_ *Folder, _ *os.Root, d *os.File, tmp, base string) error {
	return renameNoReplace(d, tmp, base)
}

// publishLink gives the file its second name and takes the first away.
func publishLink(_ *Folder, dir *os.Root, _ *os.File, tmp, base string) error {
	err := dir.Link(tmp, base)
	if errors.Is(err, fs.ErrExist) {
		// NFS repeats a request whose answer was lost: then it was us.
		a, errA := dir.Lstat(tmp)
		b, errB := dir.Lstat(base)
		if errA == nil && errB == nil && os.SameFile(a, b) {
			err = nil
		}
	}
	switch {
	case err == nil:
		_ = remove(dir, tmp) // stored; what is left over is for CleanTemporary
		return nil
	case errors.Is(err, fs.ErrExist), errors.Is(classify(err), ErrNoSpace), errors.Is(classify(err), ErrNotExist):
		return err
	}
	// FAT answers with "not permitted", network file systems with one of several.
	return fmt.Errorf("%w: %w", errUnsupported, err)
}

// publishLook looks before it renames, one at a time in this process.
func publishLook(f *Folder, dir *os.Root, _ *os.File, tmp, base string) error {
	f.renames.Lock()
	defer f.renames.Unlock()
	if _, err := dir.Lstat(base); err == nil {
		return fs.ErrExist
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return dir.Rename(tmp, base)
}

// Put implements Store.
func (f *Folder) Put(ctx context.Context, name string, data []byte) error {
	return f.write(ctx, "put", name, data, func(dir *os.Root, d *os.File, tmp, base string) error {
		err := errUnsupported
		for _, p := range f.publish {
			if err = p(f, dir, d, tmp, base); !errors.Is(err, errUnsupported) {
				break
			}
		}
		return err
	})
}

// Replace implements Store.
func (f *Folder) Replace(ctx context.Context, name string, data []byte) error {
	defer f.handles.drop(name)
	return f.write(ctx, "replace", name, data, func(dir *os.Root, _ *os.File, tmp, base string) error {
		return dir.Rename(tmp, base)
	})
}

func (f *Folder) write(ctx context.Context, op, name string, data []byte,
	publish func(dir *os.Root, d *os.File, tmp, base string) error) error {
	if err := f.check(ctx, op, name, CheckName); err != nil {
		return err
	}
	// Without this look a folder that was moved to the trash would be written
	// to, since it is open.
	if !f.alive() {
		return f.fail(op, name, ErrUnreachable)
	}
	if op == "put" {
		// Not what keeps Put from overwriting: it saves writing in vain.
		if _, err := f.root.Lstat(filepath.FromSlash(name)); err == nil {
			return f.fail(op, name, ErrExists)
		}
	}
	parent, base := path.Split(name)
	parent = path.Clean(parent)
	dir, err := f.dirs.open(f.root, parent)
	if err != nil {
		return f.fail(op, name, notTheObject(err))
	}
	defer dir.Close() //nolint:errcheck // only a handle on the folder
	d, err := dir.Open(".")
	if err != nil {
		return f.fail(op, name, err)
	}
	defer d.Close() //nolint:errcheck // only a handle on the folder
	tmp := "~" + strings.ToLower(rand.Text()) + tmpSuffix
	err = writeFile(ctx, dir, tmp, data)
	if err == nil {
		if err = publish(dir, d, tmp, base); err == nil {
			return f.fail(op, name, syncDir(d))
		}
	}
	_ = remove(dir, tmp) // what cannot be removed now is for CleanTemporary
	return f.fail(op, name, notTheObject(err))
}

// notTheObject keeps what is missing during a write, a folder that someone
// removes at this moment, from being taken for ErrNotExist, which is permanent.
func notTheObject(err error) error {
	if errors.Is(classify(err), ErrNotExist) {
		return fmt.Errorf("the folder is being changed by someone else: %v", err) //nolint:errorlint // on purpose
	}
	return err
}

// writeFile makes a file whose bytes are on the disk when it returns nil.
func writeFile(ctx context.Context, dir *os.Root, name string, data []byte) error {
	w, err := dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	large := len(data) > cachedMax
	for at := 0; at < len(data) && err == nil; at += writeStep {
		if err = ctx.Err(); err == nil {
			step := data[at:min(len(data), at+writeStep)]
			_, err = w.Write(step)
			if large {
				writeback.Begin(w, int64(at), int64(len(step)))
			}
		}
	}
	if err == nil {
		err = w.Sync()
	}
	if large {
		writeback.Forget(w, 0, 0)
	}
	// Network file systems report some errors only here.
	return errors.Join(err, w.Close(), ctx.Err())
}

// Delete implements Store.
func (f *Folder) Delete(ctx context.Context, name string) error {
	if err := f.check(ctx, "delete", name, CheckName); err != nil {
		return err
	}
	f.handles.drop(name)
	parent, base := path.Split(name)
	dir, err := openDir(f.root, path.Clean(parent))
	if err == nil {
		defer dir.Close() //nolint:errcheck // only a handle on the folder
		err = removeObject(dir, base)
	}
	if errors.Is(classify(err), ErrNotExist) && f.alive() {
		return nil
	}
	return f.fail("delete", name, err)
}

func removeObject(dir *os.Root, base string) error {
	st, err := dir.Lstat(base)
	if err != nil || st.IsDir() {
		return err // a folder is no object
	}
	if err := remove(dir, base); err != nil {
		return err
	}
	d, err := dir.Open(".")
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // only synced
	return syncDir(d)
}

const tmpSuffix = ".tmp"

// isTemporary tells the files that write leaves when it is killed. Someone
// else's "~notes.tmp" is not one.
func isTemporary(name string) bool {
	random, ok := strings.CutSuffix(name, tmpSuffix)
	return ok && len(random) == 1+26 && random[0] == '~' &&
		strings.Trim(random[1:], "abcdefghijklmnopqrstuvwxyz234567") == ""
}

// CleanTemporary implements TemporaryCleaner.
func (f *Folder) CleanTemporary(ctx context.Context, olderThan time.Duration) (removed int, err error) {
	if !f.alive() {
		return 0, f.fail("clean", "", ErrUnreachable)
	}
	limit := time.Now().Add(-olderThan)
	err = f.walk(ctx, ".", func(dir *os.Root, name string, e fs.DirEntry) error {
		if e.IsDir() {
			if CheckName(name) != nil {
				return fs.SkipDir
			}
			return nil
		}
		if !isTemporary(e.Name()) {
			return nil
		}
		st, err := dir.Lstat(e.Name())
		if err == nil && st.Mode().IsRegular() && st.ModTime().Before(limit) {
			if err = remove(dir, e.Name()); err == nil {
				removed++
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	return removed, f.fail("clean", "", err)
}

// dirs makes the folders of objects, each once, and makes them durable.
type dirs struct {
	mu   sync.Mutex
	made map[string]bool
}

// open opens the folder name, made before if need be.
func (d *dirs) open(root *os.Root, name string) (*os.Root, error) {
	if err := d.make(root, name); err != nil {
		return nil, err
	}
	dir, err := openDir(root, name)
	if errors.Is(err, fs.ErrNotExist) {
		// Someone removed it since: once more.
		d.mu.Lock()
		clear(d.made)
		d.mu.Unlock()
		if err := d.make(root, name); err != nil {
			return nil, err
		}
		dir, err = openDir(root, name)
	}
	return dir, err
}

func (d *dirs) make(root *os.Root, name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.makeLocked(root, name)
}

func (d *dirs) makeLocked(root *os.Root, name string) error {
	if name == "." || d.made[name] {
		return nil
	}
	parent := path.Dir(name)
	if err := d.makeLocked(root, parent); err != nil {
		return err
	}
	if err := root.Mkdir(filepath.FromSlash(name), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// Also when it was there: the process that made it may have died before this.
	p, err := root.Open(filepath.FromSlash(parent))
	if err != nil {
		return err
	}
	defer p.Close() //nolint:errcheck // only synced
	if err := syncDir(p); err != nil {
		return err
	}
	if d.made == nil {
		d.made = map[string]bool{}
	}
	d.made[name] = true
	return nil
}
