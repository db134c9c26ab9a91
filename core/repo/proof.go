package repo

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-backup/holdfast/core/repo/internal/engine"
)

// Proof reads files back as a restore would and keeps nothing. It is for one goroutine.
type Proof struct {
	// Read is how many bytes of content were read.
	Read int64

	r       *Repository
	lengths map[ID]int64 // of chunks that are sound
	faults  map[ID]error
	want    []ID
	bytes   int64 // of want
	checks  []rangeCheck
}

// rangeCheck is a range of a chunk that a file needs.
type rangeCheck struct {
	file int
	id   ID
	end  int64
}

// proofWindow is how much content a Proof reads at once, bytes.
const proofWindow = 16 << 20

// NewProof returns a Proof. The index must have been loaded.
func (r *Repository) NewProof() *Proof {
	return &Proof{r: r, lengths: make(map[ID]int64), faults: make(map[ID]error)}
}

// Files reads files and returns what is wrong with each, nil for those that
// come back whole. Errors are of the destination.
func (p *Proof) Files(ctx context.Context, files []*Node) (faults []error, err error) {
	faults = make([]error, len(files))
	for i, n := range files {
		var size int64
		err := p.r.Extents(ctx, n.Content, func(e Extent) error {
			size += e.Length
			if e.Hole {
				return nil
			}
			p.ask(e.Chunk)
			p.checks = append(p.checks, rangeCheck{i, e.Chunk, int64(e.Offset) + e.Length})
			if p.bytes >= proofWindow {
				return p.flush(ctx, faults)
			}
			return nil
		})
		switch {
		case errors.Is(err, ErrDamaged):
			faults[i] = err
		case err != nil:
			return nil, err
		case size != n.Size:
			faults[i] = fmt.Errorf("%w: the extents do not add up to the file", ErrDamaged)
		}
	}
	return faults, p.flush(ctx, faults)
}

// ask puts a chunk on the list of those to be read, once.
func (p *Proof) ask(id ID) {
	if _, sound := p.lengths[id]; sound || p.faults[id] != nil {
		return
	}
	n, ok := p.r.Length(id)
	if !ok {
		p.faults[id] = engine.Missing(id)
		return
	}
	p.lengths[id] = n // until it is read
	p.want = append(p.want, id)
	p.bytes += n
}

// flush reads what is on the list and judges the files by it.
func (p *Proof) flush(ctx context.Context, faults []error) error {
	err := p.r.Load(ctx, p.want, func(n int) []byte { return make([]byte, n) }, func(id ID, content []byte, err error) error {
		if err != nil {
			delete(p.lengths, id)
			p.faults[id] = err
			return nil
		}
		p.lengths[id] = int64(len(content))
		p.Read += int64(len(content))
		return nil
	})
	if err != nil {
		return err
	}
	for _, c := range p.checks {
		switch {
		case faults[c.file] != nil:
		case p.faults[c.id] != nil:
			faults[c.file] = p.faults[c.id]
		case p.lengths[c.id] < c.end:
			faults[c.file] = fmt.Errorf("%w: chunk %s is shorter than the file says", ErrDamaged, c.id)
		}
	}
	p.want, p.checks, p.bytes = p.want[:0], p.checks[:0], 0
	return nil
}
