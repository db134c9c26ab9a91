package source

import (
	"context"
	"errors"
)

// Estimate counts files and their bytes below some paths, without reading
// them. What cannot be looked at, or does not answer, is left out. progress, if not nil, gets the
// counts so far, now and then.
func Estimate(ctx context.Context, paths []string, x *Exclude, progress func(files, bytes int64)) (files, bytes int64, err error) {
	c := &counter{progress: progress}
	w := NewWatch(ctx, WatchParams{})
	defer w.Close()
	for _, p := range paths {
		dir, entry, isDir, err := w.Open(p)
		if err != nil {
			continue
		}
		if !isDir {
			c.add(entry)
			err = dir.Close()
		} else {
			err = errors.Join(c.dir(ctx, dir, x.Root(p)), dir.Close())
		}
		if ctx.Err() != nil {
			return c.files, c.bytes, errors.Join(err, ctx.Err())
		}
	}
	return c.files, c.bytes, nil
}

type counter struct {
	files, bytes int64
	progress     func(files, bytes int64)
}

func (c *counter) add(e Entry) {
	c.files++
	c.bytes += e.Size
	if c.progress != nil && c.files%500 == 0 {
		c.progress(c.files, c.bytes)
	}
}

func (c *counter) dir(ctx context.Context, d *Dir, l Level) error {
	if l.Tagged(d) {
		return nil
	}
	err := d.Batches(ctx, func(entries []Entry, _ []Problem) error {
		for _, e := range entries {
			switch {
			case l.Match(e.Name, e.Kind == Folder):
			case e.Kind != Folder:
				c.add(e)
			default:
				sub, err := d.OpenAhead(ctx, &e)
				if err != nil {
					continue
				}
				if err := errors.Join(c.dir(ctx, sub, l.Enter(e.Name)), sub.Close()); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if ctx.Err() != nil {
		return err
	}
	return nil // what cannot be listed is left out of an estimate
}
