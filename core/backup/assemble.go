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

// assembler builds the trees of what the walk tells and the workers store. It is for one goroutine.
type assembler struct {
	*run
	owners   ownerNames
	saver    *repo.Saver
	buf      []byte
	stack    []*dirState
	read     []repo.Source
	held     map[string]int64 // files in each of read, by path
	dirs     int64
	problems []Problem
}

// assemble takes the walk's items in order and builds the trees. It returns
// the root directory's node.
func (a *assembler) assemble(ctx context.Context) (*repo.Node, error) {
	var top []repo.Node // of the root directory: the sources' names need not come in order
	a.stack = nil
	var sources []*repo.Source // of the directories on the stack that are sources
	for {
		var it item
		var more bool
		select {
		case it, more = <-a.items:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if !more {
			break
		}
		switch it.kind {
		case kindProblem:
			a.problems = append(a.problems, *it.problem)
		case kindEnter:
			it.dir.begin(a)
			a.stack = append(a.stack, it.dir)
			sources = append(sources, it.source)
		case kindSame:
			if err := a.addSame(it.same); err != nil {
				return nil, err
			}
		case kindLeave:
			away := a.stack[len(a.stack)-1].dir.Away()
			node, err := a.leave()
			if err != nil {
				return nil, err
			}
			src := sources[len(sources)-1]
			sources = sources[:len(sources)-1]
			if src == nil {
				if err := a.add(node); err != nil {
					return nil, err
				}
			} else if a.holds(src, node.Files, away) {
				top = append(top, *node)
			}
		case kindNode:
			node, err := a.complete(ctx, &it)
			switch {
			case err != nil:
				return nil, err
			case node == nil:
			case len(a.stack) == 0:
				if a.holds(it.source, 1, false) {
					top = append(top, *node)
				}
			default:
				if err := a.add(node); err != nil {
					return nil, err
				}
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	slices.SortFunc(top, func(a, b repo.Node) int { return strings.Compare(a.Name, b.Name) })
	root := &dirState{tree: a.saver.NewTreeBuilder()}
	a.stack = []*dirState{root}
	for i := range top {
		if err := a.add(&top[i]); err != nil {
			return nil, err
		}
	}
	return a.leave()
}

// holds notes that a source was read, with so many files. It returns false for one that has lost all of them, or some because its disk
// does not answer: that is reported, and the source is left out.
func (a *assembler) holds(src *repo.Source, files int64, away bool) bool {
	if away && files < a.o.Held[src.Path] {
		a.report(src.Path, ErrSourceAway)
		return false
	}
	if files == 0 && a.o.Held[src.Path] > 0 {
		a.report(src.Path, ErrEmptySource)
		return false
	}
	a.read = append(a.read, *src)
	a.held[src.Path] = files
	return true
}

// begin prepares for entries.
func (d *dirState) begin(a *assembler) {
	d.same = d.cached != nil
	if d.same {
		// The trees of the run before must still be there.
		d.same = !slices.ContainsFunc(d.cached.content.Extents, func(e repo.Extent) bool { return !a.o.Repository.Has(e.Chunk) })
	}
	if d.same {
		d.before = d.cached.nodes()
	} else {
		d.tree = a.saver.NewTreeBuilder()
	}
}

// add puts a finished node into the directory on top.
func (a *assembler) add(n *repo.Node) error {
	d := a.stack[len(a.stack)-1]
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
		if err := a.diverge(d); err != nil {
			return err
		}
	}
	return a.put(d, n)
}

// addSame puts entries that are as they were in the run before into the directory on top.
func (a *assembler) addSame(same sameRun) error {
	d := a.stack[len(a.stack)-1]
	d.node.Files += same.files
	d.node.Size += same.size
	if d.same && d.count == same.first {
		d.count += same.count
		return nil
	}
	if d.same {
		if err := a.diverge(d); err != nil {
			return err
		}
	}
	return a.putCached(d, same.first, same.count)
}

// putCached puts entries of the cached directory.
func (a *assembler) putCached(d *dirState, first, count int) error {
	if d.before == nil {
		d.before = d.cached.nodes()
	}
	for i := range count {
		n := d.before.number(first + i)
		if n == nil {
			return errors.New("the change cache was replaced while it was in use")
		}
		if err := a.put(d, n); err != nil {
			return err
		}
	}
	return nil
}

// put adds a node to the new tree and to the next run's cache.
func (a *assembler) put(d *dirState, n *repo.Node) error {
	if a.newCache != nil && d.path != "" {
		d.cache.Add(n)
	}
	bare := *n
	bare.Local = nil
	return d.tree.Add(&bare)
}

// diverge begins a new tree with what was the same so far.
func (a *assembler) diverge(d *dirState) error {
	d.same, d.before = false, nil // from the first entry on again
	d.tree = a.saver.NewTreeBuilder()
	return a.putCached(d, 0, d.count)
}

// leave ends the directory on top and returns its node: with the tree of the
// run before when nothing in it differs.
func (a *assembler) leave() (*repo.Node, error) {
	d := a.stack[len(a.stack)-1]
	a.stack = a.stack[:len(a.stack)-1]
	if len(a.stack) > 0 || d.path != "" {
		a.dirs++
	}
	d.node.Kind = repo.NodeDir
	if d.same && d.before.number(d.count) != nil { // entries at the end are gone
		if err := a.diverge(d); err != nil {
			return nil, err
		}
	}
	if d.same {
		d.node.Content = d.cached.content
		if a.newCache != nil {
			a.newCache.keep(d.path, d.cached)
		}
		return &d.node, nil
	}
	var err error
	if d.node.Content, err = d.tree.Content(); err != nil {
		return nil, err
	}
	if a.newCache != nil && d.path != "" {
		a.newCache.add(d.path, d.node.Content, d.cache.Finish())
	}
	return &d.node, nil
}

// complete waits for a node's content and returns the node; nil for a file
// that could not be read: it is reported and left out.
func (a *assembler) complete(ctx context.Context, it *item) (*repo.Node, error) {
	p := it.file
	if p == nil {
		return &it.node, nil
	}
	if err := a.resolve(ctx, p, it.node); err != nil {
		return nil, err
	}
	if !p.ok {
		return nil, nil
	}
	n := p.result
	n.Name = it.node.Name // another name of the same file
	if n.Size > 0 && p.bundle != nil {
		a.o.Counters.Bytes.Add(n.Size)
	}
	a.o.Counters.Files.Add(1)
	return &n, nil
}

// resolve waits until a file is stored and sets its result, once.
func (a *assembler) resolve(ctx context.Context, p *pending, n repo.Node) error {
	if p.resolved {
		return nil
	}
	p.resolved = true
	switch {
	case p.first != nil:
		return a.anotherName(ctx, p, n)
	case p.entry.Size == 0:
		p.result, p.state, p.ok = n, stateOf(&p.entry), true
		return nil
	case p.alone:
		defer p.dir.release()
		content, entry, err := a.storeAlone(ctx, p)
		return a.setResult(ctx, p, n, content, entry, err)
	case p.bundle != nil:
		content, entry, err := a.bundled(ctx, p)
		return a.setResult(ctx, p, n, content, entry, err)
	default:
		content, entry, err := a.blocks(ctx, p)
		return a.setResult(ctx, p, n, content, entry, err)
	}
}

// setResult sets what became of a file. entry is what it was when it was read.
func (a *assembler) setResult(ctx context.Context, p *pending, n repo.Node, content repo.Content, entry source.Entry, err error) error {
	if errors.Is(err, errStop) || ctx.Err() != nil {
		return cmp.Or(err, ctx.Err())
	}
	if err != nil && !errors.Is(err, errChanged) && !errors.Is(err, ErrUnsettled) {
		if !errors.Is(err, fs.ErrNotExist) {
			a.report(p.path, err)
		}
		return nil
	}
	if err != nil {
		a.report(p.path, err) // it is in the snapshot as it was read last
		n.Local = nil         // and is read again next time
	} else if p.taken != nil {
		n.Local = p.taken.local()
	} else {
		n.Local = appendSignature(nil, &entry)
	}
	if p.xattrFault != nil {
		a.report(p.path, p.xattrFault)
	}
	n.Content, n.Size, n.Xattrs = content, entry.Size, p.xattrs
	n.MTime, n.MNanos, n.Mode = entry.MTime.Sec, uint32(entry.MTime.Nsec), entry.Mode
	// The name may be another file than when it was listed.
	n.Owner, n.Link = a.owners.of(&entry), linkOf(&entry)
	p.result, p.state, p.ok = n, stateOf(&entry), true
	if p.taken != nil {
		p.state = stateOf(&p.taken.State.File)
	}
	if err != nil {
		p.state++ // of no name that was listed
	}
	if n.Link != 0 && !a.links.settle(&entry, p.state) {
		// It must not come back as one file with names that were read in another state. The next run reads it
		// again and puts them together.
		p.result.Link, p.result.Local = linkNumber(entry.Device, entry.Inode^p.state), nil
	}
	return nil
}

func (a *assembler) report(path string, err error) {
	if source.Again(err) {
		return
	}
	a.o.Counters.Problems.Add(1)
	a.problems = append(a.problems, Problem{path, err})
}

// bundled returns the content of a gathered file.
func (a *assembler) bundled(ctx context.Context, p *pending) (repo.Content, source.Entry, error) {
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
		return a.storeAlone(ctx, p)
	}
	entry := res.entry
	entry.Size = int64(res.length)
	if res.length == 0 {
		return repo.Content{}, entry, res.err
	}
	return repo.Content{Extents: []repo.Extent{{Chunk: res.chunk, Offset: uint32(res.offset), Length: int64(res.length)}}}, entry, res.err
}

// blocks collects the blocks of a large file and checks that it held still.
func (a *assembler) blocks(ctx context.Context, p *pending) (repo.Content, source.Entry, error) {
	defer p.dir.release()
	defer p.file.Close() //nolint:errcheck // only read from
	if p.taken != nil {
		defer p.taken.release()
	}
	stored := false
	if p.paged != nil {
		defer func() { p.paged.close(stored) }()
	}
	builder := a.saver.NewContentBuilder()
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
		return a.storeAlone(ctx, p)
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
