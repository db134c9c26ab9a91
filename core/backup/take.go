package backup

import (
	"context"
	"os"

	"github.com/holdfast-backup/holdfast/core/database"
	"github.com/holdfast-backup/holdfast/core/source"
)

// scratch is an empty folder for copies of databases; the zero value is none. What is left in it goes with the next run.
type scratch struct {
	dir  string
	mark source.Mark // of one that may lie in a source
}

// newScratch makes one at path, or a temporary one for "". A run that was killed may have left something there. Without one, databases are
// read where they lie.
func newScratch(path string) (s scratch) {
	if path == "" {
		s.dir, _ = os.MkdirTemp("", "holdfast-")
		return s
	}
	s.dir = path
	_ = os.RemoveAll(path)
	_ = os.MkdirAll(path, 0o700)
	s.mark, _ = source.MarkOf(path)
	return s
}

func (s scratch) remove() { _ = os.RemoveAll(s.dir) }

// take takes a database into the scratch folder. That is work of its own length and no single call, so it has no end by patience; but
// a run that is cancelled does not wait for it.
func (r *run) take(ctx context.Context, dir *source.Dir, path, name string) (*database.Taken, error) {
	var taken *database.Taken
	err := r.watch.Do(func(int) (string, *source.Dir) { return path, dir }, func(c *source.Call) error {
		if !c.Rest() {
			return ctx.Err()
		}
		got, err := database.Take(ctx, dir, name, r.scratch.dir)
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
