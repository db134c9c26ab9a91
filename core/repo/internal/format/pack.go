package format

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
	EncodingRaw  byte = 0
	EncodingZstd byte = 1
)

// PackEntry is one chunk of a pack, as its table and the indexes hold it.
type PackEntry struct {
	ID      ID
	Kind    Kind
	Record  uint32 // bytes of the record, before sealing
	Content uint32 // bytes of the content
}

func (e PackEntry) valid() bool {
	return e.Kind <= KindList && e.Record >= 1 && e.Record <= MaxChunk+1 &&
		e.Content <= MaxChunk
}

// Sealed is how many bytes the record takes in its pack.
func (e PackEntry) Sealed() int { return int(e.Record) + GCMTag }

// SealTail appends padding, table and trailer to the sealed records in
// buf (docs/format.md, chapter 6).
func (c PackCipher) SealTail(buf []byte, entries []PackEntry) []byte {
	tableSealed := len(entries)*TableEntry + GCMTag
	base := len(buf) + GCMTag + tableSealed + TrailerSealed
	padding := Padme(base) - base

	at := len(buf)
	buf = append(buf, make([]byte, padding)...)
	buf = c.aead.Seal(buf[:at], nonce(ordinalPadding), buf[at:], []byte(aadPadding))

	table := make([]byte, 0, tableSealed)
	for _, e := range entries {
		table = append(table, e.ID[:]...)
		table = append(table, byte(e.Kind))
		table = binary.BigEndian.AppendUint32(table, e.Record)
		table = binary.BigEndian.AppendUint32(table, e.Content)
	}
	buf = c.aead.Seal(buf, nonce(ordinalTable), table, []byte(aadTable))

	trailer := append(make([]byte, 0, TrailerSealed), trailerMagic...)
	trailer = binary.BigEndian.AppendUint32(trailer, uint32(len(entries)))
	trailer = binary.BigEndian.AppendUint32(trailer, uint32(tableSealed))
	trailer = binary.BigEndian.AppendUint32(trailer, uint32(padding+GCMTag))
	return c.aead.Seal(buf, nonce(ordinalTrailer), trailer, []byte(aadTrailer))
}

// PackSize returns the size of a pack with these records and no more.
func PackSize(records, chunks int) int {
	return Padme(records + GCMTag + chunks*TableEntry + GCMTag + TrailerSealed)
}

// packTail is what the trailer tells.
type packTail struct{ count, Table, padding int }

// OpenTrailer decrypts the last 32 bytes of a pack.
func (c PackCipher) OpenTrailer(sealed []byte) (packTail, error) {
	plain, err := c.aead.Open(nil, nonce(ordinalTrailer), sealed, []byte(aadTrailer))
	if err != nil || string(plain[:4]) != trailerMagic {
		return packTail{}, fmt.Errorf("%w: the pack's trailer does not authenticate", ErrDamaged)
	}
	t := packTail{
		count:   int(binary.BigEndian.Uint32(plain[4:])),
		Table:   int(binary.BigEndian.Uint32(plain[8:])),
		padding: int(binary.BigEndian.Uint32(plain[12:])),
	}
	if t.Table > MaxPack || t.count > MaxPackChunks || t.Table != t.count*TableEntry+GCMTag || t.padding < GCMTag || t.padding > MaxPack {
		return packTail{}, fmt.Errorf("%w: the pack's trailer has bad lengths", ErrDamaged)
	}
	return t, nil
}

// OpenTable decrypts a pack's table and checks that the parts fill size bytes.
func (c PackCipher) OpenTable(sealed []byte, t packTail, size int64) ([]PackEntry, error) {
	plain, err := c.aead.Open(nil, nonce(ordinalTable), sealed, []byte(aadTable))
	if err != nil {
		return nil, fmt.Errorf("%w: the pack's table does not authenticate", ErrDamaged)
	}
	d := decoder{b: plain}
	entries := make([]PackEntry, t.count)
	total := int64(t.padding + t.Table + TrailerSealed)
	for i := range entries {
		e := PackEntry{ID: d.id(), Kind: Kind(d.u8()), Record: d.u32(), Content: d.u32()}
		if !e.valid() {
			return nil, fmt.Errorf("%w: the pack's table has a bad entry", ErrDamaged)
		}
		entries[i] = e
		total += int64(e.Sealed())
	}
	if d.done() != nil || total != size {
		return nil, fmt.Errorf("%w: the pack has %d bytes, its parts %d", ErrDamaged, size, total)
	}
	return entries, nil
}

// PaddingSize returns how many bytes of a pack of this size lie between its records and its table.
func PaddingSize(size, records int64, chunks int) int64 {
	return size - records - int64(chunks*TableEntry+GCMTag) - TrailerSealed
}

// CheckPadding reports whether a pack's sealed padding is as it was written; sealed is overwritten.
func (c PackCipher) CheckPadding(sealed []byte) bool {
	plain, err := c.aead.Open(sealed[:0], nonce(ordinalPadding), sealed, []byte(aadPadding))
	return err == nil && allZero(plain)
}
