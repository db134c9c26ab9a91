package cloud

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/rclone/rclone/fs"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/again"
)

// List implements store.Store.
func (s *Store) List(ctx context.Context, prefix string, fn func(store.Object) error) error {
	if err := store.CheckPrefix(prefix); err != nil {
		return &store.Error{Op: "list", Name: prefix, Location: s.location, Err: err}
	}
	var ofCaller error
	err := s.call(ctx, "list", prefix, func(ctx context.Context) error {
		given := false
		// What was given is not given twice.
		passes := func(err error) bool { return failed(err) && !given }
		return again.Until(ctx, passes, func(int) error {
			return s.listOnce(ctx, prefix, func(o store.Object) error {
				given = true
				ofCaller = fn(o)
				return ofCaller
			})
		})
	})
	if ofCaller != nil {
		return ofCaller
	}
	return err
}

// listOnce asks for the list once.
func (s *Store) listOnce(ctx context.Context, prefix string, give func(store.Object) error) error {
	listR := s.fs.Features().ListR
	if listR == nil {
		return fmt.Errorf("%w: the service lists no folders at once", errors.ErrUnsupported)
	}
	dir, _ := path.Split(prefix)
	found := false
	err := listR(ctx, strings.TrimSuffix(dir, "/"), func(entries fs.DirEntries) error {
		found = true
		for _, e := range entries {
			o, ok := e.(fs.Object)
			if !ok || !strings.HasPrefix(o.Remote(), prefix) || store.CheckName(o.Remote()) != nil {
				continue
			}
			entry := store.Object{Name: o.Remote(), Size: o.Size()}
			s.remember(o)
			if err := give(entry); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
	switch {
	case errors.Is(err, fs.ErrorDirNotFound) && !found:
		return s.there(ctx)
	case err != nil:
		return s.told(err)
	}
	return nil
}
