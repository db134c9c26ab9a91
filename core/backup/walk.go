package backup

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/holdfast-backup/holdfast/core/database"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/source"
)

// item is what the walk tells the assembler, in order.
type item struct {
	kind    itemKind
	node    repo.Node // kindNode: complete, or to be completed from file
	file    *pending  // kindNode: where its content comes from; nil: node is complete
	dir     *dirState // kindEnter
	same    sameRun   // kindSame
	problem *Problem  // kindProblem
	source  *repo.Source
}

type itemKind byte

const (
	kindNode itemKind = iota
	kindSame
	kindEnter
	kindLeave
	kindProblem
)

// sameRun is entries that follow each other in the cached directory and are as they were.
type sameRun struct {
	first, count int   // from the cached directory's first entry on
	files, size  int64 // regular files among them, and their bytes
}

// pending is a file whose content workers are storing.
type pending struct {
	path  string
	dir   *dirRef
	entry source.Entry

	bundle *bundle // small: its place in a bundle
	index  int

	file   *openFile   // large: open while blocks are stored
	blocks chan *block // in order; closed after the last
	paged  *paged      // of a database, else nil

	xattrs     []repo.Xattr // set by the worker that reads the file
	xattrFault error        // it is backed up without them

	taken *sharedTaken // a database: file is a copy of it

	alone bool // it is read on the assembler's own goroutine

	untaken error // why a database is read where it lies

	first *pending // another name of the same file, which is read
	top   string   // the path of the source

	// set by the assembler when the file is complete
	resolved bool
	result   repo.Node
	state    uint64 // of what was read
	ok       bool
}

// block is a run of a large file: a chunk, a hole, or a region of a database.
type block struct {
	done    chan struct{}
	extent  repo.Extent
	extents []repo.Extent // of a region, and the hashes of its pages
	hashes  []pageHash
	err     error
}

// walker visits the sources, and decides what must be read. It is for one goroutine.
type walker struct {
	*run
	names     ownerNames
	chunks    chunks
	top       string // the path of the source
	bundle    *bundle
	signature []byte // of the entry that is compared
	scan      []byte // FastCDC's buffer
}

// walk visits all sources in order.
func (w *walker) walk(ctx context.Context) error {
	for _, src := range w.o.Sources {
		if err := w.walkSource(ctx, src); err != nil {
			return err
		}
	}
	return w.submitBundle(ctx)
}

func (w *walker) walkSource(ctx context.Context, src repo.Source) error {
	w.top = src.Path
	dir, entry, isDir, err := w.watch.Open(src.Path)
	if err != nil {
		return w.problem(ctx, src.Path, err)
	}
	ref := newDirRef(dir)
	onDisk := entry.Name
	entry.Name = src.Name
	if !isDir {
		defer ref.release()
		if s, err := database.Look(dir, onDisk); err == nil && s.Logged() {
			it := item{node: w.names.node(&s.File), source: &src}
			it.node.Name = src.Name
			d := &walkedDir{path: filepath.Dir(src.Path), databases: map[string]*logbook{onDisk: {}}}
			w.o.Counters.count(false)
			if err := w.visitDatabase(ctx, ref, d.databases[onDisk], src.Path, s, it); err != nil {
				return err
			}
			return w.closeDatabases(ctx, d)
		}
		return w.visit(ctx, ref, src.Path, entry, false, onDisk, &src)
	}
	if here, err := dir.Lstat("."); err == nil && w.destination.Is(dir, &here) {
		ref.release()
		return w.problem(ctx, src.Path, ErrDestination)
	}
	l := w.list(ctx, ref.hold(), w.o.Exclude.Root(src.Path))
	defer l.close()
	enter := item{kind: kindEnter, dir: &dirState{path: src.Path, dir: ref, node: w.names.node(&entry)}, source: &src}
	return w.walkDir(ctx, l, enter, func(n *repo.Node) error { return fillXattrs(dir, n, ".") })
}

// send passes an item on. Before it waits for room it hands the open bundle
// to the workers: the assembler may be waiting for just that.
func (w *walker) send(ctx context.Context, it item) error {
	select {
	case w.items <- it:
		return nil
	default:
	}
	if err := w.submitBundle(ctx); err != nil {
		return err
	}
	return put(ctx, w.items, it)
}

// put sends to a channel unless ctx ends before there is room.
func put[T any](ctx context.Context, to chan<- T, v T) error {
	select {
	case to <- v:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *walker) submit(ctx context.Context, j job) error { return put(ctx, w.jobs, j) }

func (w *walker) problem(ctx context.Context, path string, err error) error {
	if source.Again(err) {
		return nil
	}
	w.o.Counters.Problems.Add(1)
	return w.send(ctx, item{kind: kindProblem, problem: &Problem{path, err}})
}

// walkedDir is a directory under way.
type walkedDir struct {
	ref    *dirRef
	path   string
	cached *cachedDir
	before *cachedNodes
	same   sameRun // not sent yet

	databases map[string]*logbook // beside which logs stand, by name
}

// walkDir visits a directory and takes from l what is listed of it. enter is what the assembler is told of the directory; its node has no
// content yet. walkDir owns enter's dirRef. xattrs fills in the node's extended attributes; nil if they are known. A directory that cannot
// be listed is reported and left out. Its attributes are not asked for: a disk that does not answer would be silent there too, and the
// directory would be reported twice.
func (w *walker) walkDir(ctx context.Context, l *lister, enter item, xattrs func(*repo.Node) error) error {
	state := enter.dir
	defer state.dir.release()
	d := &walkedDir{ref: state.dir, path: state.path, cached: w.cache.dir(state.path)}
	d.before = d.cached.nodes()
	state.cached = d.cached
	for entered := false; ; entered = true {
		it, err := l.next(ctx)
		if err != nil {
			return err
		}
		if it.kind == listEnd {
			switch {
			case it.err != nil && !entered:
				return w.problem(ctx, d.path, it.err)
			case it.err != nil:
				return it.err
			}
			if err := w.sendSame(ctx, d); err != nil {
				return err
			}
			if err := w.closeDatabases(ctx, d); err != nil {
				return err
			}
			return w.send(ctx, item{kind: kindLeave})
		}
		if !entered {
			if xattrs != nil {
				if err := xattrs(&state.node); err != nil {
					if err := w.problem(ctx, d.path, err); err != nil {
						return err
					}
				}
			}
			if err := w.send(ctx, enter); err != nil {
				return err
			}
		}
		if err := w.walkListing(ctx, l, d, it); err != nil {
			return err
		}
		l.recycle(it.entries)
	}
}

func (w *walker) walkListing(ctx context.Context, l *lister, d *walkedDir, it listing) error {
	for _, p := range it.problems {
		if err := w.problem(ctx, join(d.path, p.Name), p.Err); err != nil {
			return err
		}
	}
	if len(it.entries) > 0 {
		w.o.Counters.path.Store(&d.path)
	}
	for i := range it.entries {
		e := &it.entries[i]
		if err := w.o.Gate.wait(ctx); err != nil {
			return err
		}
		old := d.before.find(e.Name)
		if e.Kind == source.Folder {
			if err := w.enter(ctx, l, d, e, old); err != nil {
				return err
			}
			continue
		}
		if done, err := w.database(ctx, d, e, old); done || err != nil {
			if err != nil {
				return err
			}
			continue
		}
		if w.unchanged(ctx, e, old) && w.links.mayKeep(e) {
			if err := w.keep(ctx, d, old); err != nil {
				return err
			}
			continue
		}
		if err := w.sendSame(ctx, d); err != nil {
			return err
		}
		if err := w.visit(ctx, d.ref, join(d.path, e.Name), *e, old != nil, e.Name, nil); err != nil {
			return err
		}
	}
	return nil
}

// keep adds the entry that d.before is at to the run of those that are as they were.
func (w *walker) keep(ctx context.Context, d *walkedDir, old *repo.Node) error {
	if at := d.before.at; at != d.same.first+d.same.count {
		if err := w.sendSame(ctx, d); err != nil {
			return err
		}
		d.same.first = at
	}
	d.same.count++
	if old.Kind == repo.NodeFile {
		d.same.files++
		d.same.size += old.Size
		w.o.Counters.Files.Add(1)
		w.o.Counters.Bytes.Add(old.Size)
	}
	return nil
}

// sendSame passes the run of entries that are as they were on.
func (w *walker) sendSame(ctx context.Context, d *walkedDir) error {
	same := d.same
	d.same = sameRun{first: same.first + same.count}
	if same.count == 0 {
		return nil
	}
	return w.send(ctx, item{kind: kindSame, same: same})
}

// enter visits a directory in a directory.
func (w *walker) enter(ctx context.Context, l *lister, d *walkedDir, e *source.Entry, old *repo.Node) error {
	if err := w.sendSame(ctx, d); err != nil {
		return err
	}
	path := join(d.path, e.Name)
	it, err := l.next(ctx)
	if err != nil {
		return err
	}
	if it.err != nil {
		return w.gone(ctx, path, it.err)
	}
	state := &dirState{path: path, dir: it.dir, node: w.names.node(e)}
	xattrs := func(n *repo.Node) error { return fillXattrs(d.ref.Dir, n, e.Name) }
	if old != nil && old.Kind == repo.NodeDir && string(old.Local) == string(state.node.Local) {
		state.node.Xattrs, xattrs = old.Xattrs, nil // its ctime says that they are the same
	}
	return w.walkDir(ctx, l, item{kind: kindEnter, dir: state}, xattrs)
}

func join(dir, name string) string {
	if strings.HasSuffix(dir, "/") {
		return dir + name
	}
	return dir + "/" + name
}

// visit handles everything that is not a directory and not as it was. known reports whether the
// run before saw something of that name, name is its name on disk.
func (w *walker) visit(ctx context.Context, ref *dirRef, path string, e source.Entry, known bool, name string, src *repo.Source) error {
	w.o.Counters.path.Store(&path)
	node := w.names.node(&e)
	onDisk := e
	onDisk.Name = name
	if e.Kind != source.File {
		return w.visitSpecial(ctx, ref, path, &onDisk, node, src)
	}
	// What says that it is empty is taken for empty. Files of /proc say so of what they make up when they are read; to read some of them has
	// effects, or no end, and nobody restores one.
	if e.Size == 0 { // of other files, the worker that opens them reads these
		if err := fillXattrs(ref.Dir, &node, name); err != nil {
			if err := w.problem(ctx, path, err); err != nil {
				return err
			}
		}
	}
	w.o.Counters.count(known)
	p := &pending{path: path, entry: onDisk, top: w.top}
	p.first = w.links.first(p)
	switch {
	case p.first != nil || e.Size == 0:
		return w.send(ctx, item{node: node, file: p, source: src})
	case e.Size <= smallMax:
		p.dir = ref.hold()
		if err := w.gather(ctx, p); err != nil {
			return err
		}
		return w.send(ctx, item{node: node, file: p, source: src})
	}
	return w.large(ctx, ref, p, item{node: node, file: p, source: src})
}

// visitSpecial handles a link, a FIFO or a device. What is read by its name counts only if it is still the same afterwards.
func (w *walker) visitSpecial(ctx context.Context, ref *dirRef, path string, e *source.Entry, node repo.Node, src *repo.Source) error {
	for try := 1; ; try++ {
		var fault error
		if e.Kind == source.Symlink {
			target, err := ref.ReadLink(e.Name)
			if err != nil && (try == readTries || errors.Is(err, source.ErrNoAnswer)) {
				return w.gone(ctx, path, err)
			}
			node.Target, fault = target, err
		}
		xattrFault := fillXattrs(ref.Dir, &node, e.Name)
		now, err := ref.Lstat(e.Name)
		switch {
		case err != nil:
			return w.gone(ctx, path, err)
		case now.Kind != e.Kind:
			return w.problem(ctx, path, errChanged)
		case fault == nil && stateOf(&now) == stateOf(e):
			if xattrFault != nil {
				if err := w.problem(ctx, path, xattrFault); err != nil {
					return err
				}
			}
			return w.send(ctx, item{node: node, source: src})
		case try == readTries:
			return w.problem(ctx, path, errChanged)
		}
		name := node.Name
		node, *e = w.names.node(&now), now
		node.Name = name
	}
}

// gone reports an error unless the file has merely been deleted meanwhile.
func (w *walker) gone(ctx context.Context, path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return w.problem(ctx, path, err)
}

// gather adds a small file to the open bundle and closes it where the rule says.
func (w *walker) gather(ctx context.Context, p *pending) error {
	if w.bundle == nil {
		w.bundle = &bundle{done: make(chan struct{})}
	}
	b := w.bundle
	p.bundle, p.index = b, len(b.files)
	if n := len(b.files); n == 0 || b.files[n-1].dir != p.dir {
		b.folders++
	}
	b.files = append(b.files, p)
	b.size += p.entry.Size
	if b.size >= bundleMax-smallMax || b.folders >= bundleFolders() || w.writer.CutAfter(p.entry.Name, p.entry.Size, bundleAvg) {
		return w.submitBundle(ctx)
	}
	return nil
}

func (w *walker) submitBundle(ctx context.Context) error {
	b := w.bundle
	if b == nil {
		return nil
	}
	w.bundle = nil
	return w.submit(ctx, b)
}

// bundleFolders is how many folders a bundle keeps open at most: files of a few bytes may stand in any number of them, and a machine may
// allow few handles.
func bundleFolders() int { return min(128, max(4, source.HandleLimit()/16)) }
