package repo

import "slices"

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

// decodeIndex decodes an index payload.
func decodeIndex(b []byte) (supersedes []Name, packs []packList, err error) {
	supersedes, err = scanIndex(b, func(p packList) {
		p.entries = slices.Clone(p.entries)
		packs = append(packs, p)
	})
	return supersedes, packs, err
}

// scanIndex decodes an index payload and calls fn with one pack after the other, each in the same
// memory. The payload may turn out to be damaged after that: who cannot have this scans it twice.
func scanIndex(b []byte, fn func(packList)) (supersedes []Name, err error) {
	d := decoder{b: b}
	if d.u8() != 1 {
		d.fail("unknown index version")
	}
	for range d.count(32, "number of superseded indexes") {
		supersedes = append(supersedes, Name(d.id()))
	}
	var entries []packEntry
	for range d.count(34, "number of packs") {
		p := packList{name: Name(d.id()), size: int64(d.max(maxPack, "pack size"))}
		chunks := d.count(35, "number of chunks")
		if chunks > maxPackChunks {
			d.fail("too many chunks in a pack")
			break
		}
		entries = slices.Grow(entries[:0], chunks)
		var total int64
		for range chunks {
			e := packEntry{id: d.id(), kind: Kind(d.u8()), record: uint32(d.max(MaxChunk+1, "record length")), content: uint32(d.max(MaxChunk, "content length"))}
			if !e.valid() {
				d.fail("bad chunk")
			}
			total += int64(e.sealed())
			entries = append(entries, e)
		}
		if total > p.size {
			d.fail("chunks longer than their pack")
		}
		if d.err != nil {
			break
		}
		p.entries = entries
		fn(p)
	}
	return supersedes, d.done()
}
