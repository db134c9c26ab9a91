package restore

import (
	"errors"
	"fmt"
	"slices"

	"github.com/holdfast-backup/holdfast/core/repo"
)

// stream writes a long file: its segments are jobs of their own.
func (r *run) stream(out *output) error {
	if err := out.create(r); err != nil {
		return out.finish(r, err)
	}
	out.parts.Store(1)
	var at, start, bytes, chunks int64
	var extents []repo.Extent
	seen := make(map[repo.ID]bool)
	flush := func() error {
		if len(extents) == 0 {
			return nil
		}
		out.parts.Add(1)
		seg := &segment{out: out, at: start, extents: slices.Clone(extents)}
		extents, start, bytes, chunks = extents[:0], at, 0, 0
		clear(seen)
		return r.send(seg)
	}
	err := r.o.Repository.Extents(r.ctx, out.node.Content, func(e repo.Extent) error {
		// A database's extents go to and fro among a few chunks, which are best loaded once; a file of zeros has one chunk over and over.
		if !e.Hole && !seen[e.Chunk] && bytes >= batchBytes/2 || bytes >= 2*batchBytes || chunks >= loadedBytes ||
			len(extents) >= segmentExtents {
			if err := flush(); err != nil {
				return err
			}
		}
		extents = append(extents, e)
		at += e.Length
		if !e.Hole {
			bytes += e.Length
		}
		chunks += r.newBytes(e, seen)
		return nil
	})
	if err == nil {
		err = flush()
	}
	if err == nil && at != out.node.Size {
		err = errWrongSize()
	}
	if err != nil {
		out.fault.CompareAndSwap(nil, &err)
	}
	return out.done(r)
}

func errWrongSize() error {
	return fmt.Errorf("%w: the extents do not add up to the file", repo.ErrDamaged)
}

// segment is a run of extents of a long file.
type segment struct {
	out     *output
	at      int64
	extents []repo.Extent
}

func (s *segment) do(w *worker) error {
	if s.out.fault.Load() != nil {
		return s.out.done(w.r)
	}
	err := w.load(s.extents)
	if err == nil {
		err = s.out.write(w, s.at, s.extents)
	}
	if err != nil {
		return s.end(w.r, err)
	}
	return w.settle(written{s.out.file, s.at, s.length(), func(err error) error { return s.end(w.r, err) }})
}

// end tells the file what became of the segment.
func (s *segment) end(r *run, fault error) error {
	if fault != nil {
		s.out.fault.CompareAndSwap(nil, &fault)
		if !errors.Is(fault, repo.ErrDamaged) {
			if ferr := fatal(fault); ferr != nil {
				_ = s.out.done(r) // ferr is what ends the run
				return ferr
			}
		}
	}
	return s.out.done(r)
}

func (s *segment) length() (n int64) {
	for _, e := range s.extents {
		n += e.Length
	}
	return n
}
