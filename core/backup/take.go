package backup

import (
	"context"

	"github.com/holdfast-backup/holdfast/core/database"
	"github.com/holdfast-backup/holdfast/core/source"
)

// take takes a database into the scratch folder. That is work of its own length and no single call, so it has no end by patience; but
// a run that is cancelled does not wait for it.
func (r *run) take(ctx context.Context, dir *source.Dir, path, name string) (*database.Taken, error) {
	var taken *database.Taken
	err := r.watch.Do(func(int) (string, *source.Dir) { return path, dir }, func(c *source.Call) error {
		if !c.Rest() {
			return ctx.Err()
		}
		got, err := database.Take(ctx, dir, name, r.scratch)
		switch {
		case err != nil:
			return err
		case !c.Rest():
			return got.Close()
		}
		taken = got
		return nil
	})
	if err != nil {
		return nil, err
	}
	return taken, nil
}
