package opaque

import (
	"crypto/sha256"
	"fmt"

	"github.com/bytemare/ecc"
)

// Labels of RFC 9497 for OPRF(P-256, SHA-256), mode 0.
const (
	oprfContext      = "OPRFV1-\x00-P256-SHA256"
	dstHashToGroup   = "HashToGroup-" + oprfContext
	dstDeriveKeyPair = "DeriveKeyPair" + oprfContext
	labelFinalize    = "Finalize"
)

// maxInputBytes is the longest OPRF input (RFC 9497, section 3.3.1).
const maxInputBytes = 1<<16 - 1

// Blinding is the client's side of one OPRF evaluation (RFC 9497, section 3.3.1).
type Blinding struct {
	input []byte
	r     *Scalar
}

// Blind blinds an input of 1 to 65,535 bytes, which is copied. It returns the run, to be cleared after
// use, and the blinded element of 33 bytes: what a registration request is, and how KE1 begins. ErrNoPassword, ErrMessage.
func Blind(input []byte) (*Blinding, []byte, error) { return blindWith(input, NewScalar()) }

func blindWith(input []byte, r *Scalar) (*Blinding, []byte, error) {
	if len(input) == 0 {
		return nil, nil, ErrNoPassword
	}
	if len(input) > maxInputBytes {
		return nil, nil, fmt.Errorf("%w: an input has at most %d bytes", ErrMessage, maxInputBytes)
	}
	p, err := ParsePoint(ecc.P256Sha256.HashToGroup(input, []byte(dstHashToGroup)).Encode())
	if err != nil {
		return nil, nil, err // the identity: nobody finds such an input
	}
	b := &Blinding{append([]byte{}, input...), r}
	return b, r.Multiply(p).Bytes(), nil
}

// Finalize turns the evaluated element, 33 bytes, into the OPRF's output, 32 bytes (RFC
// 9497, section 3.3.1). ErrMessage for what is no point, ErrUsed after Clear.
func (b *Blinding) Finalize(evaluated []byte) ([]byte, error) {
	if b.r == nil {
		return nil, ErrUsed
	}
	if err := length("an evaluated element", evaluated, PointBytes); err != nil {
		return nil, err
	}
	p, err := ParsePoint(evaluated)
	if err != nil {
		return nil, err
	}
	inverse := b.r.inverse()
	defer inverse.Clear()
	unblinded := inverse.Multiply(p).Bytes()
	defer clear(unblinded)
	h := sha256.New()
	h.Write(vector(2, b.input))
	h.Write(vector(2, unblinded))
	h.Write([]byte(labelFinalize))
	return h.Sum(nil), nil
}

// Clear forgets the input and the blind, best effort. It may be called more than once.
func (b *Blinding) Clear() {
	clear(b.input)
	b.r.Clear()
	b.input, b.r = nil, nil
}

// inverse is 1/s modulo the group's order.
func (s *Scalar) inverse() *Scalar {
	e := ecc.P256Sha256.NewScalar()
	if err := e.Decode(s[:]); err != nil {
		panic("opaque: " + err.Error()) // a Scalar is in range
	}
	defer e.Zero()
	return (*Scalar)(e.Invert().Encode())
}

// deriveKeyPair is DeriveDiffieHellmanKeyPair of RFC 9807, section 6.4.1.1, that is, DeriveKeyPair of RFC 9497, section 3.2.1.
func deriveKeyPair(seed []byte) (*Scalar, Point) {
	material := append(append([]byte{}, seed...), vector(2, []byte(labelDeriveDHKeyPair))...)
	material = append(material, 0)
	defer clear(material)
	for counter := range 256 {
		material[len(material)-1] = byte(counter)
		b := ecc.P256Sha256.HashToScalar(material, []byte(dstDeriveKeyPair)).Encode()
		s, err := ParseScalar(b)
		clear(b)
		if err == nil {
			return s, s.MultiplyBase()
		}
	}
	panic("opaque: no key pair") // 256 zeros in a row
}
