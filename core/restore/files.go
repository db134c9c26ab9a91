package restore

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/holdfast-backup/holdfast/core/repo"
)

// A batch is at most this much content, or this many files; a longer file is
// written by several jobs at once, a segment each.
const (
	batchBytes = 8 << 20
	batchFiles = 1000
	// segmentExtents is how many extents a segment has at most.
	segmentExtents = 4096
	// loadedBytes is how much is loaded for a file, or a segment, that takes little of each chunk: with
	// the right chunks a file of a kilobyte could ask for gigabytes.
	loadedBytes = 16 << 20
	// Extents shorter than joinMin are written together, up to joinMax.
	joinMin = 64 << 10
	joinMax = 256 << 10
)

type job interface{ do(w *worker) error }

// worker is one goroutine's tools.
type worker struct {
	r      *run
	arena  []byte
	used   int
	chunks map[repo.ID]loaded
	joined []byte // short extents that follow each other

	behind      []written // on its way to the disk, the oldest first
	behindBytes int64
}

type loaded struct {
	content []byte
	err     error
}

// alloc returns memory that is good until the next job.
func (w *worker) alloc(n int) []byte {
	if w.used+n > len(w.arena) {
		if w.arena == nil && n <= batchBytes {
			w.arena = make([]byte, 2*batchBytes)
		} else {
			return make([]byte, n)
		}
	}
	b := w.arena[w.used : w.used+n : w.used+n]
	w.used += n
	return b
}

// load fetches the chunks of some extents.
func (w *worker) load(extents []repo.Extent) error {
	w.used = 0
	if w.chunks == nil {
		w.chunks = make(map[repo.ID]loaded)
	}
	clear(w.chunks)
	var ids []repo.ID
	for _, e := range extents {
		if e.Hole {
			continue
		}
		if _, ok := w.chunks[e.Chunk]; !ok {
			w.chunks[e.Chunk] = loaded{}
			ids = append(ids, e.Chunk)
		}
	}
	return w.r.o.Repository.Load(w.r.ctx, ids, w.alloc, func(id repo.ID, content []byte, err error) error {
		w.chunks[id] = loaded{content, err}
		return nil
	})
}

// piece returns the bytes of an extent that load fetched.
func (w *worker) piece(e repo.Extent) ([]byte, error) {
	c := w.chunks[e.Chunk]
	switch {
	case c.err != nil:
		return nil, c.err
	case int64(e.Offset)+e.Length > int64(len(c.content)):
		return nil, fmt.Errorf("%w: chunk %s is shorter than the file says", repo.ErrDamaged, e.Chunk)
	}
	return c.content[e.Offset : int64(e.Offset)+e.Length], nil
}

// file sends a file to the workers.
func (r *run) file(out *output) error {
	n := out.node
	r.o.Counters.BytesTotal.Add(n.Size)
	if n.Content.Depth == 0 && n.Size <= batchBytes/2 && r.chunkBytes(n.Content.Extents) <= loadedBytes {
		return r.gather(out)
	}
	return r.stream(out)
}

// chunkBytes is how long the chunks of some extents are.
func (r *run) chunkBytes(extents []repo.Extent) (bytes int64) {
	seen := make(map[repo.ID]bool)
	for _, e := range extents {
		bytes += r.newBytes(e, seen)
	}
	return bytes
}

// newBytes is how long the chunk of an extent is, 0 when it was seen before.
func (r *run) newBytes(e repo.Extent, seen map[repo.ID]bool) int64 {
	if e.Hole || seen[e.Chunk] {
		return 0
	}
	seen[e.Chunk] = true
	n, _ := r.o.Repository.Length(e.Chunk) // in no index: load says so
	return n
}

func joinPath(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// batch is a run of files that are fetched together.
type batch struct {
	files   []*output
	extents []repo.Extent
	bytes   int64
	last    repo.ID
}

func (r *run) gather(out *output) error {
	if r.open == nil {
		r.open = &batch{}
	}
	b := r.open
	b.files = append(b.files, out)
	for _, e := range out.node.Content.Extents {
		if !e.Hole && e.Chunk != b.last {
			b.last = e.Chunk
			n, _ := r.o.Repository.Length(e.Chunk) // in no index: load says so
			b.bytes += n
		}
		b.extents = append(b.extents, e)
	}
	if b.bytes >= batchBytes/2 || len(b.files) >= batchFiles {
		return r.submit()
	}
	return nil
}

// submit hands the open batch to a worker.
func (r *run) submit() error {
	b := r.open
	if b == nil {
		return nil
	}
	r.open = nil
	return r.send(b)
}

func (r *run) send(j job) error {
	select {
	case r.jobs <- j:
		return nil
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}

func (b *batch) do(w *worker) error {
	if err := w.load(b.extents); err != nil {
		return err
	}
	for _, out := range b.files {
		if err := w.r.ctx.Err(); err != nil {
			return err
		}
		if out.differ {
			out.compare(w, out.node.Content.Extents)
			continue
		}
		err := out.create(w.r)
		if err == nil {
			err = out.write(w, 0, out.node.Content.Extents)
		}
		if err == nil && out.node.Size >= settleMin {
			err = w.settle(written{out.file, 0, out.node.Size, func(err error) error { return out.finish(w.r, err) }})
		} else {
			err = out.finish(w.r, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// output is an entry being made under a temporary name.
type output struct {
	folder *folder
	node   *repo.Node
	path   string // in the snapshot
	name   string // that it is to have at the target
	differ bool   // nothing is written: what stands there is compared

	temp  string
	file  *os.File
	parts atomic.Int32
	fault atomic.Pointer[error]
}

// create makes the temporary file.
func (o *output) create(r *run) error {
	o.temp = tempName()
	r.mu.Lock()
	r.unfinished[o] = true
	r.mu.Unlock()
	return r.in(o.folder, func(root *os.Root, _ *os.File) (err error) {
		o.file, err = root.OpenFile(o.temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		return err
	})
}

// removeUnfinished leaves nothing behind of what did not come to its end.
func (r *run) removeUnfinished() {
	for o := range r.unfinished {
		if o.file != nil {
			_ = o.file.Close() // whatever it says, the file goes
		}
		_ = r.in(o.folder, func(root *os.Root, _ *os.File) error { return root.Remove(o.temp) }) // gone already, or the disk is
	}
	r.unfinished = nil
	r.folders.closeAll()
}

// write puts extents that load fetched at an offset. Holes stay holes.
func (o *output) write(w *worker, at int64, extents []repo.Extent) error {
	w.joined = w.joined[:0]
	put := func(b []byte, at int64) error {
		_, err := o.file.WriteAt(b, at)
		w.r.o.Counters.Bytes.Add(int64(len(b)))
		return err
	}
	// What was joined ends at at.
	flush := func() error {
		if len(w.joined) == 0 {
			return nil
		}
		err := put(w.joined, at-int64(len(w.joined)))
		w.joined = w.joined[:0]
		return err
	}
	for i, e := range extents {
		if e.Hole || e.Length >= joinMin || len(w.joined)+int(e.Length) > joinMax {
			if err := flush(); err != nil {
				return err
			}
		}
		if !e.Hole {
			b, err := w.piece(e)
			switch {
			case err != nil:
				return err
			case e.Length >= joinMin || len(w.joined) == 0 && i == len(extents)-1:
				err = put(b, at)
			default:
				w.joined = append(w.joined, b...)
			}
			if err != nil {
				return err
			}
		}
		at += e.Length
	}
	return flush()
}

// finish gives the entry its metadata and its name, or removes what there is
// of it. Only errors that end the run are returned.
func (o *output) finish(r *run, err error) error {
	defer r.release(o.folder)
	var as string
	if err == nil {
		err = r.in(o.folder, func(root *os.Root, dir *os.File) (err error) {
			as, err = o.complete(r, root, dir)
			return err
		})
	}
	r.mu.Lock()
	delete(r.unfinished, o)
	r.mu.Unlock()
	if err != nil {
		o.discard(r)
		switch {
		case r.ctx.Err() != nil:
			return r.ctx.Err()
		case errors.Is(err, errKept):
			r.keep(o.node, nil)
			return nil
		}
		r.problem(o.path, err)
		return fatal(err)
	}
	renamed, bytes := int64(0), int64(0)
	if as != base(o.path) {
		renamed = 1
	}
	if o.node.Kind == repo.NodeFile {
		bytes = o.node.Size
	}
	r.count(1, 0, renamed, bytes)
	if o.node.Link != 0 {
		r.linkDone(o.node.Link, joinPath(o.folder.at, as))
	}
	return nil
}

// discard removes what there is of an entry; the cause is reported elsewhere.
func (o *output) discard(r *run) {
	if o.file != nil {
		_ = o.file.Close()
		o.file = nil
	}
	if o.temp != "" {
		_ = r.in(o.folder, func(root *os.Root, _ *os.File) error { return root.Remove(o.temp) })
	}
}

// complete sets the metadata and gives the entry its name, which it returns.
func (o *output) complete(r *run, root *os.Root, dir *os.File) (as string, err error) {
	if o.file != nil {
		if n := len(o.node.Content.Extents); o.node.Content.Depth > 0 || n > 0 && o.node.Content.Extents[n-1].Hole {
			if err := o.file.Truncate(o.node.Size); err != nil {
				return "", err
			}
		}
	}
	for _, p := range setMeta(dir, r.harmless(o.node), o.temp, o.file, o.folder.inherits) {
		r.problem(o.path, p)
	}
	if o.file != nil {
		err := o.file.Close()
		o.file = nil
		if err != nil {
			return "", err
		}
	}
	if err := r.setLogsAside(o, root); err != nil {
		return "", err
	}
	return r.takeName(o.folder, root, dir, o.temp, o.name)
}

// done ends a part; the last one finishes the file.
func (o *output) done(r *run) error {
	if o.parts.Add(-1) > 0 {
		return nil
	}
	var err error
	if p := o.fault.Load(); p != nil {
		err = *p
	}
	return o.finish(r, err)
}
