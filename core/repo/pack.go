package repo

import (
	"encoding/binary"
	"fmt"
)

// Kind is what a chunk holds.
type Kind byte

// The kinds of chunks (docs/format.md, chapter 5).
const (
	KindData Kind = 0
	KindTree Kind = 1
	KindList Kind = 2
)

// The encodings of a record.
const (
	encodingRaw  byte = 0
	encodingZstd byte = 1
)

// packEntry is one chunk of a pack, as its table and the indexes hold it.
type packEntry struct {
	id      ID
	kind    Kind
	record  uint32 // bytes of the record, before sealing
	content uint32 // bytes of the content
}

func (e packEntry) valid() bool {
	return e.kind <= KindList && e.record >= 1 && e.record <= MaxChunk+1 &&
		e.content <= MaxChunk
}

func (e packEntry) sealed() int { return int(e.record) + gcmTag }

// sealTail appends padding, table and trailer to the sealed records in
// buf (docs/format.md, chapter 6).
func (c packCipher) sealTail(buf []byte, entries []packEntry) []byte {
	tableSealed := len(entries)*tableEntry + gcmTag
	base := len(buf) + gcmTag + tableSealed + trailerSealed
	padding := padme(base) - base

	at := len(buf)
	buf = append(buf, make([]byte, padding)...)
	buf = c.aead.Seal(buf[:at], nonce(ordinalPadding), buf[at:], []byte(aadPadding))

	table := make([]byte, 0, tableSealed)
	for _, e := range entries {
		table = append(table, e.id[:]...)
		table = append(table, byte(e.kind))
		table = binary.BigEndian.AppendUint32(table, e.record)
		table = binary.BigEndian.AppendUint32(table, e.content)
	}
	buf = c.aead.Seal(buf, nonce(ordinalTable), table, []byte(aadTable))

	trailer := append(make([]byte, 0, trailerSealed), trailerMagic...)
	trailer = binary.BigEndian.AppendUint32(trailer, uint32(len(entries)))
	trailer = binary.BigEndian.AppendUint32(trailer, uint32(tableSealed))
	trailer = binary.BigEndian.AppendUint32(trailer, uint32(padding+gcmTag))
	return c.aead.Seal(buf, nonce(ordinalTrailer), trailer, []byte(aadTrailer))
}

// packSize returns the size of a pack with these records and no more.
func packSize(records, chunks int) int {
	return padme(records + gcmTag + chunks*tableEntry + gcmTag + trailerSealed)
}

// packTail is what the trailer tells.
type packTail struct{ count, table, padding int }

// openTrailer decrypts the last 32 bytes of a pack.
func (c packCipher) openTrailer(sealed []byte) (packTail, error) {
	plain, err := c.aead.Open(nil, nonce(ordinalTrailer), sealed, []byte(aadTrailer))
	if err != nil || string(plain[:4]) != trailerMagic {
		return packTail{}, fmt.Errorf("%w: the pack's trailer does not authenticate", ErrDamaged)
	}
	t := packTail{
		count:   int(binary.BigEndian.Uint32(plain[4:])),
		table:   int(binary.BigEndian.Uint32(plain[8:])),
		padding: int(binary.BigEndian.Uint32(plain[12:])),
	}
	if t.table > maxPack || t.count > maxPackChunks || t.table != t.count*tableEntry+gcmTag || t.padding < gcmTag || t.padding > maxPack {
		return packTail{}, fmt.Errorf("%w: the pack's trailer has bad lengths", ErrDamaged)
	}
	return t, nil
}

// openTable decrypts a pack's table and checks that the parts fill size bytes.
func (c packCipher) openTable(sealed []byte, t packTail, size int64) ([]packEntry, error) {
	plain, err := c.aead.Open(nil, nonce(ordinalTable), sealed, []byte(aadTable))
	if err != nil {
		return nil, fmt.Errorf("%w: the pack's table does not authenticate", ErrDamaged)
	}
	d := decoder{b: plain}
	entries := make([]packEntry, t.count)
	total := int64(t.padding + t.table + trailerSealed)
	for i := range entries {
		e := packEntry{id: d.id(), kind: Kind(d.u8()), record: d.u32(), content: d.u32()}
		if !e.valid() {
			return nil, fmt.Errorf("%w: the pack's table has a bad entry", ErrDamaged)
		}
		entries[i] = e
		total += int64(e.sealed())
	}
	if d.done() != nil || total != size {
		return nil, fmt.Errorf("%w: the pack has %d bytes, its parts %d", ErrDamaged, size, total)
	}
	return entries, nil
}

// paddingSize returns how many bytes of a pack of this size lie between its records and its table.
func paddingSize(size, records int64, chunks int) int64 {
	return size - records - int64(chunks*tableEntry+gcmTag) - trailerSealed
}

// checkPadding reports whether a pack's sealed padding is as it was written; sealed is overwritten.
func (c packCipher) checkPadding(sealed []byte) bool {
	plain, err := c.aead.Open(sealed[:0], nonce(ordinalPadding), sealed, []byte(aadPadding))
	return err == nil && allZero(plain)
}
