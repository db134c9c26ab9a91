package format

import "slices"

// PackList is the table of one pack as an index object holds it.
type PackList struct {
	Name    Name
	Size    int64
	Entries []PackEntry
}

// EncodeIndex encodes an index payload (docs/format.md, chapter 7).
func EncodeIndex(supersedes []Name, packs []PackList) []byte {
	b := []byte{1}
	b = appendUvarint(b, uint64(len(supersedes)))
	for _, n := range supersedes {
		b = append(b, n[:]...)
	}
	b = appendUvarint(b, uint64(len(packs)))
	for _, p := range packs {
		b = append(b, p.Name[:]...)
		b = appendUvarint(b, uint64(p.Size))
		b = appendUvarint(b, uint64(len(p.Entries)))
		for _, e := range p.Entries {
			b = append(b, e.ID[:]...)
			b = append(b, byte(e.Kind))
			b = appendUvarint(b, uint64(e.Record))
			b = appendUvarint(b, uint64(e.Content))
		}
	}
	return b
}

// DecodeIndex decodes an index payload.
func DecodeIndex(b []byte) (supersedes []Name, packs []PackList, err error) {
	supersedes, err = ScanIndex(b, func(p PackList) {
		p.Entries = slices.Clone(p.Entries)
		packs = append(packs, p)
	})
	return supersedes, packs, err
}

// ScanIndex decodes an index payload and calls fn with one pack after the other, each in the same
// memory. The payload may turn out to be damaged after that: a caller that cannot undo its work scans it twice.
func ScanIndex(b []byte, fn func(PackList)) (supersedes []Name, err error) {
	d := decoder{b: b}
	if d.u8() != 1 {
		d.fail("unknown index version")
	}
	for range d.count(32, "number of superseded indexes") {
		supersedes = append(supersedes, Name(d.id()))
	}
	var entries []PackEntry
	for range d.count(34, "number of packs") {
		p := PackList{Name: Name(d.id()), Size: int64(d.max(MaxPack, "pack size"))}
		chunks := d.count(35, "number of chunks")
		if chunks > MaxPackChunks {
			d.fail("too many chunks in a pack")
			break
		}
		entries = slices.Grow(entries[:0], chunks)
		var total int64
		for range chunks {
			e := PackEntry{ID: d.id(), Kind: Kind(d.u8()), Record: uint32(d.max(MaxChunk+1, "record length")),
				Content: uint32(d.max(MaxChunk, "content length"))}
			if !e.valid() {
				d.fail("bad chunk")
			}
			total += int64(e.Sealed())
			entries = append(entries, e)
		}
		if total > p.Size {
			d.fail("chunks longer than their pack")
		}
		if d.err != nil {
			break
		}
		p.Entries = entries
		fn(p)
	}
	return supersedes, d.done()
}
