package erase

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-backup/holdfast/core/repo"
)

// Options name the files that Run takes out, and the snapshots that it takes them out of.
type Options struct {
	// Paths are files and folders, slash-separated from a snapshot's root; a source's name takes out all of it.
	Paths []string
	// Of tells from which snapshots; nil: from all. What others hold at these paths stays.
	Of        func(*repo.Snapshot) bool
	PackBytes int // as in Repository.NewWriter
	DryRun    bool
	// Progress, if not nil, gets how many snapshots were looked through, of how many.
	Progress func(done, total int)
}

// Report is what Run did, or, dry, would do.
type Report struct {
	Snapshots int   // that held one of the paths
	Files     int64 // in the snapshot that held most of them
	Bytes     int64 // of these
	Chunks    int   // stored anew, since they held bytes of what was erased beside others
	Replaced  map[repo.Name]repo.Name
	Removed   []repo.Name // with nothing left to hold
}

// Run takes files and folders out of snapshots. Each snapshot that held one is replaced by one
// that is the same without it. A chunk in which bytes of theirs lie beside others, as of gathered small files and of
// databases, is stored anew without them, and every snapshot that uses it is replaced too. The bytes
// themselves go with prune.Run, thorough and twice. It needs a Repository that is freshly opened.
// Cut off anywhere, nothing but what was to be erased is missing from any snapshot; another Run goes on.
// Errors: ErrNoEntry when no snapshot holds one of the paths; ErrChanging; ErrDamaged, and nothing
// has changed, when a snapshot does not read; those of WriteSnapshot.
func Run(ctx context.Context, r *repo.Repository, o Options) (Report, error) {
	if r.Engine().Header.Next != nil {
		return Report{}, repo.ErrChanging
	}
	defer r.Engine().Doubt()()
	w, err := r.NewWriter(ctx, o.PackBytes)
	if err != nil {
		return Report{}, err
	}
	defer w.Close()
	e := &eraser{r: r, o: o, gone: make(map[repo.ID]bool), kept: make(map[repo.ID][]span), seen: make(map[string]bool),
		done: make(map[string]rewritten)}
	if err := e.look(ctx); err != nil {
		return e.out, err
	}
	if e.saver, err = w.NewSaver(); err != nil || o.DryRun {
		return e.out, err
	}
	if err := e.regather(ctx); err != nil {
		return e.out, err
	}
	return e.out, e.replace(ctx, w)
}

// eraser is the state of one Run.
type eraser struct {
	r     *repo.Repository
	o     Options
	saver *repo.Saver
	out   Report

	all   []*repo.Snapshot
	found map[string]bool         // paths that some snapshot holds
	gone  map[repo.ID]bool        // chunks that hold bytes of what is erased
	kept  map[repo.ID][]span      // and what others use of these
	seen  map[string]bool         // contents that were looked through; false: it is under way
	at    *repo.Descent           // into what is erased of the snapshot that is looked at
	moved map[repo.ID][]movedSpan // chunks that are stored anew
	done  map[string]rewritten
}

// span is a range of a chunk.
type span struct{ start, end int64 }

// movedSpan is where a range of a chunk is now.
type movedSpan struct {
	span
	chunk  repo.ID
	offset int64
}

// tally is what was taken out below a folder.
type tally struct{ files, dirs, bytes int64 }

func (t *tally) add(x tally) {
	t.files, t.dirs, t.bytes = t.files+x.files, t.dirs+x.dirs, t.bytes+x.bytes
}

// rewritten is what became of a folder.
type rewritten struct {
	content repo.Content
	changed bool
	empty   bool
	gone    tally
}

// look finds what is to be erased and what else lies in the same chunks.
func (e *eraser) look(ctx context.Context) error {
	all, bad, err := e.r.Snapshots(ctx)
	if err != nil {
		return err
	}
	if len(bad) > 0 {
		return bad[0]
	}
	if _, err := e.r.LoadIndex(ctx); err != nil {
		return err
	}
	e.all, e.found = all, make(map[string]bool)
	for i, s := range all {
		held := false
		if paths := e.paths(s); len(paths) > 0 {
			var t tally
			e.at = repo.NewDescent(s)
			if held, err = e.collect(ctx, s.Root, "", paths, &t); err != nil {
				return fmt.Errorf("snapshot %s: %w", s.Name, err)
			}
			if t.files > e.out.Files {
				e.out.Files, e.out.Bytes = t.files, t.bytes
			}
		}
		if held {
			e.out.Snapshots++
		}
		if e.o.Progress != nil {
			e.o.Progress(i, 2*len(all))
		}
	}
	for _, p := range e.o.Paths {
		if !e.found[p] {
			return fmt.Errorf("%w: no backup holds %q", repo.ErrNoEntry, p)
		}
	}
	for i, s := range all {
		if err := e.keep(ctx, s.Root, e.paths(s)); err != nil {
			return fmt.Errorf("snapshot %s: %w", s.Name, err)
		}
		if e.o.Progress != nil {
			e.o.Progress(len(all)+i, 2*len(all))
		}
	}
	return nil
}

// paths are those to be erased from a snapshot.
func (e *eraser) paths(s *repo.Snapshot) []string {
	if e.o.Of != nil && !e.o.Of(s) {
		return nil
	}
	return e.o.Paths
}

// below splits paths at an entry: whether it is one of them, and what of them lies below it.
func below(paths []string, name string) (hit bool, rest []string) {
	for _, p := range paths {
		first, more, deeper := strings.Cut(p, "/")
		switch {
		case first != name:
		case deeper:
			rest = append(rest, more)
		default:
			hit = true
		}
	}
	return hit, rest
}

// collect finds the chunks of what is at the paths below a folder.
func (e *eraser) collect(ctx context.Context, c repo.Content, at string, paths []string, t *tally) (held bool, err error) {
	err = e.r.Tree(ctx, c, func(n *repo.Node) error {
		hit, rest := below(paths, n.Name)
		switch {
		case hit:
			held, e.found[at+n.Name] = true, true
			return e.mark(ctx, n, t)
		case len(rest) > 0 && n.Kind == repo.NodeDir:
			deeper, err := e.collect(ctx, n.Content, at+n.Name+"/", rest, t)
			held = held || deeper
			return err
		}
		return nil
	})
	return held, err
}

// mark notes the chunks of an entry that is erased.
func (e *eraser) mark(ctx context.Context, n *repo.Node, t *tally) error {
	switch n.Kind {
	case repo.NodeFile:
		t.add(tally{files: 1, bytes: n.Size})
		return e.r.Extents(ctx, n.Content, func(x repo.Extent) error {
			if !x.Hole {
				e.gone[x.Chunk] = true
			}
			return nil
		})
	case repo.NodeDir:
		if err := e.at.Enter(n.Content); err != nil {
			return err
		}
		defer e.at.Leave()
		t.dirs++
		return e.r.Tree(ctx, n.Content, func(n *repo.Node) error { return e.mark(ctx, n, t) })
	}
	return nil
}

// contentKey names a folder's content, with the paths to be erased below it.
func contentKey(c repo.Content, paths []string) string {
	return strings.Join(append([]string{c.Key()}, paths...), "\x00")
}

// keep notes what stays of the chunks in gone.
func (e *eraser) keep(ctx context.Context, c repo.Content, paths []string) error {
	key := contentKey(c, paths)
	switch done, met := e.seen[key]; {
	case done:
		return nil
	case met:
		return fmt.Errorf("%w: a folder holds itself", repo.ErrDamaged)
	}
	e.seen[key] = false
	defer func() { e.seen[key] = true }()
	return e.r.Tree(ctx, c, func(n *repo.Node) error {
		hit, rest := below(paths, n.Name)
		switch {
		case hit:
		case n.Kind == repo.NodeDir:
			return e.keep(ctx, n.Content, rest)
		case n.Kind == repo.NodeFile:
			return e.r.Extents(ctx, n.Content, func(x repo.Extent) error {
				if !x.Hole && e.gone[x.Chunk] {
					s := span{int64(x.Offset), int64(x.Offset) + x.Length}
					if list := e.kept[x.Chunk]; len(list) == 0 || list[len(list)-1] != s {
						e.kept[x.Chunk] = append(list, s)
					}
				}
				return nil
			})
		}
		return nil
	})
}

// replace writes the snapshots anew and removes the old ones.
func (e *eraser) replace(ctx context.Context, w *repo.Writer) error {
	pinned, err := e.r.Pinned(ctx)
	if err != nil {
		return err
	}
	var fresh []*repo.Snapshot // with the names of the old
	for _, s := range e.all {
		d, err := e.folder(ctx, s.Root, e.paths(s))
		if err != nil {
			return fmt.Errorf("snapshot %s: %w", s.Name, err)
		}
		switch {
		case !d.changed:
		case d.empty:
			e.out.Removed = append(e.out.Removed, s.Name)
		default:
			now := *s
			now.Root, now.Files, now.Dirs, now.Bytes = d.content, s.Files-d.gone.files, s.Dirs-d.gone.dirs, s.Bytes-d.gone.bytes
			now.Sources = slices.DeleteFunc(slices.Clone(s.Sources), func(src repo.Source) bool { return slices.Contains(e.paths(s), src.Name) })
			fresh = append(fresh, &now)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	e.out.Replaced = make(map[repo.Name]repo.Name)
	old := slices.Clone(e.out.Removed)
	for _, s := range fresh {
		name, err := e.write(ctx, w, s)
		if err == nil && pinned[s.Name] {
			err = e.r.Pin(ctx, name, true)
		}
		if err != nil {
			return err // both are there now, and either is whole
		}
		e.out.Replaced[s.Name] = name
		old = append(old, s.Name)
	}
	if err := e.r.RemoveSnapshots(ctx, old); err != nil {
		return err
	}
	for _, n := range old {
		if pinned[n] {
			err = errors.Join(err, e.r.Pin(ctx, n, false))
		}
	}
	return err
}

// write makes a snapshot visible in place of the old one of its name, unless a Run
// that was cut off has done so.
func (e *eraser) write(ctx context.Context, w *repo.Writer, s *repo.Snapshot) (repo.Name, error) {
	for _, other := range e.all {
		if other.Begin.Equal(s.Begin) && other.Host == s.Host && other.Root.Key() == s.Root.Key() {
			return other.Name, nil
		}
	}
	if s.Previous != nil {
		if n, ok := e.out.Replaced[*s.Previous]; ok {
			s.Previous = &n
		}
	}
	made, err := w.WriteDated(*s)
	if err != nil {
		return repo.Name{}, err
	}
	return made.Name, nil
}
