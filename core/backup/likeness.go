package backup

import (
	"bytes"
	"cmp"
	"encoding/binary"
)

// Pages of one table or index are much alike, and zstd makes less of them when
// they stand together than in the order in which the database grew (docs/adr/0018).

// changedPage is a page that is to be stored.
type changedPage struct {
	number int // in its region
	likeness
}

// likeness is near for pages that are alike. It orders what is stored and means nothing else.
type likeness struct {
	kind uint32
	key  [16]byte // of an index: how its first key begins
}

// compare orders pages: those that are alike next to each other, otherwise as in the file.
func (p changedPage) compare(q changedPage) int {
	return cmp.Or(cmp.Compare(p.kind, q.kind), bytes.Compare(p.key[:], q.key[:]), cmp.Compare(p.number, q.number))
}

// The sorts of pages that hold rows or keys (SQLite's file format, section 1.6).
const (
	indexInner = 0x02
	tableInner = 0x05
	indexLeaf  = 0x0a
	tableLeaf  = 0x0d
)

// likenessOf looks at a page, which may be anything. Rows of a table have as many columns, so
// about as long a header before their values: the shortest one on a page tells tables apart.
func likenessOf(page []byte) (l likeness) {
	if len(page) < pageMin {
		return l
	}
	switch page[0] {
	case indexLeaf, tableLeaf:
	case indexInner, tableInner:
		return likeness{kind: uint32(page[0]) << 24}
	default: // what did not fit into a row, and whatever else
		return l
	}
	shortest := uint64(1<<24 - 1)
	cells := min(int(binary.BigEndian.Uint16(page[3:])), (len(page)-8)/2)
	for i := range cells {
		at := int(binary.BigEndian.Uint16(page[8+2*i:]))
		if at >= len(page) {
			break
		}
		record := afterVarint(page[at:]) // the payload's length
		if page[0] == tableLeaf {
			record = afterVarint(record) // the row's id
		}
		header, n := varint(record)
		shortest = min(shortest, header)
		if i == 0 && page[0] == indexLeaf && header >= uint64(n) && header <= uint64(len(record)) {
			copy(l.key[:], record[header:])
		}
	}
	l.kind = uint32(page[0])<<24 | uint32(shortest)
	return l
}

// varint reads a variable-length integer of SQLite's: big-endian, seven bits
// a byte, at most nine bytes. n is how many bytes it takes, of those there are.
func varint(b []byte) (v uint64, n int) {
	for n < min(8, len(b)) {
		c := b[n]
		n++
		v = v<<7 | uint64(c&0x7f)
		if c < 0x80 {
			return v, n
		}
	}
	if n < len(b) {
		v, n = v<<8|uint64(b[n]), n+1
	}
	return v, n
}

func afterVarint(b []byte) []byte {
	_, n := varint(b)
	return b[n:]
}
