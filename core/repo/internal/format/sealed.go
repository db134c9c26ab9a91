package format

import (
	"encoding/binary"
	"fmt"
)

// SealObject encrypts any object but a pack (docs/format.md, chapter 7).
func (e *Epoch) SealObject(id RepositoryID, kind ObjectKind, n Name, payload []byte) []byte {
	size := Padme(4 + len(payload) + GCMTag)
	plain := make([]byte, size-GCMTag, size)
	binary.BigEndian.PutUint32(plain, uint32(len(payload)))
	copy(plain[4:], payload)
	return e.objectAEAD(kind, n).Seal(plain[:0], nonce(0), plain, sealedAAD(id, kind))
}

// OpenObject reverses sealObject; sealed is overwritten.
func (e *Epoch) OpenObject(id RepositoryID, kind ObjectKind, n Name, sealed []byte) ([]byte, error) {
	plain, err := e.objectAEAD(kind, n).Open(sealed[:0], nonce(0), sealed, sealedAAD(id, kind))
	if err != nil {
		return nil, fmt.Errorf("%w: %s %s does not authenticate", ErrDamaged, kind, n)
	}
	d := decoder{b: plain}
	length := d.u32()
	payload := d.take(int(length))
	if d.err != nil || !allZero(d.b) || len(sealed) != Padme(4+len(payload)+GCMTag) {
		return nil, fmt.Errorf("%w: %s %s has a bad length or padding", ErrDamaged, kind, n)
	}
	return payload, nil
}

func sealedAAD(id RepositoryID, kind ObjectKind) []byte {
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
