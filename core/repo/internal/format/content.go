package format

import (
	"fmt"
	"slices"
)

// Extent is a run of bytes of a file: a range of a chunk, or a hole.
type Extent struct {
	Chunk  ID // ignored for a hole
	Offset uint32
	Length int64
	Hole   bool
}

// Content says where a file's bytes are (docs/format.md, chapter 8). At depth
// 0 the extents are the bytes; at depth d they are list blocks of depth d-1.
type Content struct {
	Depth   int
	Extents []Extent
}

// Key names the blocks of a directory: two that have it in common hold the same.
func (c Content) Key() string {
	b := make([]byte, 0, len(c.Extents)*len(ID{}))
	for _, e := range c.Extents {
		b = append(b, e.Chunk[:]...)
	}
	return string(b)
}

// Size returns the number of bytes that the extents of depth 0 give.
func (c Content) size() (n int64) {
	for _, e := range c.Extents {
		n += e.Length
	}
	return n
}

// idTable numbers chunk ids in the order of their first use.
type idTable struct {
	ids  []ID
	refs map[ID]uint64
	last ID
	ref  uint64
}

func (t *idTable) add(id ID) uint64 {
	if t.ref > 0 && t.last == id {
		return t.ref
	}
	ref, ok := t.refs[id]
	if !ok {
		if t.refs == nil {
			t.refs = make(map[ID]uint64)
		}
		t.ids = append(t.ids, id)
		ref = uint64(len(t.ids))
		t.refs[id] = ref
	}
	t.last, t.ref = id, ref
	return ref
}

func (t *idTable) encode(b []byte) []byte {
	b = appendUvarint(b, uint64(len(t.ids)))
	for _, id := range t.ids {
		b = append(b, id[:]...)
	}
	return b
}

func (t *idTable) reset() {
	t.ids = t.ids[:0]
	clear(t.refs)
	t.ref = 0
}

func appendExtents(b []byte, t *idTable, extents []Extent) []byte {
	b = appendUvarint(b, uint64(len(extents)))
	for _, e := range extents {
		if e.Hole {
			b = append(b, 0)
			b = appendUvarint(b, uint64(e.Length))
			continue
		}
		b = appendUvarint(b, t.add(e.Chunk))
		b = appendUvarint(b, uint64(e.Length))
		b = appendUvarint(b, uint64(e.Offset))
	}
	return b
}

func appendContent(b []byte, t *idTable, c Content) []byte {
	b = append(b, byte(c.Depth))
	return appendExtents(b, t, c.Extents)
}

func (d *decoder) ids() []ID {
	n := d.count(32, "number of ids")
	ids := make([]ID, n)
	for i := range ids {
		ids[i] = d.id()
	}
	return ids
}

// extents decodes extents into the memory of into, if that is enough.
func (d *decoder) extents(ids []ID, into []Extent) []Extent {
	n := d.few(2, "number of extents")
	extents := slices.Grow(into[:0], n)[:n]
	for i := range extents {
		ref := d.max(uint64(len(ids)), "chunk reference")
		e := Extent{Length: int64(d.max(1<<62, "extent length"))}
		switch {
		case e.Length == 0:
			d.fail("empty extent")
		case ref == 0:
			e.Hole = true
		default:
			e.Chunk = ids[ref-1]
			e.Offset = uint32(d.max(MaxChunk, "extent offset"))
			if int64(e.Offset)+e.Length > MaxChunk {
				d.fail("extent out of range")
			}
		}
		extents[i] = e
		if d.err != nil {
			return nil
		}
	}
	return extents
}

// content decodes a content, its extents into the memory of into.
func (d *decoder) content(ids []ID, into []Extent) Content {
	c := Content{Depth: int(d.u8())}
	if c.Depth > MaxListDepth {
		d.fail("extent lists nest too deep")
	}
	c.Extents = d.extents(ids, into)
	if c.Depth > 0 {
		for _, e := range c.Extents {
			if e.Hole || e.Offset != 0 {
				d.fail("bad extent list")
			}
		}
	}
	return c
}

// EncodeList encodes a list block.
func EncodeList(extents []Extent) []byte {
	var t idTable
	body := appendExtents(nil, &t, extents)
	return append(t.encode([]byte{1}), body...)
}

// DecodeList decodes a list block whose extents are of this depth. Errors: ErrDamaged.
func DecodeList(b []byte, depth int) ([]Extent, error) {
	d := decoder{b: b}
	if d.u8() != 1 {
		d.fail("unknown list version")
	}
	extents := d.extents(d.ids(), nil)
	if err := d.done(); err != nil {
		return nil, fmt.Errorf("extent list: %w", err)
	}
	if depth > 0 {
		for _, e := range extents {
			if e.Hole || e.Offset != 0 {
				return nil, fmt.Errorf("%w: bad extent list", ErrDamaged)
			}
		}
	}
	return extents, nil
}
