package backup

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/source"
)

// dirState is a directory whose entries come in, in order. As long as they
// are those of the run before, nothing is kept; from the first that differs on
// they go into a new tree. So memory holds the entries' encoding at most.
type dirState struct {
	path   string
	dir    *dirRef // not to be read from: it may be closed
	node   repo.Node
	cached *cachedDir // nil for a directory that is not in the cache

	same   bool         // all so far as in cached
	before *cachedNodes // the entries of cached, as far as they were asked for
	count  int          // while same: entries so far
	tree   *repo.TreeBuilder
	cache  repo.NodeEncoder // for the next run; unused while same
}

// assemble takes the walk's items in order and builds the trees. It returns
// the root directory's node.
func (r *run) assemble(ctx context.Context) (*repo.Node, error) {
	var top []repo.Node // of the root directory: the sources' names need not come in order
	r.stack = nil
	var sources []*repo.Source // of the directories on the stack that are sources
	for {
		var it item
		var more bool
		select {
		case it, more = <-r.items:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if !more {
			break
		}
		switch it.kind {
		case kindProblem:
			r.problems = append(r.problems, *it.problem)
		case kindEnter:
			it.dir.begin(r)
			r.stack = append(r.stack, it.dir)
			sources = append(sources, it.source)
		case kindSame:
			if err := r.addSame(it.same); err != nil {
				return nil, err
			}
		case kindLeave:
			away := r.stack[len(r.stack)-1].dir.Away()
			node, err := r.leave()
			if err != nil {
				return nil, err
			}
			src := sources[len(sources)-1]
			sources = sources[:len(sources)-1]
			if src == nil {
				if err := r.add(node); err != nil {
					return nil, err
				}
			} else if r.holds(src, node.Files, away) {
				top = append(top, *node)
			}
		case kindNode:
			node, err := r.complete(ctx, &it)
			switch {
			case err != nil:
				return nil, err
			case node == nil:
			case len(r.stack) == 0:
				if r.holds(it.source, 1, false) {
					top = append(top, *node)
				}
			default:
				if err := r.add(node); err != nil {
					return nil, err
				}
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	slices.SortFunc(top, func(a, b repo.Node) int { return strings.Compare(a.Name, b.Name) })
	root := &dirState{tree: r.saver.NewTreeBuilder()}
	r.stack = []*dirState{root}
	for i := range top {
		if err := r.add(&top[i]); err != nil {
			return nil, err
		}
	}
	return r.leave()
}

// holds notes that a source was read, with so many files. It returns false for one that has lost all of them, or some because its disk
// does not answer: that is reported, and the source is left out.
func (r *run) holds(src *repo.Source, files int64, away bool) bool {
	if away && files < r.o.Held[src.Path] {
		r.report(src.Path, ErrSourceAway)
		return false
	}
	if files == 0 && r.o.Held[src.Path] > 0 {
		r.report(src.Path, ErrEmptySource)
		return false
	}
	r.read = append(r.read, *src)
	r.held[src.Path] = files
	return true
}

// begin prepares for entries.
func (d *dirState) begin(r *run) {
	d.same = d.cached != nil
	if d.same {
		// The trees of the run before must still be there.
		d.same = !slices.ContainsFunc(d.cached.content.Extents, func(e repo.Extent) bool { return !r.o.Repository.Has(e.Chunk) })
	}
	if d.same {
		d.before = d.cached.nodes()
	} else {
		d.tree = r.saver.NewTreeBuilder()
	}
}

// add puts a finished node into the directory on top.
func (r *run) add(n *repo.Node) error {
	d := r.stack[len(r.stack)-1]
	switch n.Kind {
	case repo.NodeFile:
		d.node.Files++
		d.node.Size += n.Size
	case repo.NodeDir:
		d.node.Files += n.Files
		d.node.Size += n.Size
	}
	if d.same {
		was := d.before.number(d.count)
		if was != nil && n.SameAs(was) && string(n.Local) == string(was.Local) {
			d.count++
			return nil
		}
		if err := r.diverge(d); err != nil {
			return err
		}
	}
	return r.put(d, n)
}

// addSame puts entries that are as they were in the run before into the directory on top.
func (r *run) addSame(same sameRun) error {
	d := r.stack[len(r.stack)-1]
	d.node.Files += same.files
	d.node.Size += same.size
	if d.same && d.count == same.first {
		d.count += same.count
		return nil
	}
	if d.same {
		if err := r.diverge(d); err != nil {
			return err
		}
	}
	return r.putCached(d, same.first, same.count)
}

// putCached puts entries of the cached directory.
func (r *run) putCached(d *dirState, first, count int) error {
	if d.before == nil {
		d.before = d.cached.nodes()
	}
	for i := range count {
		n := d.before.number(first + i)
		if n == nil {
			return errors.New("the change cache was replaced while it was in use")
		}
		if err := r.put(d, n); err != nil {
			return err
		}
	}
	return nil
}

// put adds a node to the new tree and to the next run's cache.
func (r *run) put(d *dirState, n *repo.Node) error {
	if r.newCache != nil && d.path != "" {
		d.cache.Add(n)
	}
	bare := *n
	bare.Local = nil
	return d.tree.Add(&bare)
}

// diverge begins a new tree with what was the same so far.
func (r *run) diverge(d *dirState) error {
	d.same, d.before = false, nil // from the first entry on again
	d.tree = r.saver.NewTreeBuilder()
	return r.putCached(d, 0, d.count)
}

// leave ends the directory on top and returns its node: with the tree of the
// run before when nothing in it differs.
func (r *run) leave() (*repo.Node, error) {
	d := r.stack[len(r.stack)-1]
	r.stack = r.stack[:len(r.stack)-1]
	if len(r.stack) > 0 || d.path != "" {
		r.dirs++
	}
	d.node.Kind = repo.NodeDir
	if d.same && d.before.number(d.count) != nil { // entries at the end are gone
		if err := r.diverge(d); err != nil {
			return nil, err
		}
	}
	if d.same {
		d.node.Content = d.cached.content
		if r.newCache != nil {
			r.newCache.keep(d.path, d.cached)
		}
		return &d.node, nil
	}
	var err error
	if d.node.Content, err = d.tree.Content(); err != nil {
		return nil, err
	}
	if r.newCache != nil && d.path != "" {
		r.newCache.add(d.path, d.node.Content, d.cache.Finish())
	}
	return &d.node, nil
}

// complete waits for a node's content and returns the node; nil for a file
// that could not be read: it is reported and left out.
func (r *run) complete(ctx context.Context, it *item) (*repo.Node, error) {
	p := it.file
	if p == nil {
		return &it.node, nil
	}
	if err := r.resolve(ctx, p, it.node); err != nil {
		return nil, err
	}
	if !p.ok {
		return nil, nil
	}
	n := p.result
	n.Name = it.node.Name // another name of the same file
	if n.Size > 0 && p.bundle != nil {
		r.o.Counters.Bytes.Add(n.Size)
	}
	r.o.Counters.Files.Add(1)
	return &n, nil
}

// resolve waits until a file is stored and sets its result, once.
func (r *run) resolve(ctx context.Context, p *pending, n repo.Node) error {
	if p.resolved {
		return nil
	}
	p.resolved = true
	switch {
	case p.first != nil:
		return r.anotherName(ctx, p, n)
	case p.entry.Size == 0:
		p.result, p.state, p.ok = n, stateOf(&p.entry), true
		return nil
	case p.alone:
		defer p.dir.release()
		content, entry, err := r.storeAlone(ctx, p)
		return r.setResult(ctx, p, n, content, entry, err)
	case p.bundle != nil:
		content, entry, err := r.bundled(ctx, p)
		return r.setResult(ctx, p, n, content, entry, err)
	default:
		content, entry, err := r.blocks(ctx, p)
		return r.setResult(ctx, p, n, content, entry, err)
	}
}

// setResult sets what became of a file. entry is what it was when it was read.
func (r *run) setResult(ctx context.Context, p *pending, n repo.Node, content repo.Content, entry source.Entry, err error) error {
	if errors.Is(err, errStop) || ctx.Err() != nil {
		return cmp.Or(err, ctx.Err())
	}
	if err != nil && !errors.Is(err, errChanged) && !errors.Is(err, ErrUnsettled) {
		if !errors.Is(err, fs.ErrNotExist) {
			r.report(p.path, err)
		}
		return nil
	}
	if err != nil {
		r.report(p.path, err) // it is in the snapshot as it was read last
		n.Local = nil         // and is read again next time
	} else if p.taken != nil {
		n.Local = p.taken.local()
	} else {
		n.Local = appendSignature(nil, &entry)
	}
	if p.xattrFault != nil {
		r.report(p.path, p.xattrFault)
	}
	n.Content, n.Size, n.Xattrs = content, entry.Size, p.xattrs
	n.MTime, n.MNanos, n.Mode = entry.MTime.Sec, uint32(entry.MTime.Nsec), entry.Mode
	// The name may be another file than when it was listed.
	n.Owner, n.Link = r.owners.of(&entry), linkOf(&entry)
	p.result, p.state, p.ok = n, stateOf(&entry), true
	if p.taken != nil {
		p.state = stateOf(&p.taken.State.File)
	}
	if err != nil {
		p.state++ // of no name that was listed
	}
	if n.Link != 0 && !r.links.settle(&entry, p.state) {
		// It must not come back as one file with names that were read in another state. The next run reads it
		// again and puts them together.
		p.result.Link, p.result.Local = linkNumber(entry.Device, entry.Inode^p.state), nil
	}
	return nil
}

func (r *run) report(path string, err error) {
	if source.Again(err) {
		return
	}
	r.o.Counters.Problems.Add(1)
	r.problems = append(r.problems, Problem{path, err})
}

// bundled returns the content of a gathered file.
func (r *run) bundled(ctx context.Context, p *pending) (repo.Content, source.Entry, error) {
	select {
	case <-p.bundle.done:
	case <-ctx.Done():
		return repo.Content{}, source.Entry{}, ctx.Err()
	}
	if p.bundle.results == nil {
		return repo.Content{}, source.Entry{}, context.Canceled
	}
	res := p.bundle.results[p.index]
	if res.alone {
		defer p.dir.release()
		return r.storeAlone(ctx, p)
	}
	entry := res.entry
	entry.Size = int64(res.length)
	if res.length == 0 {
		return repo.Content{}, entry, res.err
	}
	return repo.Content{Extents: []repo.Extent{{Chunk: res.chunk, Offset: uint32(res.offset), Length: int64(res.length)}}}, entry, res.err
}

// blocks collects the blocks of a large file and checks that it held still.
func (r *run) blocks(ctx context.Context, p *pending) (repo.Content, source.Entry, error) {
	defer p.dir.release()
	defer p.file.Close() //nolint:errcheck // only read from
	if p.taken != nil {
		defer p.taken.release()
	}
	stored := false
	if p.paged != nil {
		defer func() { p.paged.close(stored) }()
	}
	builder := r.saver.NewContentBuilder()
	var fault error
	var length int64
	for {
		var b *block
		var more bool
		select {
		case b, more = <-p.blocks:
		case <-ctx.Done():
			return repo.Content{}, source.Entry{}, ctx.Err()
		}
		if !more {
			break
		}
		select {
		case <-b.done:
		case <-ctx.Done():
			return repo.Content{}, source.Entry{}, ctx.Err()
		}
		switch {
		case fault != nil:
		case b.err != nil:
			fault = b.err
		case b.extents != nil:
			for _, e := range b.extents {
				length += e.Length
				if err := builder.Add(e); err != nil {
					return repo.Content{}, source.Entry{}, errors.Join(errStop, err)
				}
			}
			if p.paged.after != nil {
				p.paged.after.add(b.extents, b.hashes)
			}
		default:
			length += b.extent.Length
			if err := builder.Add(b.extent); err != nil {
				return repo.Content{}, source.Entry{}, errors.Join(errStop, err)
			}
		}
	}
	if fault == nil && p.taken == nil {
		fault = stillSame(p.file.Handle, p.file.entry)
	}
	if fault == nil && length != p.file.entry.Size {
		fault = errChanged // or it is shorter than it claims, which another look will tell
	}
	if errors.Is(fault, errChanged) {
		return r.storeAlone(ctx, p)
	}
	if fault != nil {
		return repo.Content{}, p.file.entry, fault
	}
	content, err := builder.Content()
	if err != nil {
		return repo.Content{}, source.Entry{}, errors.Join(errStop, err)
	}
	stored = true
	return content, p.file.entry, p.taken.fault()
}
