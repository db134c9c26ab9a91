package smb

import (
	"context"
	"io/fs"
	"path"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/third_party/smb2"
)

// List implements store.Store.
func (s *Store) List(ctx context.Context, prefix string, fn func(store.Object) error) error {
	if err := store.CheckPrefix(prefix); err != nil {
		return s.fail("list", prefix, err)
	}
	var found []store.Object
	err := s.call(ctx, "list", prefix, func(c *connection) (err error) {
		found, err = s.walk(ctx, c, prefix)
		return err
	})
	if err != nil {
		return err
	}
	for _, o := range found {
		if err := ctx.Err(); err != nil {
			return s.fail("list", prefix, err)
		}
		if err := fn(o); err != nil {
			return err
		}
	}
	return nil
}

// walk returns all objects under a prefix. It reads folders side by side: each costs four round trips.
func (s *Store) walk(ctx context.Context, c *connection, prefix string) ([]store.Object, error) {
	var mu sync.Mutex
	var found []store.Object
	err := s.files(ctx, c, prefix, func(name string, info fs.FileInfo) {
		if store.CheckName(name) == nil && !isLink(info) {
			mu.Lock()
			defer mu.Unlock()
			found = append(found, store.Object{Name: name, Size: info.Size()})
		}
	})
	return found, err
}

// isLink reports whether a name in a folder is a link. Other reparse points, as of a server that stores equal files
// once, are files (MS-FSCC 2.1.2.1).
func isLink(info fs.FileInfo) bool {
	const symlink, mountPoint = 0xA000000C, 0xA0000003
	st, ok := info.(*smb2.FileStat)
	return ok && (st.ReparsePointTag == symlink || st.ReparsePointTag == mountPoint)
}

// files calls fn, from any goroutine, for each file whose name begins with prefix.
func (s *Store) files(ctx context.Context, c *connection, prefix string, fn func(name string, info fs.FileInfo)) error {
	group, ctx := errgroup.WithContext(ctx)
	slots := make(chan struct{}, folders)
	var read func(dir string) error
	read = func(dir string) error {
		slots <- struct{}{}
		var entries []fs.FileInfo
		err := ctx.Err()
		if err == nil {
			entries, err = c.ReadDir(s.path(dir))
		}
		<-slots
		switch {
		case absent(err):
			return s.there(c)
		case err != nil:
			return s.orFile(c, dir, err)
		}
		for _, e := range entries {
			name := path.Join(dir, e.Name())
			switch {
			case isLink(e):
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

// orFile says of an error that the name is one of a file, which holds nothing, where it is.
func (s *Store) orFile(c *connection, dir string, err error) error {
	if lost(err) {
		return err
	}
	if info, serr := c.Stat(s.path(dir)); serr == nil && !info.IsDir() {
		return nil
	}
	return err
}

// Free implements store.Spacer.
func (s *Store) Free(ctx context.Context) (free uint64, err error) {
	err = s.call(ctx, "free", "", func(c *connection) error {
		v, err := c.Statfs(s.root)
		if err == nil {
			free = v.BlockSize() * v.AvailableBlockCount()
		}
		return err
	})
	return free, err
}

// CleanTemporary implements store.TemporaryCleaner. Times are the server's.
func (s *Store) CleanTemporary(ctx context.Context, olderThan time.Duration) (removed int, err error) {
	err = s.call(ctx, "clean", "", func(c *connection) error {
		var mu sync.Mutex
		var old []string
		err := s.files(ctx, c, "", func(name string, info fs.FileInfo) {
			if strings.HasPrefix(path.Base(name), temporary) && time.Since(info.ModTime()) > olderThan {
				mu.Lock()
				defer mu.Unlock()
				old = append(old, name)
			}
		})
		for _, name := range old {
			if err == nil {
				if err = c.Remove(s.path(name)); err == nil {
					removed++
				}
			}
		}
		return err
	})
	return removed, err
}
