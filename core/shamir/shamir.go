// Package shamir splits a secret into n shares. Any t of them give it back
// (Adi Shamir, How to share a secret, 1979).
//
// Each byte of the secret is the value at 0 of a polynomial of degree t-1 over
// GF(2^8), the field of AES (FIPS 197, section 4.2). Share i is the values at
// i. Fewer than t shares say nothing about the secret, and nothing here says whether shares
// belong together: whoever needs to know adds a check of their own.
//
// Arithmetic on secret bytes runs in constant time: no tables, no branches. Only
// the number of shares, their numbers and the length decide how long it takes.
//
// It is a leaf: it imports nothing of Holdfast.
package shamir

import (
	"crypto/rand"
	"errors"
	"fmt"
)

// MaxShares is the highest number of a share.
const MaxShares = 255

// ErrShares: numbers or lengths that no split has.
var ErrShares = errors.New("shares that do not fit together")

// Share is one share: its number, 1 to MaxShares, and as many bytes as the secret has.
type Share struct {
	Number byte
	Bytes  []byte
}

// Polynomial is one split of a secret. Clear it after use.
type Polynomial struct {
	coefficients [][]byte // coefficients[0] is the secret
}

// New draws a polynomial for a secret of any length that threshold shares give
// back; 1 ≤ threshold ≤ MaxShares. The secret is copied. ErrShares.
func New(secret []byte, threshold int) (*Polynomial, error) {
	if threshold < 1 || threshold > MaxShares {
		return nil, fmt.Errorf("%w: %d are to be enough", ErrShares, threshold)
	}
	above := make([][]byte, threshold-1)
	for i := range above {
		above[i] = make([]byte, len(secret))
		_, _ = rand.Read(above[i]) // never fails since Go 1.24
	}
	p, err := FromCoefficients(secret, above)
	for _, c := range above {
		clear(c)
	}
	return p, err
}

// FromCoefficients makes the polynomial secret + above[0]·x + above[1]·x² + …, for
// vectors and for continuing a split. All have the secret's length. ErrShares.
func FromCoefficients(secret []byte, above [][]byte) (*Polynomial, error) {
	p := &Polynomial{coefficients: [][]byte{append([]byte{}, secret...)}}
	for _, c := range above {
		if len(c) != len(secret) {
			return nil, fmt.Errorf("%w: a coefficient has %d bytes, the secret %d", ErrShares, len(c), len(secret))
		}
		p.coefficients = append(p.coefficients, append([]byte{}, c...))
	}
	if len(p.coefficients) > MaxShares {
		return nil, fmt.Errorf("%w: %d are to be enough", ErrShares, len(p.coefficients))
	}
	return p, nil
}

// Share returns share number i, not 0: that is the secret.
func (p *Polynomial) Share(i byte) Share {
	if i == 0 {
		panic("shamir: share 0 is the secret")
	}
	out := make([]byte, len(p.coefficients[0]))
	for k := len(p.coefficients) - 1; k >= 0; k-- { // Horner
		for j := range out {
			out[j] = multiply(out[j], i) ^ p.coefficients[k][j]
		}
	}
	return Share{i, out}
}

// Clear overwrites the polynomial, best effort.
func (p *Polynomial) Clear() {
	for _, c := range p.coefficients {
		clear(c)
	}
}

// Combine interpolates the values at x: the secret at 0, share x elsewhere. It
// needs as many shares as were to be enough; more fit as well if they are of one split. The result of
// shares that do not belong together, or of too few, is noise. ErrShares: no share, a number twice
// or 0, lengths that differ.
func Combine(x byte, shares ...Share) ([]byte, error) {
	if len(shares) == 0 {
		return nil, fmt.Errorf("%w: there is none", ErrShares)
	}
	var seen [MaxShares + 1]bool
	for _, s := range shares {
		switch {
		case s.Number == 0 || seen[s.Number]:
			return nil, fmt.Errorf("%w: number %d comes twice or is none", ErrShares, s.Number)
		case len(s.Bytes) != len(shares[0].Bytes):
			return nil, fmt.Errorf("%w: they have %d and %d bytes", ErrShares, len(shares[0].Bytes), len(s.Bytes))
		}
		seen[s.Number] = true
	}
	out := make([]byte, len(shares[0].Bytes))
	for _, s := range shares {
		above, below := byte(1), byte(1) // of Lagrange's basis; subtraction is xor
		for _, other := range shares {
			if other.Number != s.Number {
				above = multiply(above, x^other.Number)
				below = multiply(below, s.Number^other.Number)
			}
		}
		weight := multiply(above, inverse(below))
		for j := range out {
			out[j] ^= multiply(weight, s.Bytes[j])
		}
	}
	return out, nil
}

// multiply is the product in GF(2^8) mod x^8+x^4+x^3+x+1, in constant time.
func multiply(a, b byte) byte {
	var p byte
	for range 8 {
		p ^= a & -(b & 1)
		a = a<<1 ^ 0x1b&-(a>>7)
		b >>= 1
	}
	return p
}

// inverse is a^254, the inverse of a; of 0 it is 0.
func inverse(a byte) byte {
	square := multiply(a, a)
	out := square
	for range 6 { // 254 = 2+4+8+16+32+64+128
		square = multiply(square, square)
		out = multiply(out, square)
	}
	return out
}
