package backup

import (
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"slices"

	"github.com/zeebo/blake3"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/source"
)

// dirState is a directory whose entries are being collected.
type dirState struct {
	path   string
	node   repo.Node
	nodes  []repo.Node
	cached *cachedDir
}

// assemble takes the walk's items in order and builds the trees. It returns
// the root directory's node.
func (r *run) assemble(ctx context.Context) (*repo.Node, error) {
	root := &dirState{}
	r.stack = []*dirState{root}
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
			r.stack = append(r.stack, it.dir)
			sources = append(sources, it.source)
		case kindLeave:
			if err := r.leave(ctx); err != nil {
				return nil, err
			}
			if src := sources[len(sources)-1]; src != nil {
				r.read = append(r.read, *src)
			}
			sources = sources[:len(sources)-1]
		case kindNode:
			ok, err := r.complete(ctx, &it)
			if err != nil {
				return nil, err
			}
			if ok && it.source != nil {
				r.read = append(r.read, *it.source)
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// The sources' names need not have come in order.
	slices.SortFunc(root.nodes, func(a, b repo.Node) int { return compareNames(a.Name, b.Name) })
	if err := r.finish(root); err != nil {
		return nil, err
	}
	return &root.node, nil
}

func compareNames(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (r *run) top() *dirState { return r.stack[len(r.stack)-1] }

// add puts a finished node into the directory on top.
func (r *run) add(n repo.Node) {
	d := r.top()
	d.nodes = append(d.nodes, n)
	switch n.Kind {
	case repo.NodeFile:
		d.node.Files++
		d.node.Size += n.Size
	case repo.NodeDir:
		d.node.Files += n.Files
		d.node.Size += n.Size
	}
}

// leave ends the directory on top.
func (r *run) leave(context.Context) error {
	d := r.top()
	if err := r.finish(d); err != nil {
		return err
	}
	r.dirs++
	r.stack = r.stack[:len(r.stack)-1]
	r.add(d.node)
	return nil
}

// finish stores a directory's tree, or takes the one of the run before when
// nothing in it differs.
func (r *run) finish(d *dirState) error {
	d.node.Kind = repo.NodeDir
	if d.cached != nil && r.sameTree(d) {
		d.node.Content = d.cached.content
	} else {
		b := r.saver.NewTreeBuilder()
		for i := range d.nodes {
			n := d.nodes[i]
			n.Local = nil
			if err := b.Add(&n); err != nil {
				return err
			}
		}
		var err error
		if d.node.Content, err = b.Content(); err != nil {
			return err
		}
	}
	if r.newCache != nil && d.path != "" {
		r.newCache.add(d.path, d.node.Content, d.nodes)
	}
	d.nodes = nil
	return nil
}

// sameTree tells whether the directory's tree would be the one of the run before.
func (r *run) sameTree(d *dirState) bool {
	if len(d.nodes) != len(d.cached.nodes) {
		return false
	}
	for _, e := range d.cached.content.Extents {
		if !r.o.Repository.Has(e.Chunk) {
			return false
		}
	}
	for i := range d.nodes {
		if !d.nodes[i].SameAs(&d.cached.nodes[i]) {
			return false
		}
	}
	return true
}

// complete waits for a node's content and adds the node. ok is false for a
// file that could not be read: it is reported and left out.
func (r *run) complete(ctx context.Context, it *item) (ok bool, err error) {
	p := it.file
	if p == nil {
		r.add(it.node)
		return true, nil
	}
	if !p.resolved {
		if err := r.resolve(ctx, p, it.node); err != nil {
			return false, err
		}
	}
	if !p.ok {
		return false, nil
	}
	n := p.result
	n.Name = it.node.Name // another name of the same file
	if n.Size > 0 && p.bundle != nil {
		r.o.Counters.Bytes.Add(n.Size)
	}
	r.o.Counters.Files.Add(1)
	r.add(n)
	return true, nil
}

// resolve waits until a file is stored and sets its result.
func (r *run) resolve(ctx context.Context, p *pending, n repo.Node) error {
	p.resolved = true
	var (
		content repo.Content
		entry   source.Entry
		err     error
	)
	if p.bundle != nil {
		content, entry, err = r.bundled(ctx, p)
	} else {
		content, entry, err = r.blocks(ctx, p)
	}
	if errors.Is(err, errStop) || ctx.Err() != nil {
		return err
	}
	if err != nil && !errors.Is(err, errChanged) {
		if !errors.Is(err, fs.ErrNotExist) {
			r.report(p.path, err)
		}
		return nil
	}
	if err != nil {
		r.report(p.path, err) // it is in the snapshot as it was read last
		n.Local = nil         // and is read again next time
	} else {
		n.Local = signature(&entry)
	}
	n.Content, n.Size = content, 0
	n.Size = entry.Size
	n.MTime, n.MNanos, n.Mode = entry.MTime.Sec, uint32(entry.MTime.Nsec), entry.Mode
	p.result, p.ok = n, true
	return nil
}

func (r *run) report(path string, err error) {
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
	if res.big {
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
	builder := r.saver.NewContentBuilder()
	var fault error
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
		default:
			if err := builder.Add(b.extent); err != nil {
				return repo.Content{}, source.Entry{}, errors.Join(errStop, err)
			}
		}
	}
	if fault == nil {
		fault = stillSame(p.file.Handle, p.file.entry)
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
	return content, p.file.entry, nil
}

// linkNumber names a file with several names within a snapshot.
func linkNumber(device, inode uint64) uint64 {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], device)
	binary.BigEndian.PutUint64(b[8:], inode)
	sum := blake3.Sum256(b[:])
	return binary.BigEndian.Uint64(sum[:]) | 1
}
