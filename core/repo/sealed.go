package repo

import (
	"encoding/binary"
	"fmt"
)

// sealObject encrypts any object but a pack (docs/format.md, chapter 7).
func (e *Epoch) sealObject(id RepositoryID, kind objectKind, n Name, payload []byte) []byte {
	size := padme(4 + len(payload) + gcmTag)
	plain := make([]byte, size-gcmTag, size)
	binary.BigEndian.PutUint32(plain, uint32(len(payload)))
	copy(plain[4:], payload)
	return e.objectAEAD(kind, n).Seal(plain[:0], nonce(0), plain, sealedAAD(id, kind))
}

// openObject reverses sealObject; sealed is overwritten.
func (e *Epoch) openObject(id RepositoryID, kind objectKind, n Name, sealed []byte) ([]byte, error) {
	plain, err := e.objectAEAD(kind, n).Open(sealed[:0], nonce(0), sealed, sealedAAD(id, kind))
	if err != nil {
		return nil, fmt.Errorf("%w: %s %s does not authenticate", ErrDamaged, kind, n)
	}
	d := decoder{b: plain}
	length := d.u32()
	payload := d.take(int(length))
	if d.err != nil || !allZero(d.b) || len(sealed) != padme(4+len(payload)+gcmTag) {
		return nil, fmt.Errorf("%w: %s %s has a bad length or padding", ErrDamaged, kind, n)
	}
	return payload, nil
}

func sealedAAD(id RepositoryID, kind objectKind) []byte {
	return append([]byte(kind.String()), id[:]...)
}

func allZero(b []byte) bool {
	for _, v := range b {
		if v != 0 {
			return false
		}
	}
	return true
}
