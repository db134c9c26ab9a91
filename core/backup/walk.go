package backup

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"sync/atomic"

	chunkers "github.com/PlakarKorp/go-cdc-chunkers"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/source"
)

// item is what the walk tells the assembler, in order.
type item struct {
	kind    itemKind
	node    repo.Node // kindNode: complete, or to be completed from file
	file    *pending  // kindNode: where its content comes from; nil: node is complete
	dir     *dirState // kindEnter
	problem *Problem  // kindProblem
	source  *repo.Source
}

type itemKind byte

const (
	kindNode itemKind = iota
	kindEnter
	kindLeave
	kindProblem
)

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

	xattrs     []repo.Xattr // by whoever reads the file
	xattrFault error        // it is backed up without them

	// set by the assembler when the file is complete
	resolved bool
	result   repo.Node
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

// openFile is a large file; the blocks read it at the same time.
type openFile struct {
	*source.Handle
	entry source.Entry // as it was when it was opened
}

// walk visits all sources in order.
func (r *run) walk(ctx context.Context) error {
	for _, src := range r.o.Sources {
		if err := r.walkSource(ctx, src); err != nil {
			return err
		}
	}
	return r.submitBundle(ctx)
}

func (r *run) walkSource(ctx context.Context, src repo.Source) error {
	dir, entry, isDir, err := source.Open(src.Path)
	if err != nil {
		return r.problem(ctx, src.Path, err)
	}
	ref := newDirRef(dir)
	onDisk := entry.Name
	entry.Name = src.Name
	if !isDir {
		defer ref.release()
		return r.visit(ctx, ref, src.Path, entry, nil, onDisk, &src)
	}
	node := r.node(&entry)
	if err := r.fillXattrs(dir, &node, "."); err != nil {
		if err := r.problem(ctx, src.Path, err); err != nil {
			return err
		}
	}
	return r.walkDir(ctx, ref, src.Path, node, r.o.Exclude.Root(src.Path), &src)
}

// send passes an item on. Before it waits for room it hands the open bundle
// to the workers: the assembler may be waiting for just that.
func (r *run) send(ctx context.Context, it item) error {
	select {
	case r.items <- it:
		return nil
	default:
	}
	if err := r.submitBundle(ctx); err != nil {
		return err
	}
	select {
	case r.items <- it:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *run) submit(ctx context.Context, j job) error {
	select {
	case r.jobs <- j:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *run) problem(ctx context.Context, path string, err error) error {
	r.o.Counters.Problems.Add(1)
	return r.send(ctx, item{kind: kindProblem, problem: &Problem{path, err}})
}

// walkDir visits a directory: it owns ref. node is the directory's own,
// without content. A directory that cannot be listed is reported and left out.
func (r *run) walkDir(ctx context.Context, ref *dirRef, path string, node repo.Node, exclude source.Level, src *repo.Source) error {
	defer ref.release()
	d := &walkedDir{ref: ref, path: path, exclude: exclude, cached: r.cache.dir(path)}
	d.before = d.cached.nodes()
	tagged := exclude.Tagged(ref.Dir) // a cache folder: kept itself, without what is in it
	entered := false
	err := ref.Batches(ctx, func(entries []source.Entry, problems []source.Problem) error {
		if !entered {
			entered = true
			it := item{kind: kindEnter, dir: &dirState{path: path, node: node, cached: d.cached}, source: src}
			if err := r.send(ctx, it); err != nil || tagged {
				return err
			}
		}
		if tagged {
			return nil
		}
		return r.walkBatch(ctx, d, entries, problems)
	})
	if !entered {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return r.problem(ctx, path, err)
	}
	if err != nil {
		return err
	}
	return r.send(ctx, item{kind: kindLeave})
}

// walkedDir is a directory under way.
type walkedDir struct {
	ref     *dirRef
	path    string
	exclude source.Level
	cached  *cachedDir
	before  *cachedNodes
}

func (r *run) walkBatch(ctx context.Context, d *walkedDir, entries []source.Entry, problems []source.Problem) error {
	for _, p := range problems {
		if err := r.problem(ctx, join(d.path, p.Name), p.Err); err != nil {
			return err
		}
	}
	for i := range entries {
		e := &entries[i]
		if err := r.o.Gate.wait(ctx); err != nil {
			return err
		}
		if d.exclude.Match(e.Name, e.Kind == source.Folder) {
			continue
		}
		old, path := d.before.find(e.Name), join(d.path, e.Name)
		if e.Kind == source.Folder {
			if err := r.enter(ctx, d.ref, e, old, path, d.exclude.Enter(e.Name)); err != nil {
				return err
			}
			continue
		}
		if err := r.visit(ctx, d.ref, path, *e, old, e.Name, nil); err != nil {
			return err
		}
	}
	return nil
}

// enter visits a directory in a directory.
func (r *run) enter(ctx context.Context, ref *dirRef, e *source.Entry, old *repo.Node, path string, exclude source.Level) error {
	child, err := ref.OpenDir(e.Name)
	if err != nil {
		return r.gone(ctx, path, err)
	}
	node := r.node(e)
	if old != nil && old.Kind == repo.NodeDir && string(old.Local) == string(node.Local) {
		node.Xattrs = old.Xattrs // its ctime says that they are the same
	} else if err := r.fillXattrs(ref.Dir, &node, e.Name); err != nil {
		if err := r.problem(ctx, path, err); err != nil {
			return err
		}
	}
	return r.walkDir(ctx, newDirRef(child), path, node, exclude, nil)
}

func join(dir, name string) string {
	if strings.HasSuffix(dir, "/") {
		return dir + name
	}
	return dir + "/" + name
}

// visit handles everything that is not a directory. name is its name on disk.
func (r *run) visit(ctx context.Context, ref *dirRef, path string, e source.Entry, old *repo.Node, name string, src *repo.Source) error {
	r.o.Counters.path.Store(&path)
	node := r.node(&e)
	if r.unchanged(ctx, &e, &node, old) {
		node.Content, node.Target, node.Xattrs = old.Content, old.Target, old.Xattrs
		if e.Kind == source.File {
			r.o.Counters.Files.Add(1)
			r.o.Counters.Bytes.Add(node.Size)
		}
		return r.send(ctx, item{node: node, source: src})
	}
	onDisk := e
	onDisk.Name = name
	if e.Kind == source.Symlink {
		target, err := ref.ReadLink(name)
		if err != nil {
			return r.gone(ctx, path, err)
		}
		node.Target = target
	}
	if e.Kind != source.File || e.Size == 0 { // of others, whoever opens them reads these
		if err := r.fillXattrs(ref.Dir, &node, name); err != nil {
			if err := r.problem(ctx, path, err); err != nil {
				return err
			}
		}
	}
	if e.Kind != source.File {
		return r.send(ctx, item{node: node, source: src})
	}
	if old == nil {
		r.o.Counters.FilesNew.Add(1)
	} else {
		r.o.Counters.FilesChanged.Add(1)
	}
	p := &pending{path: path, entry: onDisk}
	if e.Links > 1 {
		key := inode{e.Device, e.Inode}
		if first, ok := r.links[key]; ok {
			return r.send(ctx, item{node: node, file: first, source: src})
		}
		r.links[key] = p
	}
	switch {
	case e.Size == 0:
		p.resolved, p.ok = true, true
		p.result = node
		return r.send(ctx, item{node: node, file: p, source: src})
	case e.Size <= smallMax:
		p.dir = ref.hold()
		if err := r.gather(ctx, p); err != nil {
			return err
		}
		return r.send(ctx, item{node: node, file: p, source: src})
	}
	return r.large(ctx, ref, p, item{node: node, file: p, source: src})
}

// gone reports an error unless the file has merely been deleted meanwhile.
func (r *run) gone(ctx context.Context, path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return r.problem(ctx, path, err)
}

// node turns an lstat into a node without content.
func (r *run) node(e *source.Entry) repo.Node {
	n := repo.Node{
		Kind: nodeKind(e.Kind), Name: e.Name, Mode: e.Mode,
		Owner: repo.Owner{UID: e.UID, GID: e.GID, User: r.names.User(e.UID), Group: r.names.Group(e.GID)},
		MTime: e.MTime.Sec, MNanos: uint32(e.MTime.Nsec),
		Local: signature(e),
	}
	switch e.Kind {
	case source.File:
		n.Size = e.Size
	case source.CharDevice, source.BlockDevice:
		n.Rdev = e.Rdev
	}
	if e.Links > 1 && e.Kind != source.Folder {
		n.Link = linkNumber(e.Device, e.Inode)
	}
	return n
}

func nodeKind(k source.Kind) repo.NodeKind {
	switch k {
	case source.File:
		return repo.NodeFile
	case source.Folder:
		return repo.NodeDir
	case source.Symlink:
		return repo.NodeSymlink
	case source.FIFO:
		return repo.NodeFIFO
	case source.Socket:
		return repo.NodeSocket
	case source.CharDevice:
		return repo.NodeChar
	default:
		return repo.NodeBlock
	}
}

// unchanged tells whether the file need not be read: lstat says the same as
// in the run before, to the nanosecond of its ctime, and all its chunks are there.
func (r *run) unchanged(ctx context.Context, e *source.Entry, n, old *repo.Node) bool {
	if old == nil || old.Kind != n.Kind || old.MTime != n.MTime || old.MNanos != n.MNanos ||
		old.Mode != n.Mode || old.Owner != n.Owner || old.Size != n.Size || old.Rdev != n.Rdev ||
		string(old.Local) != string(n.Local) {
		return false
	}
	for _, x := range old.Content.Extents {
		if !x.Hole && !r.has(x.Chunk) {
			return false
		}
	}
	return old.Content.Depth == 0 || r.hasBelow(ctx, old.Content)
}

// hasBelow tells whether what extent lists name is there: after a prune, a
// list may be left in a pack that others need when what it names is gone.
func (r *run) hasBelow(ctx context.Context, c repo.Content) bool {
	return r.o.Repository.Extents(ctx, c, func(e repo.Extent) error {
		if !e.Hole && !r.has(e.Chunk) {
			return repo.ErrDamaged
		}
		return nil
	}) == nil
}

// has asks the index, remembering the last answer: neighbours share chunks.
func (r *run) has(id repo.ID) bool {
	if r.lastKnown != id {
		if !r.o.Repository.Has(id) {
			return false
		}
		r.lastKnown = id
	}
	return true
}

// fillXattrs reads what lstat does not tell.
func (r *run) fillXattrs(dir *source.Dir, n *repo.Node, name string) error {
	list, err := dir.Xattrs(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	n.Xattrs = toXattrs(list)
	return err
}

func toXattrs(list []source.Xattr) (out []repo.Xattr) {
	for _, x := range list {
		out = append(out, repo.Xattr{Name: x.Name, Value: x.Value})
	}
	return out
}

// gather adds a small file to the open bundle and closes it where the rule says.
func (r *run) gather(ctx context.Context, p *pending) error {
	if r.bundle == nil {
		r.bundle = &bundle{done: make(chan struct{})}
	}
	b := r.bundle
	p.bundle, p.index = b, len(b.files)
	b.files = append(b.files, p)
	b.size += p.entry.Size
	if b.size >= bundleMax-smallMax || r.w.CutAfter(p.entry.Name, p.entry.Size, bundleAvg) {
		return r.submitBundle(ctx)
	}
	return nil
}

func (r *run) submitBundle(ctx context.Context) error {
	b := r.bundle
	if b == nil {
		return nil
	}
	r.bundle = nil
	return r.submit(ctx, b)
}

// large opens a file and hands its blocks to the workers. The item goes first,
// so that the assembler takes the blocks as they come.
func (r *run) large(ctx context.Context, ref *dirRef, p *pending, it item) error {
	f, opened, err := openStable(ref.Dir, p.entry)
	if err != nil {
		delete(r.links, inode{p.entry.Device, p.entry.Inode})
		return r.gone(ctx, p.path, err)
	}
	p.readXattrs(f)
	p.dir = ref.hold()
	p.file = &openFile{Handle: f, entry: opened}
	p.blocks = make(chan *block, 64)
	defer close(p.blocks)
	byPosition := isMedia(p.entry.Name) || opened.Size <= cdcMin
	if !byPosition && opened.Size >= pagedMin {
		if page := sqlitePage(f); page > 0 && whole(f, opened.Size) {
			p.paged = r.openPaged(p.path, page)
		}
	}
	if err := r.send(ctx, it); err != nil {
		return err
	}
	// The last file of a bundle may be what the assembler waits for.
	if err := r.submitBundle(ctx); err != nil {
		return err
	}
	if p.paged != nil {
		return r.byPages(ctx, p, opened.Size)
	}
	return eachData(f, opened.Size, func(start, end int64) error {
		if byPosition {
			return r.byPosition(ctx, p, start, end)
		}
		return r.byContent(ctx, p, start, end)
	}, func(hole int64) error {
		b := &block{done: make(chan struct{}), extent: repo.Extent{Hole: true, Length: hole}}
		close(b.done)
		return r.sendBlock(ctx, p, b)
	})
}

func (r *run) sendBlock(ctx context.Context, p *pending, b *block) error {
	if err := r.o.Gate.wait(ctx); err != nil {
		return err
	}
	select {
	case p.blocks <- b:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// byPosition lets workers read blocks of blockMax by themselves.
func (r *run) byPosition(ctx context.Context, p *pending, start, end int64) error {
	for at := start; at < end; at += blockMax {
		b := &block{done: make(chan struct{})}
		if err := r.sendBlock(ctx, p, b); err != nil {
			return err
		}
		if err := r.submit(ctx, &readBlock{block: b, file: p.file.Handle, offset: at, length: int(min(blockMax, end-at))}); err != nil {
			return err
		}
	}
	return nil
}

// byContent finds FastCDC's boundaries here and lets workers do the rest.
func (r *run) byContent(ctx context.Context, p *pending, start, end int64) error {
	if r.scan == nil {
		r.scan = make([]byte, 2*blockMax)
	}
	c, err := chunkers.NewChunkerBuffer(cdcName, io.NewSectionReader(p.file, start, end-start), cdcOptions(r.w.ChunkerKey()), r.scan)
	if err != nil {
		return err
	}
	for {
		piece, err := c.Next()
		if len(piece) > 0 {
			var buf []byte
			select {
			case buf = <-r.buffers:
			case <-ctx.Done():
				return ctx.Err()
			}
			if buf == nil {
				buf = repo.ChunkBuffer(blockMax)
			}
			copy(buf[1:], piece)
			b := &block{done: make(chan struct{})}
			if err := r.sendBlock(ctx, p, b); err != nil {
				return err
			}
			if err := r.submit(ctx, &saveBlock{block: b, buf: buf, length: len(piece)}); err != nil {
				return err
			}
		}
		if err == nil {
			continue
		}
		if !errors.Is(err, io.EOF) {
			b := &block{done: make(chan struct{}), err: err}
			close(b.done)
			return r.sendBlock(ctx, p, b)
		}
		return nil
	}
}

// whole tells whether a file has no holes.
func whole(f *source.Handle, size int64) bool {
	start, end, err := f.NextData(0)
	return err == nil && start == 0 && end >= size
}

// eachData calls data and hole for the runs of a file, in order.
func eachData(f *source.Handle, size int64, data func(start, end int64) error, hole func(length int64) error) error {
	for at := int64(0); at < size; {
		start, end, err := f.NextData(at)
		if errors.Is(err, io.EOF) {
			start, end = size, size
		} else if err != nil {
			start, end = at, size // not told: all of it is data
		}
		start, end = min(start, size), min(end, size)
		if start > at {
			if err := hole(start - at); err != nil {
				return err
			}
		}
		if end > start {
			if err := data(start, end); err != nil {
				return err
			}
		}
		at = max(end, start)
		if at == start && end <= start && start < size {
			return data(start, size) // a file system that makes no progress
		}
	}
	return nil
}
