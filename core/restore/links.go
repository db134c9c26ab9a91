package restore

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/holdfast-backup/holdfast/core/repo"
)

// linked is a file with several names.
type linked struct {
	first *output // that is to be restored first
	at    string  // where it is at the target; "" until it is there
}

// laterLink is a further name of a file, made when the first is complete.
type laterLink struct {
	folder *folder
	path   string // in the snapshot
	name   string // that it is to have at the target
	number uint64
}

// firstOf reports whether an entry is the first of its file that is restored.
func (r *run) firstOf(o *output) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.links[o.node.Link] != nil {
		return false
	}
	r.links[o.node.Link] = &linked{first: o}
	return true
}

// linkDone notes where a file is, for its further names.
func (r *run) linkDone(number uint64, at string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.links[number].at = at
}

// finishLinks makes the further names of files with several, after all files
// are complete. Where the first name could not be restored, the next takes its place; where the target cannot link, a name gets
// a copy. No folder is held open for this.
func (r *run) finishLinks(ctx context.Context) error {
	r.ctx = ctx // the workers' has ended with them
	w := &worker{r: r}
	for i, l := range r.later {
		if err := ctx.Err(); err != nil {
			for _, rest := range r.later[i:] {
				r.release(rest.folder)
			}
			return err
		}
		if err := r.furtherName(w, l); err != nil {
			for _, rest := range r.later[i+1:] {
				r.release(rest.folder)
			}
			return err
		}
	}
	return nil
}

// furtherName makes one further name. It releases the folder.
func (r *run) furtherName(w *worker, l laterLink) error {
	file := r.links[l.number]
	n := *file.first.node
	n.Name = base(l.path)
	out := &output{folder: l.folder, node: &n, path: l.path, name: l.name}
	if file.at == "" {
		return w.whole(out) // and the next names are links to it
	}
	var as string
	err := r.in(l.folder, func(root *os.Root, dir *os.File) error {
		out.temp = tempName()
		at := joinPath(l.folder.at, out.temp)
		if err := r.folders.top.Link(file.at, at); err != nil {
			return &Missing{"link", err}
		}
		var err error
		if as, err = r.takeName(l.folder, root, dir, out.temp, l.name); err != nil {
			return errors.Join(err, root.Remove(out.temp))
		}
		return nil
	})
	var link *Missing
	switch {
	case errors.As(err, &link) && fatal(err) == nil:
		first := file.at
		err := w.whole(out) // it notes where the copy is: the first stays what others link to, unless that is what cannot be
		if !errors.Is(link.Err, fs.ErrNotExist) {
			r.linkDone(l.number, first)
		}
		return err
	case errors.Is(err, errKept):
		r.keep(&n, nil)
	case err != nil:
		r.problem(l.path, err)
		r.release(l.folder)
		return fatal(err)
	default:
		renamed := int64(0)
		if as != n.Name {
			renamed = 1
		}
		r.count(1, 0, renamed, 0)
	}
	r.release(l.folder)
	return nil
}

// whole restores an entry from beginning to end.
func (w *worker) whole(o *output) error {
	r := w.r
	if o.node.Kind != repo.NodeFile {
		return o.special(r)
	}
	if err := o.create(r); err != nil {
		return o.finish(r, err)
	}
	var extents []repo.Extent
	var at, start, bytes int64
	flush := func() error {
		err := w.load(extents)
		if err == nil {
			err = o.write(w, start, extents)
		}
		extents, start, bytes = extents[:0], at, 0
		return err
	}
	err := r.o.Repository.Extents(r.ctx, o.node.Content, func(e repo.Extent) error {
		extents = append(extents, e)
		at += e.Length
		if !e.Hole {
			bytes += r.newBytes(e, map[repo.ID]bool{})
		}
		if bytes >= loadedBytes || len(extents) >= segmentExtents {
			return flush()
		}
		return nil
	})
	if err == nil {
		err = flush()
	}
	if err == nil && at != o.node.Size {
		err = errWrongSize()
	}
	return o.finish(r, err)
}
