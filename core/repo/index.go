package repo

import (
	"encoding/binary"
	"slices"
	"sync"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
)

// location is where a chunk is: which record of which pack.
type location struct {
	pack    uint32 // index into index.packs
	ordinal uint32
	offset  uint32 // of the sealed record in the pack
	record  uint32 // bytes, before sealing
	content uint32 // bytes of the content
	kind    Kind
}

// row is a chunk in a pack.
type row struct {
	id ID
	location
}

// sealed is how many bytes the record takes in its pack.
func (l *location) sealed() int64 { return int64(l.record) + format.GCMTag }

// place is a row in memory: its offset, content and kind in 26, 24 and 2 bits. The rest of it
// follows from its neighbours.
type place struct {
	id ID
	at uint64
}

func newPlace(id ID, offset, content uint32, kind Kind) place {
	return place{id, uint64(offset) | uint64(content)<<26 | uint64(kind)<<50}
}

func (p *place) offset() uint32  { return uint32(p.at & (1<<26 - 1)) }
func (p *place) content() uint32 { return uint32(p.at >> 26 & (1<<24 - 1)) }
func (p *place) kind() Kind      { return Kind(p.at >> 50) }

// indexedPack is a pack in memory.
type indexedPack struct {
	name  Name
	size  int64
	first uint32 // its first row
	end   uint32 // where its last record ends, bytes
}

// index finds chunks by id. It is safe for concurrent use.
//
// Rows stand in order of arrival, pack by pack and each whole, in blocks that are never moved; an
// open-addressed table of row numbers, keyed by the first bytes of the (uniformly distributed) id,
// finds them. That is 40 bytes a chunk and 5 to 11 of the table, with nothing for the collector to scan.
// A chunk that stands in several packs is found in the first; the others' numbers are in spare: they are
// few, and looked at only when the first place does not read back.
type index struct {
	mu     sync.RWMutex
	blocks [][]place // of blockRows each
	rows   int
	found  int      // rows in the table
	spare  []uint32 // row numbers
	table  []uint32 // row number + 1; 0 is free
	packs  []indexedPack
}

const (
	blockShift = 14
	blockRows  = 1 << blockShift
)

func newIndex() *index { return &index{table: make([]uint32, 1024)} }

// reset forgets everything.
func (x *index) reset() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.blocks, x.rows, x.found, x.spare, x.packs = nil, 0, 0, nil, nil
	clear(x.table)
}

// addPack adds all chunks of a pack, of which it keeps nothing. The first place of a chunk is read first.
func (x *index) addPack(p format.PackList) {
	x.mu.Lock()
	defer x.mu.Unlock()
	first := x.rows
	var offset uint32
	for _, e := range p.Entries {
		x.insert(first, newPlace(e.ID, offset, e.Content, e.Kind))
		offset += uint32(e.Sealed())
	}
	x.packs = append(x.packs, indexedPack{p.Name, p.Size, uint32(first), offset})
}

// insert appends a row of the pack that begins with row first.
func (x *index) insert(first int, p place) {
	if (x.found+1)*4 > len(x.table)*3 {
		x.grow()
	}
	n := uint32(x.rows)
	x.push(p)
	slot, found := x.slot(p.id)
	if !found {
		x.table[slot] = n + 1
		x.found++
	} else if int(x.table[slot]-1) < first { // not twice in one pack
		x.spare = append(x.spare, n)
	}
}

// push appends a row. The first block grows from next to nothing: most repositories
// that are opened in a test, and many that are not, have few chunks.
func (x *index) push(p place) {
	b, i := x.rows>>blockShift, x.rows&(blockRows-1)
	if b == len(x.blocks) {
		var block []place
		if b > 0 {
			block = make([]place, 0, blockRows)
		}
		x.blocks = append(x.blocks, block)
	}
	if i < len(x.blocks[b]) { // what was there has moved
		x.blocks[b][i] = p
	} else {
		x.blocks[b] = append(x.blocks[b], p)
	}
	x.rows++
}

func (x *index) place(n uint32) *place { return &x.blocks[n>>blockShift][n&(blockRows-1)] }

func (x *index) slot(id ID) (slot uint64, found bool) {
	mask := uint64(len(x.table) - 1)
	for slot = binary.LittleEndian.Uint64(id[:]) & mask; ; slot = (slot + 1) & mask {
		n := x.table[slot]
		if n == 0 {
			return slot, false
		}
		if x.place(n-1).id == id {
			return slot, true
		}
	}
}

func (x *index) grow() {
	old := x.table
	x.table = make([]uint32, 2*len(old))
	for _, n := range old {
		if n != 0 {
			slot, _ := x.slot(x.place(n - 1).id)
			x.table[slot] = n
		}
	}
}

// row returns a row by its number.
func (x *index) row(n uint32) row {
	pack, _ := slices.BinarySearchFunc(x.packs, n, func(p indexedPack, n uint32) int {
		if p.first <= n {
			return -1
		}
		return 1
	})
	return x.rowIn(uint32(pack-1), n)
}

// rowIn is row for a caller that knows the pack.
func (x *index) rowIn(pack, n uint32) row {
	p, at := &x.packs[pack], x.place(n)
	end := p.end
	if n+1 < x.lastOf(pack) {
		end = x.place(n + 1).offset()
	}
	return row{at.id, location{
		pack: pack, ordinal: n - p.first, offset: at.offset(), record: end - at.offset() - format.GCMTag, content: at.content(), kind: at.kind(),
	}}
}

// lastOf is the number after a pack's last row.
func (x *index) lastOf(pack uint32) uint32 {
	if int(pack)+1 < len(x.packs) {
		return x.packs[pack+1].first
	}
	return uint32(x.rows)
}

// view is the index as it stands while Read runs: nothing is added and nothing forgotten.
type view struct{ x *index }

// read calls fn with a view of the index. fn must not call the index in another way.
func (x *index) read(fn func(view) error) error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return fn(view{x})
}

// packs is how many packs there are; they are numbered from 0.
func (v view) packs() int { return len(v.x.packs) }

// pack returns a pack's name, the bytes of its object and the number of its chunks.
func (v view) pack(pack uint32) (name Name, size int64, chunks int) {
	p := &v.x.packs[pack]
	return p.name, p.size, int(v.x.lastOf(pack) - p.first)
}

// rows calls fn with all rows, in order, also with those of chunks that are found elsewhere. r is good until fn returns.
func (v view) rows(fn func(n uint32, r *row)) {
	var r row
	for pack := range uint32(len(v.x.packs)) {
		for n := v.x.packs[pack].first; n < v.x.lastOf(pack); n++ {
			r = v.x.rowIn(pack, n)
			fn(n, &r)
		}
	}
}

// further calls fn with the rows of chunks that are found elsewhere, and with the number of the row where each is found.
func (v view) further(fn func(found uint32, r row)) {
	for _, spare := range v.x.spare {
		r := v.x.row(spare)
		if n, ok := v.x.numberLocked(r.id); ok {
			fn(n, r)
		}
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
	return x.row(x.table[slot] - 1).location, true
}

// others returns the further places of a chunk. It looks at all spare rows.
func (x *index) others(id ID) (places []location) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, n := range x.spare {
		if x.place(n).id == id {
			places = append(places, x.row(n).location)
		}
	}
	return places
}

func (x *index) packName(pack uint32) Name {
	name, _ := x.packOf(pack)
	return name
}

// packOf returns a pack's name and the size of its object.
func (x *index) packOf(pack uint32) (Name, int64) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.packs[pack].name, x.packs[pack].size
}

// keepOnly drops the chunks of packs that are not present any more, and
// returns how many chunks are in no pack at all now.
func (x *index) keepOnly(present map[Name]int64) (lost int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	gone := func(p indexedPack) bool { size, ok := present[p.name]; return !ok || size != p.size }
	if !slices.ContainsFunc(x.packs, gone) {
		return 0
	}
	before, packs := x.found, x.packs
	ends := make([]uint32, len(packs))
	for i := range packs {
		ends[i] = x.lastOf(uint32(i))
	}
	x.rows, x.found, x.spare, x.packs = 0, 0, nil, nil
	clear(x.table)
	// What stays moves up in its own blocks: no row is written before it was read.
	for i, p := range packs {
		if gone(p) {
			continue
		}
		first := x.rows
		for n := p.first; n < ends[i]; n++ {
			x.insert(first, *x.place(n))
		}
		p.first = uint32(first)
		x.packs = append(x.packs, p)
	}
	x.blocks = slices.Delete(x.blocks, (x.rows+blockRows-1)>>blockShift, len(x.blocks))
	return before - x.found
}

// number returns the number of a chunk's row. It stays the same until
// keepOnly is called.
func (x *index) number(id ID) (uint32, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.numberLocked(id)
}

// numberLocked is number. The caller must hold x.mu.
func (x *index) numberLocked(id ID) (uint32, bool) {
	slot, found := x.slot(id)
	if !found {
		return 0, false
	}
	return x.table[slot] - 1, true
}
