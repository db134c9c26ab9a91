package files

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-backup/holdfast/core/store"
)

// temporary begins the name of a file that is no object yet; no object's name begins with a dot.
const temporary = ".holdfast-"

// Temporary returns a name beside a file's, for what it is written under before it is whole.
func Temporary(beside string) string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // documented never to fail
	return path.Join(path.Dir(beside), temporary+hex.EncodeToString(random[:]))
}

// Tree is the folder of a place, as one connection sees it. Paths are the server's.
type Tree struct {
	Root    string
	ReadDir func(ctx context.Context, path string) ([]fs.FileInfo, error)
	Stat    func(path string) (fs.FileInfo, error)
	Lstat   func(path string) (fs.FileInfo, error) // of a link, not of what it leads to
	Open    func(path string) (File, error)        // to read it
	Mkdir   func(path string) error
	Remove  func(path string) error
	// Absent reports whether an error says that nothing has a name, Lost whether the connection is of no use any more.
	Absent, Lost func(error) bool
	// There returns an error when the root itself is gone: then nobody knows what is in it.
	There func() error
	// IsObject reports whether a file may be an object, by what it is.
	IsObject func(fs.FileInfo) bool
	Folders  int // read at once
	// Last begins the paths of folders that a list of everything reads when it has read all others; "": none.
	Last string
	// Seen are the folders that were there before. They are read at once, and those above them beside them.
	Seen *Folders
}

// Folders remembers folders of a place.
type Folders struct {
	mu sync.Mutex
	of map[string]bool
}

// Saw remembers a folder and those above it.
func (f *Folders) Saw(dir string) {
	for ; dir != "." && dir != ""; dir = path.Dir(dir) {
		f.note(dir, true)
	}
}

// Known reports whether a folder was there.
func (f *Folders) Known(dir string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.of[dir]
}

// note remembers a folder, or that it is gone.
func (f *Folders) note(dir string, there bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.of == nil {
		f.of = make(map[string]bool)
	}
	if there {
		f.of[dir] = true
	} else {
		delete(f.of, dir)
	}
}

func (f *Folders) all() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Collect(maps.Keys(f.of))
}

// Objects returns all objects whose names begin with prefix.
func (t Tree) Objects(ctx context.Context, prefix string) ([]store.Object, error) {
	var mu sync.Mutex
	var found []store.Object
	err := t.files(ctx, prefix, func(name string, info fs.FileInfo) {
		if store.CheckName(name) == nil && t.IsObject(info) {
			mu.Lock()
			defer mu.Unlock()
			found = append(found, store.Object{Name: name, Size: info.Size()})
		}
	})
	return found, err
}

// Clean removes what broken writes left and nobody has written to for olderThan, by the server's clock.
func (t Tree) Clean(ctx context.Context, olderThan time.Duration) (removed int, err error) {
	var mu sync.Mutex
	var old []string
	err = t.files(ctx, "", func(name string, info fs.FileInfo) {
		if strings.HasPrefix(path.Base(name), temporary) && time.Since(info.ModTime()) > olderThan {
			mu.Lock()
			defer mu.Unlock()
			old = append(old, name)
		}
	})
	for _, name := range old {
		if err == nil {
			if err = t.Remove(path.Join(t.Root, name)); err == nil {
				removed++
			}
		}
	}
	return removed, err
}

// files calls fn, from any goroutine, for each file whose name begins with prefix. It reads folders side by side: each
// costs a few round trips.
func (t Tree) files(ctx context.Context, prefix string, fn func(name string, info fs.FileInfo)) error {
	if t.Seen == nil {
		t.Seen = new(Folders)
	}
	w := &walk{Tree: t, prefix: prefix, fn: fn, slots: make(chan struct{}, t.Folders), begun: make(map[string]bool)}
	top, _ := path.Split(prefix)
	first := []string{strings.TrimSuffix(top, "/")}
	for _, dir := range t.Seen.all() {
		if strings.HasPrefix(dir, top) && w.wants(dir) {
			first = append(first, dir)
		}
	}
	if err := w.read(ctx, first); err != nil {
		return err
	}
	late := w.late
	w.last = true
	return w.read(ctx, late)
}

// walk is one list.
type walk struct {
	Tree
	prefix string
	fn     func(name string, info fs.FileInfo)
	slots  chan struct{} // holds a place for each folder that is read
	last   bool          // all others have been read

	mu    sync.Mutex
	begun map[string]bool // folders
	late  []string        // those of them that are read last
}

// wants reports whether objects of the list may be in a folder.
func (w *walk) wants(dir string) bool {
	return strings.HasPrefix(dir+"/", w.prefix) || strings.HasPrefix(w.prefix, dir+"/")
}

// begins reports whether a folder is to be read now.
func (w *walk) begins(dir string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.begun[dir] {
		return false
	}
	w.begun[dir] = true
	if w.Last != "" && !w.last && strings.HasPrefix(dir, w.Last) && !strings.HasPrefix(w.prefix, w.Last) {
		w.late = append(w.late, dir)
		return false
	}
	return true
}

// read reads folders, and those that it finds in them.
func (w *walk) read(ctx context.Context, dirs []string) error {
	group, ctx := errgroup.WithContext(ctx)
	var begin func(dir string)
	begin = func(dir string) {
		group.Go(func() error {
			w.slots <- struct{}{}
			entries, err := w.ReadDir(ctx, path.Join(w.Root, dir))
			<-w.slots
			found, err := w.entries(dir, entries, err)
			for _, sub := range found {
				if w.begins(sub) {
					begin(sub)
				}
			}
			return err
		})
	}
	for _, dir := range dirs {
		if w.last || w.begins(dir) {
			begin(dir)
		}
	}
	return group.Wait()
}

// entries takes what is in a folder, and returns the folders among it.
func (w *walk) entries(dir string, entries []fs.FileInfo, err error) (found []string, _ error) {
	switch {
	case w.Absent(err):
		w.Seen.note(dir, false)
		return nil, w.There()
	case err != nil:
		return nil, w.orFile(path.Join(w.Root, dir), err)
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		switch {
		case e.IsDir() && w.wants(name):
			w.Seen.note(name, true)
			found = append(found, name)
		case !e.IsDir() && strings.HasPrefix(name, w.prefix):
			w.fn(name, e)
		}
	}
	return found, nil
}

// orFile says of an error that the path is one of a file, which holds nothing, where it is.
func (t Tree) orFile(at string, err error) error {
	if t.Lost(err) {
		return err
	}
	if info, serr := t.Stat(at); serr == nil && !info.IsDir() {
		return nil
	}
	return err
}

// Make makes the folders on the way from one that is there to another.
func (t Tree) Make(from, to string) error {
	at := from
	for part := range strings.SplitSeq(strings.TrimPrefix(strings.TrimPrefix(to, from), "/"), "/") {
		if part == "" || part == "." {
			continue
		}
		at = path.Join(at, part)
		if err := t.Mkdir(at); err != nil {
			if t.Lost(err) {
				return err
			}
			if info, serr := t.Stat(at); serr != nil || !info.IsDir() { // somebody else made it, or not
				return err
			}
		}
	}
	return nil
}

// List is store.Store's List by a walk that returns all that is there. fail says where a list was stopped; the errors of
// walk and fn are returned as they are.
func List(ctx context.Context, walk func() ([]store.Object, error), fail func(error) error, fn func(store.Object) error) error {
	found, err := walk()
	if err != nil {
		return err
	}
	for _, o := range found {
		if err := ctx.Err(); err != nil {
			return fail(err)
		}
		if err := fn(o); err != nil {
			return err
		}
	}
	return nil
}
