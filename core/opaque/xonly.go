package opaque

import (
	"crypto/subtle"
	"errors"

	"filippo.io/nistec"
)

// ErrFaulty: the answers of a device that multiplies points contradict each other.
var ErrFaulty = errors.New("the device's answers do not fit each other")

// minusG is the encoding of -G, the one point that FromXOnly cannot work for.
var minusG = func() []byte { g := Generator().Bytes(); g[0] ^= 1; return g }()

// FromXOnly finds k·P from a device that gives x-coordinates only, as
// Diffie-Hellman in PKCS#11 does: x is that of k·P and xPlus that of k·(P+G),
// 32 bytes each, and public is k·G. Of the two points ±Q with the first x,
// the right one has x(Q + k·G) = xPlus. The choice takes the same time whichever it is.
//
// If neither fits, the device did not use the k of the public key for both: ErrFaulty.
//
// Prior art: diggsweden/opaque-lib-java, AbstractOprfFunction.deriveYCoordinate;
// facebook/opaque-ke, tests/remote_key.rs.
func FromXOnly(x, xPlus []byte, public Point) (Point, error) {
	if len(x) != 32 || len(xPlus) != 32 {
		return Point{}, ErrFaulty
	}
	even, err := nistec.NewP256Point().SetBytes(append([]byte{2}, x...))
	if err != nil {
		return Point{}, ErrFaulty
	}
	odd, err := nistec.NewP256Point().SetBytes(append([]byte{3}, x...))
	if err != nil {
		return Point{}, ErrFaulty
	}
	fitsEven := hasX(nistec.NewP256Point().Add(even, public.p), xPlus)
	fitsOdd := hasX(nistec.NewP256Point().Add(odd, public.p), xPlus)
	if fitsEven^fitsOdd != 1 {
		return Point{}, ErrFaulty
	}
	return Point{nistec.NewP256Point().Select(even, odd, fitsEven)}, nil
}

// hasX is 1 if p has this x-coordinate; the identity has none.
func hasX(p *nistec.P256Point, x []byte) int {
	got, err := p.BytesX()
	if err != nil {
		return 0
	}
	return subtle.ConstantTimeCompare(got, x)
}
