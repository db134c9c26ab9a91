package backupkey

import (
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"errors"
	"hash"
)

// ErrID: a text is not a key id.
var ErrID = errors.New("a key id is 16 hexadecimal digits in lower case")

// ID is the key id, derived from K and public. Two keys share an id with a
// chance of 2^-64; it tells keys apart, it does not authenticate.
type ID [8]byte

// ID returns the key id.
func (k *Key) ID() ID {
	return ID(k.Derive(LabelKeyID, nil, len(ID{})))
}

// String returns 16 hexadecimal digits in lower case.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// ParseID reads what String writes. Anything else gives ErrID.
func ParseID(s string) (ID, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(ID{}) || hex.EncodeToString(b) != s {
		return ID{}, ErrID
	}
	return ID(b), nil
}

// idHasher computes key ids of many keys. It gives what Key.ID gives, without
// allocating and in 6 compressions of SHA-256 instead of 8: HKDF-Extract's
// key is the empty salt, so both its HMAC pads are hashed beforehand.
type idHasher struct {
	hash         hash.Hash
	inner, outer []byte // states of hash after the pads of the empty salt
	info         []byte
	sum          []byte
	pad          [sha256.BlockSize]byte
}

func newIDHasher() *idHasher {
	h := &idHasher{
		hash: sha256.New(),
		info: append([]byte(LabelKeyID), 1), // RFC 5869, section 2.3: T(1) = HMAC(PRK, info | 0x01)
		sum:  make([]byte, 0, sha256.Size),
	}
	state := func(pad byte) []byte {
		for i := range h.pad {
			h.pad[i] = pad
		}
		h.hash.Reset()
		h.hash.Write(h.pad[:])
		b, err := h.hash.(encoding.BinaryMarshaler).MarshalBinary()
		if err != nil {
			panic("backupkey: " + err.Error()) // documented to work for crypto/sha256
		}
		return b
	}
	h.inner, h.outer = state(ipad), state(opad)
	return h
}

// The pads of HMAC (RFC 2104).
const (
	ipad = 0x36
	opad = 0x5c
)

func (h *idHasher) id(key *[Size]byte) (id ID) {
	h.restore(h.inner)
	h.hash.Write(key[:])
	h.sum = h.hash.Sum(h.sum[:0])
	h.restore(h.outer)
	h.hash.Write(h.sum)
	h.sum = h.hash.Sum(h.sum[:0]) // PRK

	for i := range h.pad {
		h.pad[i] = ipad
	}
	for i, b := range h.sum {
		h.pad[i] ^= b
	}
	h.hash.Reset()
	h.hash.Write(h.pad[:])
	h.hash.Write(h.info)
	h.sum = h.hash.Sum(h.sum[:0])
	for i := range h.pad {
		h.pad[i] ^= ipad ^ opad
	}
	h.hash.Reset()
	h.hash.Write(h.pad[:])
	h.hash.Write(h.sum)
	h.sum = h.hash.Sum(h.sum[:0])
	copy(id[:], h.sum)
	return id
}

func (h *idHasher) restore(state []byte) {
	if err := h.hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(state); err != nil {
		panic("backupkey: " + err.Error())
	}
}

// clear overwrites what was derived last.
func (h *idHasher) clear() {
	h.hash.Reset()
	clear(h.pad[:])
	clear(h.sum[:cap(h.sum)])
}
