// Package index finds chunks in memory: in which pack each stands, and where. It knows nothing of places; repo fills it from index objects.
package index

import (
	"encoding/binary"
	"slices"
	"sync"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
)

// Location says where a chunk is: its pack, and the record there.
type Location struct {
	Pack    uint32 // index into index.packs
	Ordinal uint32
	Offset  uint32 // of the sealed record in the pack
	Record  uint32 // bytes, before sealing
	Content uint32 // bytes of the content
	Kind    format.Kind
}

// Row is a chunk in a pack.
type Row struct {
	ID format.ID
	Location
}

// Sealed is how many bytes the record takes in its pack.
func (l *Location) Sealed() int64 { return int64(l.Record) + format.GCMTag }

// place is a row in memory: its offset, content and kind in 26, 24 and 2 bits. The rest of it
// follows from its neighbours.
type place struct {
	id format.ID
	at uint64
}

func newPlace(id format.ID, offset, content uint32, kind format.Kind) place {
	return place{id, uint64(offset) | uint64(content)<<26 | uint64(kind)<<50}
}

func (p *place) offset() uint32    { return uint32(p.at & (1<<26 - 1)) }
func (p *place) content() uint32   { return uint32(p.at >> 26 & (1<<24 - 1)) }
func (p *place) kind() format.Kind { return format.Kind(p.at >> 50) }

// indexedPack is a pack in memory.
type indexedPack struct {
	name  format.Name
	size  int64
	first uint32 // its first row
	end   uint32 // where its last record ends, bytes
}

// Index finds chunks by id. It is safe for concurrent use.
//
// Rows stand in order of arrival, pack by pack and each whole, in blocks that are never moved; an
// open-addressed table of row numbers, keyed by the first bytes of the (uniformly distributed) id,
// finds them. That is 40 bytes a chunk and 5 to 11 of the table, with nothing for the collector to scan.
// A chunk that stands in several packs is found in the first; the others' numbers are in spare: they are
// few, and looked at only when the first place does not read back.
type Index struct {
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

// New returns an empty index.
func New() *Index { return &Index{table: make([]uint32, 1024)} }

// Reset forgets everything.
func (x *Index) Reset() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.blocks, x.rows, x.found, x.spare, x.packs = nil, 0, 0, nil, nil
	clear(x.table)
}

// Add adds all chunks of a pack; it keeps no memory of p. Of a chunk in several packs, the first place is read first.
func (x *Index) Add(p format.PackList) {
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
func (x *Index) insert(first int, p place) {
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
func (x *Index) push(p place) {
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

func (x *Index) place(n uint32) *place { return &x.blocks[n>>blockShift][n&(blockRows-1)] }

func (x *Index) slot(id format.ID) (slot uint64, found bool) {
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

func (x *Index) grow() {
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
func (x *Index) row(n uint32) Row {
	pack, _ := slices.BinarySearchFunc(x.packs, n, func(p indexedPack, n uint32) int {
		if p.first <= n {
			return -1
		}
		return 1
	})
	return x.rowIn(uint32(pack-1), n)
}

// rowIn is row for a caller that knows the pack.
func (x *Index) rowIn(pack, n uint32) Row {
	p, at := &x.packs[pack], x.place(n)
	end := p.end
	if n+1 < x.lastOf(pack) {
		end = x.place(n + 1).offset()
	}
	return Row{at.id, Location{
		Pack: pack, Ordinal: n - p.first, Offset: at.offset(), Record: end - at.offset() - format.GCMTag, Content: at.content(), Kind: at.kind(),
	}}
}

// lastOf is the number after a pack's last row.
func (x *Index) lastOf(pack uint32) uint32 {
	if int(pack)+1 < len(x.packs) {
		return x.packs[pack+1].first
	}
	return uint32(x.rows)
}

// View is the index as it stands while Read runs: nothing is added and nothing forgotten.
type View struct{ x *Index }

// Read calls fn with a view of the index. fn must not call the index in another way.
func (x *Index) Read(fn func(View) error) error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return fn(View{x})
}

// Packs is how many packs there are; they are numbered from 0.
func (v View) Packs() int { return len(v.x.packs) }

// Pack returns a pack's name, the bytes of its object and the number of its chunks.
func (v View) Pack(pack uint32) (name format.Name, size int64, chunks int) {
	p := &v.x.packs[pack]
	return p.name, p.size, int(v.x.lastOf(pack) - p.first)
}

// Rows calls fn with all rows, in order, also with those of chunks that are found elsewhere. r is good until fn returns.
func (v View) Rows(fn func(n uint32, r *Row)) {
	var r Row
	for pack := range uint32(len(v.x.packs)) {
		for n := v.x.packs[pack].first; n < v.x.lastOf(pack); n++ {
			r = v.x.rowIn(pack, n)
			fn(n, &r)
		}
	}
}

// Further calls fn with the rows of chunks that are found elsewhere, and with the number of the row where each is found.
func (v View) Further(fn func(found uint32, r Row)) {
	for _, spare := range v.x.spare {
		r := v.x.row(spare)
		if n, ok := v.x.numberLocked(r.ID); ok {
			fn(n, r)
		}
	}
}

// Find returns where a chunk is.
func (x *Index) Find(id format.ID) (Location, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	slot, found := x.slot(id)
	if !found {
		return Location{}, false
	}
	return x.row(x.table[slot] - 1).Location, true
}

// Others returns the further places of a chunk. It looks at all spare rows.
func (x *Index) Others(id format.ID) (places []Location) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, n := range x.spare {
		if x.place(n).id == id {
			places = append(places, x.row(n).Location)
		}
	}
	return places
}

// PackName returns a pack's name.
func (x *Index) PackName(pack uint32) format.Name {
	name, _ := x.PackOf(pack)
	return name
}

// PackOf returns a pack's name and the size of its object.
func (x *Index) PackOf(pack uint32) (format.Name, int64) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.packs[pack].name, x.packs[pack].size
}

// KeepOnly drops the chunks of packs that are not present any more, and
// returns how many chunks are in no pack at all now.
func (x *Index) KeepOnly(present map[format.Name]int64) (lost int) {
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

// Number returns the number of a chunk's row. It stays the same until
// KeepOnly is called.
func (x *Index) Number(id format.ID) (uint32, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.numberLocked(id)
}

// numberLocked is Number. The caller must hold x.mu.
func (x *Index) numberLocked(id format.ID) (uint32, bool) {
	slot, found := x.slot(id)
	if !found {
		return 0, false
	}
	return x.table[slot] - 1, true
}
