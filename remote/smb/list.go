package smb

import (
	"context"
	"io/fs"
	"slices"
	"time"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/files"
	"github.com/holdfast-backup/holdfast/third_party/smb2"
)

// isLink reports whether a name in a folder is a link. Other reparse points, as of a server that stores equal files
// once, are files (MS-FSCC 2.1.2.1).
func isLink(info fs.FileInfo) bool {
	const symlink, mountPoint = 0xA000000C, 0xA0000003
	st, ok := info.(*smb2.FileStat)
	return ok && (st.ReparsePointTag == symlink || st.ReparsePointTag == mountPoint)
}

// tree is the place as a connection sees it, without links.
func (s *Store) tree(c *connection) files.Tree {
	return files.Tree{
		Root: s.root, Stat: c.Stat, Lstat: c.Lstat, Remove: c.Remove, Absent: absent, Lost: lost, Folders: folders,
		Open: func(at string) (files.File, error) { return c.Open(at) },
		ReadDir: func(ctx context.Context, at string) ([]fs.FileInfo, error) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			entries, err := c.ReadDir(at)
			return slices.DeleteFunc(entries, isLink), err
		},
		Mkdir:    func(at string) error { return c.Mkdir(at, 0o777) },
		There:    func() error { return s.there(c) },
		IsObject: func(info fs.FileInfo) bool { return !isLink(info) },
	}
}

// List implements store.Store.
func (s *Store) List(ctx context.Context, prefix string, fn func(store.Object) error) error {
	fail := func(err error) error { return s.fail("list", prefix, err) }
	if err := store.CheckPrefix(prefix); err != nil {
		return fail(err)
	}
	return files.List(ctx, func() (found []store.Object, err error) {
		err = s.call(ctx, "list", prefix, func(c *connection) (err error) {
			found, err = s.tree(c).Objects(ctx, prefix)
			return err
		})
		return found, err
	}, fail, fn)
}

// LookBelow implements store.BelowLooker.
func (s *Store) LookBelow(ctx context.Context, l store.Look, fn func(store.Below) error) error {
	return files.Below(func() (found []store.Below, err error) {
		err = s.call(ctx, "look", "", func(c *connection) (err error) {
			found, err = s.tree(c).LookBelow(ctx, c.Base(), l)
			return err
		})
		return found, err
	}, fn)
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
	err = s.call(ctx, "clean", "", func(c *connection) (err error) {
		removed, err = s.tree(c).Clean(ctx, olderThan)
		return err
	})
	return removed, err
}
