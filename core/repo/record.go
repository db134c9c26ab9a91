package repo

import (
	"crypto/cipher"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// decoders are shared: DecodeAll needs no state between calls.
var decoders = sync.Pool{New: func() any {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxChunk), zstd.WithDecoderLowmem(true))
	if err != nil {
		panic(fmt.Sprintf("repo: zstd: %v", err)) // only for bad options
	}
	return d
}}

// packCipher seals and opens the parts of one pack.
type packCipher struct {
	aead  cipher.AEAD
	epoch *Epoch // whose pack it is
}

// packCipher returns the cipher of one of the epoch's packs.
func (e *Epoch) packCipher(pack Name) packCipher { return packCipher{e.objectAEAD(kindPack, pack), e} }

// sealRecord encrypts a record into place, which has room for it.
func (c packCipher) sealRecord(place []byte, id ID, ordinal uint32, record []byte) []byte {
	return c.aead.Seal(place, nonce(ordinal), record, id[:])
}

// openRecord decrypts a sealed record in place and returns the chunk's
// content, appended to dst when it was compressed. The content is held against its id, with the key of the pack's
// epoch: whoever has that epoch can seal any bytes under any id (docs/format.md, chapter 5).
func (c packCipher) openRecord(id ID, ordinal uint32, sealed []byte, content int, dst []byte) ([]byte, error) {
	record, err := c.aead.Open(sealed[:0], nonce(ordinal), sealed, id[:])
	if err != nil {
		return nil, fmt.Errorf("%w: chunk %s does not authenticate", ErrDamaged, id)
	}
	body, err := decodeRecord(id, record, content, dst)
	if err == nil && !c.epoch.wrote(id, body) {
		err = fmt.Errorf("%w: chunk %s has another content", ErrDamaged, id)
	}
	return body, err
}

// decodeRecord returns the content of a record, appended to dst when it was compressed.
func decodeRecord(id ID, record []byte, content int, dst []byte) (body []byte, err error) {
	body = record[1:]
	switch record[0] {
	case encodingRaw:
	case encodingZstd:
		d := decoders.Get().(*zstd.Decoder)
		body, err = d.DecodeAll(body, dst[:0])
		decoders.Put(d)
		if err != nil {
			return nil, fmt.Errorf("%w: chunk %s: %w", ErrDamaged, id, err)
		}
	default:
		return nil, fmt.Errorf("%w: chunk %s has an unknown encoding", ErrDamaged, id)
	}
	if len(body) != content {
		return nil, fmt.Errorf("%w: chunk %s has %d bytes, not %d", ErrDamaged, id, len(body), content)
	}
	return body, nil
}
