package vault

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// digest is a sum of summands mod 2^256: MSet-Add-Hash (Clarke, Devadas, van
// Dijk, Gassend, Suh: Incremental Multiset Hash Functions, ASIACRYPT 2003). It
// is never shown, so that nobody can solve for other sets with the same sum.
type digest [4]uint64 // most significant first

func digestFrom(b []byte) (d digest) {
	for i := range d {
		d[i] = binary.BigEndian.Uint64(b[8*i:])
	}
	return d
}

func (d digest) bytes() []byte {
	b := make([]byte, 0, 32)
	for _, w := range d {
		b = binary.BigEndian.AppendUint64(b, w)
	}
	return b
}

func (d digest) plus(e digest) (sum digest) {
	var carry uint64
	for i := 3; i >= 0; i-- {
		sum[i], carry = bits.Add64(d[i], e[i], carry)
	}
	return sum
}

func (d digest) minus(e digest) (difference digest) {
	var borrow uint64
	for i := 3; i >= 0; i-- {
		difference[i], borrow = bits.Sub64(d[i], e[i], borrow)
	}
	return difference
}

// head is what the store says of itself: the plaintext of the value under the zero key.
type head struct {
	number   uint64 // of the commit that wrote it
	sum      digest
	accounts uint64
	previous string // the anchor before this commit, "" for the first
}

const headBytes = 8 + 32 + 8 + anchorChars

func (h head) encode() []byte {
	b := binary.BigEndian.AppendUint64(nil, h.number)
	b = append(b, h.sum.bytes()...)
	b = binary.BigEndian.AppendUint64(b, h.accounts)
	b = append(b, h.previous...)
	return append(b, make([]byte, headBytes-len(b))...)
}

func decodeHead(b []byte) (h head, err error) {
	if len(b) != headBytes {
		return h, fmt.Errorf("%w: the head has %d bytes", errSeal, len(b))
	}
	h.number = binary.BigEndian.Uint64(b)
	h.sum = digestFrom(b[8:])
	h.accounts = binary.BigEndian.Uint64(b[40:])
	if b[48] != 0 {
		h.previous = string(b[48:])
	}
	return h, nil
}
