package engine

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
)

// packClass is the packs of one sort: file data, or metadata.
type packClass struct {
	w      *Writer
	target int
	mu     sync.Mutex
	open   *openPack
	free   chan []byte // buffers; nil ones are made at their first use
	made   [][]byte
}

// openPack is a pack being filled. Records are sealed in place, by several
// goroutines at once, into ranges that were reserved one after the other.
type openPack struct {
	class   *packClass
	name    format.Name
	cipher  format.PackCipher
	buf     []byte
	used    int
	entries []format.PackEntry
	pending atomic.Int32 // reservations not sealed yet, and one while it is open
}

func newPackClass(w *Writer, target, buffers int) *packClass {
	c := &packClass{w: w, target: target, free: make(chan []byte, buffers)}
	for range buffers {
		c.free <- nil
	}
	return c
}

// reserve returns a place for a sealed record in a pack of the class.
func (c *packClass) reserve(e format.PackEntry) (p *openPack, ordinal uint32, place []byte, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.open; p != nil && (format.PackSize(p.used+e.Sealed(), len(p.entries)+1) > c.target || len(p.entries) == format.MaxPackChunks) {
		c.closeLocked()
	}
	if c.open == nil {
		var buf []byte
		select {
		case buf = <-c.free:
		case <-c.w.ctx.Done():
			return nil, 0, nil, context.Cause(c.w.ctx)
		}
		if buf == nil {
			// Room for one chunk of the greatest size over the target, its tail and its padding.
			if buf, err = newBuffer(format.Padme(c.target + format.MaxChunk + format.MaxPackChunks)); err != nil {
				return nil, 0, nil, err
			}
			c.made = append(c.made, buf)
		}
		name := c.w.epoch.NewName(format.KindPack)
		c.open = &openPack{class: c, name: name, cipher: c.w.epoch.PackCipher(name), buf: buf}
		c.open.pending.Store(1)
	}
	p = c.open
	ordinal, place = uint32(len(p.entries)), p.buf[p.used:p.used:p.used+e.Sealed()]
	p.used += e.Sealed()
	p.entries = append(p.entries, e)
	p.pending.Add(1)
	if wellFilled(p.used, len(p.entries), c.target) {
		c.closeLocked()
	}
	return p, ordinal, place, nil
}

// wellFilled reports whether a pack is so close under a length that it would be
// padded to that it should end here, from half of the target on. The more records may still
// come, the closer it must be: with k to come and the padding taken as uniform below w, waiting
// pays as long as there is more of it than about 2w/(k+4). Filled blindly, packs are a
// hundredth of padding.
func wellFilled(used, records, target int) bool {
	size := used + format.GCMTag + records*format.TableEntry + format.GCMTag + format.TrailerSealed
	if size < target/2 {
		return false
	}
	padding, w := format.Padme(size)-size, format.PadmeGrain(size)
	left := max(0, target-size) / (size / records)
	return padding*(left+4) <= 2*w
}

// closeLocked ends the open pack; the last one to seal a record uploads it.
func (c *packClass) closeLocked() {
	p := c.open
	c.open = nil
	p.done()
}

func (p *openPack) done() {
	if p.pending.Add(-1) == 0 {
		p.class.w.uploads.Go(p.upload)
	}
}

func (p *openPack) upload() error {
	w := p.class.w
	sealed := p.cipher.SealTail(p.buf[:p.used], p.entries)
	err := w.put(format.KindPack.Path(p.name), sealed)
	p.class.free <- p.buf
	if err != nil {
		w.fail(err)
		return err
	}
	list := format.PackList{Name: p.name, Size: int64(len(sealed)), Entries: p.entries}
	w.eng.mu.Lock()
	w.eng.listed[p.name] = true
	w.eng.mu.Unlock()
	w.eng.Index.Add(list)
	w.mu.Lock()
	for _, e := range p.entries {
		delete(w.claimed, e.ID)
	}
	w.mu.Unlock()

	w.indexMu.Lock()
	w.unindexed = append(w.unindexed, list)
	full := len(w.unindexed) >= indexEvery
	w.indexMu.Unlock()
	if !full {
		return nil
	}
	if err := w.writeIndex(); err != nil {
		return err
	}
	if err := w.Checkpoint(nil); err != nil {
		w.fail(err)
		return err
	}
	return nil
}
