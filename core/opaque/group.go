package opaque

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"

	"filippo.io/nistec"
)

// Point is a point of P-256 other than the identity. The zero Point is not
// valid; get one from ParsePoint, Multiply or MultiplyBase. Points do not change.
type Point struct{ p *nistec.P256Point }

// ParsePoint decodes a compressed point of 33 bytes or an uncompressed one of
// 65 (SEC 1, section 2.3.4). Anything else, points off the curve, and the
// identity give ErrMessage.
func ParsePoint(b []byte) (Point, error) {
	if len(b) != PointBytes && len(b) != 65 {
		return Point{}, fmt.Errorf("%w: a point has 33 or 65 bytes, not %d", ErrMessage, len(b))
	}
	p, err := nistec.NewP256Point().SetBytes(b)
	if err != nil {
		return Point{}, fmt.Errorf("%w: the point is not on the curve", ErrMessage)
	}
	return Point{p}, nil
}

// Bytes returns the compressed encoding, 33 bytes.
func (p Point) Bytes() []byte { return p.p.BytesCompressed() }

// Uncompressed returns the uncompressed encoding, 65 bytes, as PKCS#11 wants it.
func (p Point) Uncompressed() []byte { return p.p.Bytes() }

// X returns the x-coordinate, 32 bytes.
func (p Point) X() []byte { return p.p.Bytes()[1:33] }

// Add returns p+q. The identity, when q = -p, gives ErrMessage.
func (p Point) Add(q Point) (Point, error) {
	sum := nistec.NewP256Point().Add(p.p, q.p)
	if len(sum.Bytes()) == 1 {
		return Point{}, fmt.Errorf("%w: the sum is the identity", ErrMessage)
	}
	return Point{sum}, nil
}

// Equal compares in constant time.
func (p Point) Equal(q Point) bool {
	return subtle.ConstantTimeCompare(p.Bytes(), q.Bytes()) == 1
}

// IsZero tells a Point that was never set.
func (p Point) IsZero() bool { return p.p == nil }

// Generator returns the base point G of P-256 (SEC 2, section 2.4.2).
func Generator() Point { return Point{nistec.NewP256Point().SetGenerator()} }

// Scalar is a number from 1 to the order of P-256 less one, big endian.
// Clear it after use.
type Scalar [ScalarBytes]byte

// order is the order of P-256 (SEC 2, section 2.4.2).
var order = [ScalarBytes]byte{
	0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
}

// NewScalar makes a random scalar, uniform, from crypto/rand.
func NewScalar() *Scalar {
	for {
		s := new(Scalar)
		_, _ = rand.Read(s[:]) // never fails since Go 1.24
		if s.valid() == 1 {
			return s
		}
	}
}

// ParseScalar decodes 32 bytes. Zero, and numbers not below the group's order,
// give ErrScalar.
func ParseScalar(b []byte) (*Scalar, error) {
	if len(b) != ScalarBytes {
		return nil, fmt.Errorf("%w: it has 32 bytes, not %d", ErrScalar, len(b))
	}
	s := Scalar(b)
	if s.valid() != 1 {
		return nil, ErrScalar
	}
	return &s, nil
}

// valid is 1 for 0 < s < order, in constant time.
func (s *Scalar) valid() int {
	var any byte
	borrow := 0
	for i := ScalarBytes - 1; i >= 0; i-- {
		any |= s[i]
		borrow = (int(s[i]) - int(order[i]) - borrow) >> 8 & 1
	}
	return (1 - subtle.ConstantTimeByteEq(any, 0)) & borrow
}

// Multiply returns s·p, in constant time.
func (s *Scalar) Multiply(p Point) Point {
	q, err := nistec.NewP256Point().ScalarMult(p.p, s[:])
	if err != nil {
		panic("opaque: " + err.Error()) // only for another length
	}
	return Point{q}
}

// MultiplyBase returns s·G, in constant time.
func (s *Scalar) MultiplyBase() Point {
	q, err := nistec.NewP256Point().ScalarBaseMult(s[:])
	if err != nil {
		panic("opaque: " + err.Error()) // only for another length
	}
	return Point{q}
}

// Clear overwrites the scalar, best effort.
func (s *Scalar) Clear() {
	if s != nil {
		clear(s[:])
	}
}
