package source

import (
	"context"
	"errors"
	"io/fs"
	"slices"
)

// batch is how many entries are looked at before they are handed on: enough
// that the looks follow each other, few enough that a folder of a million
// files takes memory for its names alone.
const batch = 256

// Batches calls fn with the folder's entries, some at a time, sorted by the
// bytes of their names over all calls. A name that cannot be looked at is a
// problem, not an error; one that vanishes meanwhile is left out. fn must not
// keep the slices. It is called at least once.
func (d *Dir) Batches(ctx context.Context, fn func([]Entry, []Problem) error) error {
	names, err := d.names(ctx)
	if err != nil {
		return err
	}
	slices.Sort(names)
	entries := make([]Entry, 0, min(batch, len(names)))
	for first := true; first || len(names) > 0; first = false {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(batch, len(names))
		var problems []Problem
		entries = entries[:0]
		for _, name := range names[:n] {
			e, err := d.Lstat(name)
			switch {
			case err == nil:
				entries = append(entries, e)
			case !errors.Is(err, fs.ErrNotExist):
				problems = append(problems, Problem{name, err})
			}
		}
		names = names[n:]
		if err := fn(entries, problems); err != nil {
			return err
		}
	}
	return nil
}
