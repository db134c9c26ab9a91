package backup

import (
	"context"
	"sync/atomic"

	"github.com/holdfast-backup/holdfast/core/source"
)

// dirRef keeps a directory open until the last job that needs it is done.
type dirRef struct {
	*source.Dir
	refs atomic.Int32
}

func newDirRef(d *source.Dir) *dirRef {
	r := &dirRef{Dir: d}
	r.refs.Store(1)
	return r
}

func (d *dirRef) hold() *dirRef {
	d.refs.Add(1)
	return d
}

func (d *dirRef) release() {
	if d.refs.Add(-1) == 0 {
		_ = d.Close() // only read from
	}
}

// listing is what the lister tells the walk, in the order of the tree: of
// each directory its entries, some at a time. Behind those come, for each
// folder among them, whether it could be opened and, if so, its own listings.
type listing struct {
	kind     listingKind
	entries  []source.Entry   // listEntries: without what is excluded; goes back with recycle
	problems []source.Problem // listEntries
	dir      *dirRef          // listOpened: the walk's to release; nil when it could not be
	err      error            // of opening, or of listing
}

type listingKind byte

const (
	listEntries listingKind = iota
	listOpened
	listEnd
)

// readAhead is how many listings the lister may be ahead of the walk.
const readAhead = 16

// lister looks at one source's directories ahead of the walk, which compares
// meanwhile: a run that finds nothing changed is lstat for the most part.
type lister struct {
	out  chan listing
	free chan []source.Entry
	stop context.CancelFunc
	// destination is left out and reported; scratch, which is this run's own, is left out.
	destination, scratch source.Mark
}

// list begins to list a directory and what lies below it. It owns ref.
func (w *walker) list(ctx context.Context, ref *dirRef, exclude source.Level) *lister {
	ctx, stop := context.WithCancel(ctx)
	l := &lister{
		out: make(chan listing, readAhead), free: make(chan []source.Entry, readAhead+2), stop: stop,
		destination: w.destination, scratch: w.scratch.mark,
	}
	go func() {
		defer close(l.out)
		_ = l.dir(ctx, ref, exclude) // only ever ctx's, which the walk sees for itself
	}()
	return l
}

// close ends the lister and what it has open.
func (l *lister) close() {
	l.stop()
	for it := range l.out {
		if it.dir != nil {
			it.dir.release()
		}
	}
}

// dir lists one directory. It owns ref. Errors: ctx's alone.
func (l *lister) dir(ctx context.Context, ref *dirRef, exclude source.Level) error {
	defer ref.release()
	if exclude.Tagged(ref.Dir) { // a cache folder: kept itself, without what is in it
		if err := put(ctx, l.out, listing{kind: listEntries}); err != nil {
			return err
		}
		return put(ctx, l.out, listing{kind: listEnd})
	}
	err := ref.Batches(ctx, func(entries []source.Entry, problems []source.Problem) error {
		kept := l.buffer()
		var folders []source.Entry
		for i := range entries {
			e := &entries[i]
			folder := e.Kind == source.Folder
			if exclude.Match(e.Name, folder) {
				continue
			}
			if l.scratch.Is(ref.Dir, e) {
				continue
			}
			if l.destination.Is(ref.Dir, e) {
				problems = append(problems, source.Problem{Name: e.Name, Err: ErrDestination})
				continue
			}
			kept = append(kept, *e)
			if folder {
				folders = append(folders, *e)
			}
		}
		if err := put(ctx, l.out, listing{kind: listEntries, entries: kept, problems: problems}); err != nil {
			return err
		}
		for i := range folders {
			if err := l.enter(ctx, ref, &folders[i], exclude.Enter(folders[i].Name)); err != nil {
				return err
			}
		}
		return nil
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return put(ctx, l.out, listing{kind: listEnd, err: err})
}

// enter lists a folder in a directory.
func (l *lister) enter(ctx context.Context, ref *dirRef, e *source.Entry, exclude source.Level) error {
	child, err := ref.OpenAhead(ctx, e)
	if err != nil {
		return put(ctx, l.out, listing{kind: listOpened, err: err})
	}
	opened := newDirRef(child)
	if err := put(ctx, l.out, listing{kind: listOpened, dir: opened.hold()}); err != nil {
		opened.release()
		opened.release()
		return err
	}
	return l.dir(ctx, opened, exclude)
}

// next returns the next listing.
func (l *lister) next(ctx context.Context) (listing, error) {
	it, ok := <-l.out
	if !ok {
		return it, context.Cause(ctx)
	}
	return it, nil
}

func (l *lister) buffer() []source.Entry {
	select {
	case b := <-l.free:
		return b[:0]
	default:
		return nil
	}
}

// recycle gives a listing's entries back.
func (l *lister) recycle(b []source.Entry) {
	select {
	case l.free <- b:
	default:
	}
}
