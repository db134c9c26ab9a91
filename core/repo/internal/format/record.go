package format

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

// PackCipher seals and opens the parts of one pack.
type PackCipher struct {
	aead  cipher.AEAD
	epoch *Epoch // whose pack it is
}

// PackCipher returns the cipher of one of the epoch's packs.
func (e *Epoch) PackCipher(pack Name) PackCipher { return PackCipher{e.objectAEAD(KindPack, pack), e} }

// SealRecord encrypts a record into place, which has room for it.
func (c PackCipher) SealRecord(place []byte, id ID, ordinal uint32, record []byte) []byte {
	return c.aead.Seal(place, nonce(ordinal), record, id[:])
}

// OpenRecord decrypts a sealed record in place and returns the chunk's
// content, appended to dst when it was compressed. The content is held against its id, with the key of the pack's
// epoch: a holder of that epoch can seal any bytes under any id (docs/format.md, chapter 5).
func (c PackCipher) OpenRecord(id ID, ordinal uint32, sealed []byte, content int, dst []byte) ([]byte, error) {
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
	case EncodingRaw:
	case EncodingZstd:
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
