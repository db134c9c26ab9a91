package restore

import (
	"container/list"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"

	"github.com/holdfast-backup/holdfast/core/repo"
)

// folder is a directory being restored. Its metadata is set when the last
// file in it is complete. It costs no handle but while something works in it.
type folder struct {
	node   *repo.Node // whose metadata it gets; nil: none
	leads  *repo.Node // what the snapshot has for it, though it may only lead to what is wanted; nil: the target
	path   string     // in the snapshot
	at     string     // at the target, as it is named there
	parent *folder
	refs   atomic.Int32
	// Of the walk alone: the folder is there, and the rights to give back to one that was opened for writing.
	there  bool
	made   bool // by this run: nothing else is in it
	rights fs.FileMode
	opened bool
	// inherits: what is made in it gets the access control list that it hands down.
	inherits bool

	names placed

	// Of openFolders, under its lock.
	uses int
	root *os.Root
	dir  *os.File
	idle *list.Element
}

func (f *folder) hold() *folder {
	f.refs.Add(1)
	return f
}

// openFolders keeps a bounded number of folders open: a machine may allow few handles, and a tree have any number of folders.
type openFolders struct {
	top  *os.Root
	most int

	mu   sync.Mutex
	open int
	idle list.List // of *folder, those unused for longest first
}

// enter opens a folder that is there. The caller calls leave.
func (o *openFolders) enter(f *folder) (*os.Root, *os.File, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if f.root == nil {
		for o.open >= o.most && o.idle.Len() > 0 {
			o.close(o.idle.Front().Value.(*folder))
		}
		at := f.at
		if at == "" {
			at = "."
		}
		root, err := o.top.OpenRoot(at)
		if err != nil {
			return nil, nil, err
		}
		dir, err := root.Open(".")
		if err != nil {
			return nil, nil, errors.Join(err, root.Close())
		}
		f.root, f.dir = root, dir
		o.open++
	}
	if f.idle != nil {
		o.idle.Remove(f.idle)
		f.idle = nil
	}
	f.uses++
	return f.root, f.dir, nil
}

// leave ends a use. The folder stays open until its handles are needed elsewhere, or nobody holds it.
func (o *openFolders) leave(f *folder) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if f.uses--; f.uses == 0 {
		f.idle = o.idle.PushBack(f)
	}
}

// forget closes a folder that nobody holds any more.
func (o *openFolders) forget(f *folder) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if f.root != nil && f.uses == 0 {
		o.close(f)
	}
}

// closeAll closes every folder.
func (o *openFolders) closeAll() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.idle.Len() > 0 {
		o.close(o.idle.Front().Value.(*folder))
	}
}

// close gives handles back; they only ever pointed at a folder. The caller must hold mu.
func (o *openFolders) close(f *folder) {
	if f.idle != nil {
		o.idle.Remove(f.idle)
	}
	_ = f.dir.Close()
	_ = f.root.Close()
	f.root, f.dir, f.idle = nil, nil, nil
	o.open--
}

// in runs fn with a folder open.
func (r *run) in(f *folder, fn func(root *os.Root, dir *os.File) error) error {
	root, dir, err := r.folders.enter(f)
	if err != nil {
		return err
	}
	defer r.folders.leave(f)
	return fn(root, dir)
}

// release ends a use; the last one sets the directory's mode and times.
func (r *run) release(f *folder) {
	for f != nil && f.refs.Add(-1) == 0 {
		if f.there && (f.node != nil || f.opened) {
			r.closeFolder(f)
		}
		r.folders.forget(f)
		f.names.clear()
		f = f.parent
	}
}

// closeFolder gives a folder its metadata, or back the rights that it had.
func (r *run) closeFolder(f *folder) {
	err := r.in(f, func(root *os.Root, dir *os.File) error {
		if f.node == nil {
			return root.Chmod(".", f.rights)
		}
		for _, p := range setMeta(dir, r.harmless(f.node), ".", nil, f.parent != nil && f.parent.inherits) {
			r.problem(f.path, p)
		}
		return nil
	})
	if err != nil {
		r.problem(f.path, err)
	}
}

// make makes or enters the directory, and those above it. One that only leads to what is
// wanted is made when the first of that comes; where it is there already, it stays as it is.
func (r *run) make(f *folder, name string) error {
	if f.there {
		return nil
	}
	if f.parent == nil {
		f.there = true
		return r.in(f, func(root *os.Root, dir *os.File) error {
			f.inherits = inherits(dir)
			return r.openForWriting(f, root)
		})
	}
	if err := r.make(f.parent, base(f.parent.path)); err != nil {
		return err
	}
	err := r.in(f.parent, func(root *os.Root, _ *os.File) error {
		local := localName(name)
		as, made, err := r.makeIn(root, f.parent, local)
		if made && local != name && as == local {
			r.count(0, 0, 1, 0)
		}
		f.at, f.made = joinPath(f.parent.at, as), made
		if made {
			f.node = f.leads
		}
		return err
	})
	if err != nil {
		return err
	}
	f.there = true
	return r.in(f, func(root *os.Root, dir *os.File) error {
		f.inherits = inherits(dir)
		return r.openForWriting(f, root)
	})
}

// makeIn makes a folder, or finds the one to be used, and returns its name.
func (r *run) makeIn(root *os.Root, parent *folder, name string) (as string, made bool, err error) {
	parent.names.mu.Lock()
	defer parent.names.mu.Unlock()
	for as = name; ; {
		err := root.Mkdir(as, 0o700)
		info, lerr := root.Lstat(as)
		switch {
		case err == nil && lerr == nil:
			parent.names.take(as, info)
			if as != name {
				r.count(0, 0, 1, 0)
			}
			return as, true, nil
		case err == nil:
			return as, true, lerr
		case !errors.Is(err, fs.ErrExist):
			return as, false, err
		case errors.Is(lerr, fs.ErrNotExist):
			continue // gone again
		case lerr != nil:
			return as, false, lerr
		case parent.names.taken(as, info):
			// This run has used it under another name: the target takes the two names for one.
		case info.IsDir():
			parent.names.take(as, info)
			return as, false, nil
		case r.o.Conflict != Rename: // a link here may be how this person arranges their folders
			return as, false, fmt.Errorf("something else is in the way of the folder %q", as)
		}
		if as, err = freeName(root, name); err != nil {
			return as, false, err
		}
	}
}

// openForWriting lets the owner write to a folder that is read-only. It becomes read-only again in the end.
func (r *run) openForWriting(f *folder, root *os.Root) error {
	info, err := root.Lstat(".")
	if err != nil || superuser || info.Mode().Perm()&0o700 == 0o700 {
		return err
	}
	if err := root.Chmod(".", info.Mode()|0o700); err != nil {
		return nil //nolint:nilerr // another's: what cannot be written says so
	}
	f.rights, f.opened = info.Mode(), true
	return nil
}

func base(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[i+1:]
		}
	}
	return path
}
