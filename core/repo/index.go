package repo

import (
	"encoding/binary"
	"sync"
)

// packList is the table of one pack as an index object holds it.
type packList struct {
	name    Name
	size    int64
	entries []packEntry
}

// encodeIndex encodes an index payload (docs/format.md, chapter 7).
func encodeIndex(supersedes []Name, packs []packList) []byte {
	b := []byte{1}
	b = appendUvarint(b, uint64(len(supersedes)))
	for _, n := range supersedes {
		b = append(b, n[:]...)
	}
	b = appendUvarint(b, uint64(len(packs)))
	for _, p := range packs {
		b = append(b, p.name[:]...)
		b = appendUvarint(b, uint64(p.size))
		b = appendUvarint(b, uint64(len(p.entries)))
		for _, e := range p.entries {
			b = append(b, e.id[:]...)
			b = append(b, byte(e.kind))
			b = appendUvarint(b, uint64(e.record))
			b = appendUvarint(b, uint64(e.content))
		}
	}
	return b
}

func decodeIndex(b []byte) (supersedes []Name, packs []packList, err error) {
	d := decoder{b: b}
	if d.u8() != 1 {
		d.fail("unknown index version")
	}
	for range d.count(32, "number of superseded indexes") {
		supersedes = append(supersedes, Name(d.id()))
	}
	n := d.count(34, "number of packs")
	packs = make([]packList, 0, n)
	for range n {
		p := packList{name: Name(d.id()), size: int64(d.max(maxPack, "pack size"))}
		chunks := d.count(35, "number of chunks")
		if chunks > maxPackChunks {
			d.fail("too many chunks in a pack")
			break
		}
		p.entries = make([]packEntry, 0, chunks)
		var total int64
		for range chunks {
			e := packEntry{id: d.id(), kind: Kind(d.u8()), record: uint32(d.max(MaxChunk+1, "record length")), content: uint32(d.max(MaxChunk, "content length"))}
			if !e.valid() {
				d.fail("bad chunk")
			}
			total += int64(e.sealed())
			p.entries = append(p.entries, e)
		}
		if total > p.size {
			d.fail("chunks longer than their pack")
		}
		packs = append(packs, p)
	}
	return supersedes, packs, d.done()
}

// location is where a chunk is: which record of which pack.
type location struct {
	pack    uint32 // index into Index.packs
	ordinal uint32
	offset  uint32 // of the sealed record in the pack
	record  uint32 // bytes, before sealing
	content uint32 // bytes of the content
	kind    Kind
}

// row is a chunk in memory: 53 bytes with its share of the hash table.
type row struct {
	id       ID
	pack     uint32
	ordinal  uint16
	kind     Kind
	offset   uint32
	record   uint32
	contentB uint32
}

// index finds chunks by id. It is safe for concurrent use.
//
// Rows stand in one array in order of arrival; an open-addressed table of row
// numbers, keyed by the first bytes of the (uniformly distributed) id, finds
// them. That is under 64 bytes a chunk with nothing for the collector to scan.
// A chunk that stands in several packs has its further rows in spare: they are
// few, and looked at only when the first place does not read back.
type index struct {
	mu    sync.RWMutex
	rows  []row
	spare []row
	table []uint32 // row number + 1; 0 is free
	packs []Name
	sizes []int64
}

func newIndex() *index { return &index{table: make([]uint32, 1024)} }

// addPack adds all chunks of a pack. The first place of a chunk is read first.
func (x *index) addPack(p packList) {
	x.mu.Lock()
	defer x.mu.Unlock()
	pack := uint32(len(x.packs))
	x.packs = append(x.packs, p.name)
	x.sizes = append(x.sizes, p.size)
	var offset uint32
	for i, e := range p.entries {
		x.insert(row{id: e.id, pack: pack, ordinal: uint16(i), kind: e.kind, offset: offset, record: e.record, contentB: e.content})
		offset += uint32(e.sealed())
	}
}

func (x *index) insert(r row) {
	if (len(x.rows)+1)*4 > len(x.table)*3 {
		x.grow()
	}
	slot, found := x.slot(r.id)
	if found {
		if x.rows[x.table[slot]-1].pack != r.pack {
			x.spare = append(x.spare, r)
		}
		return
	}
	x.rows = append(x.rows, r)
	x.table[slot] = uint32(len(x.rows))
}

func (x *index) slot(id ID) (slot uint64, found bool) {
	mask := uint64(len(x.table) - 1)
	for slot = binary.LittleEndian.Uint64(id[:]) & mask; ; slot = (slot + 1) & mask {
		n := x.table[slot]
		if n == 0 {
			return slot, false
		}
		if x.rows[n-1].id == id {
			return slot, true
		}
	}
}

func (x *index) grow() {
	x.table = make([]uint32, 2*len(x.table))
	for i := range x.rows {
		slot, _ := x.slot(x.rows[i].id)
		x.table[slot] = uint32(i + 1)
	}
}

// find returns where a chunk is.
func (x *index) find(id ID) (location, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	slot, found := x.slot(id)
	if !found {
		return location{}, false
	}
	return x.rows[x.table[slot]-1].location(), true
}

func (r *row) location() location {
	return location{pack: r.pack, ordinal: uint32(r.ordinal), offset: r.offset, record: r.record, content: r.contentB, kind: r.kind}
}

// others returns the further places of a chunk. It looks at all spare rows.
func (x *index) others(id ID) (places []location) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for i := range x.spare {
		if x.spare[i].id == id {
			places = append(places, x.spare[i].location())
		}
	}
	return places
}

func (x *index) packName(pack uint32) Name {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.packs[pack]
}

// keepOnly drops the chunks of packs that are not present any more, and
// returns how many chunks are in no pack at all now.
func (x *index) keepOnly(present map[Name]int64) (lost int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	gone := make([]bool, len(x.packs))
	any := false
	for i, n := range x.packs {
		size, ok := present[n]
		if !ok || size != x.sizes[i] {
			gone[i], any = true, true
		}
	}
	if !any {
		return 0
	}
	rows, spare := x.rows, x.spare
	x.rows, x.spare = nil, nil
	clear(x.table)
	for _, list := range [][]row{rows, spare} {
		for _, r := range list {
			if !gone[r.pack] {
				x.insert(r)
			}
		}
	}
	return len(rows) - len(x.rows)
}

// number returns the number of a chunk's row. It stays the same until
// keepOnly is called.
func (x *index) number(id ID) (uint32, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.numberLocked(id)
}

// numberLocked is number for who holds the lock.
func (x *index) numberLocked(id ID) (uint32, bool) {
	slot, found := x.slot(id)
	if !found {
		return 0, false
	}
	return x.table[slot] - 1, true
}

// sealed is how many bytes the record takes in its pack.
func (r *row) sealed() int64 { return int64(r.record) + gcmTag }
