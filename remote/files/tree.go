package files

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"io/fs"
	"path"
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
	group, ctx := errgroup.WithContext(ctx)
	slots := make(chan struct{}, t.Folders)
	var read func(dir string) error
	read = func(dir string) error {
		at := path.Join(t.Root, dir)
		slots <- struct{}{}
		entries, err := t.ReadDir(ctx, at)
		<-slots
		switch {
		case t.Absent(err):
			return t.There()
		case err != nil:
			return t.orFile(at, err)
		}
		for _, e := range entries {
			name := path.Join(dir, e.Name())
			switch {
			case e.IsDir() && (strings.HasPrefix(name+"/", prefix) || strings.HasPrefix(prefix, name+"/")):
				group.Go(func() error { return read(name) })
			case !e.IsDir() && strings.HasPrefix(name, prefix):
				fn(name, e)
			}
		}
		return nil
	}
	top, _ := path.Split(prefix)
	group.Go(func() error { return read(strings.TrimSuffix(top, "/")) })
	return group.Wait()
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
