package opaque

import (
	"bytes"
	"errors"
	"testing"
)

func TestFromXOnly(t *testing.T) {
	g := Generator()
	for i := range 300 {
		k := NewScalar()
		public := k.MultiplyBase()
		p := NewScalar().MultiplyBase()
		if i == 0 {
			p = g // -Q + k·G is then the identity
		}
		plus, err := p.Add(g)
		if err != nil {
			t.Fatal(err)
		}
		x, xPlus := k.Multiply(p).X(), k.Multiply(plus).X()
		q, err := FromXOnly(x, xPlus, public)
		if err != nil || !q.Equal(k.Multiply(p)) {
			t.Fatalf("k·P: %v", err)
		}
		bad := bytes.Clone(xPlus)
		bad[31] ^= 1
		another := NewScalar().Multiply(plus).X()
		for what, err := range map[string]error{
			"first changed":    second(FromXOnly(another, xPlus, public)),
			"second changed":   second(FromXOnly(x, bad, public)),
			"another scalar":   second(FromXOnly(x, another, public)),
			"another public":   second(FromXOnly(x, xPlus, NewScalar().MultiplyBase())),
			"short":            second(FromXOnly(x[1:], xPlus, public)),
			"equal answers":    second(FromXOnly(x, x, public)),
			"not on the curve": second(FromXOnly(bytes.Repeat([]byte{0xff}, 32), xPlus, public)),
		} {
			if !errors.Is(err, ErrFaulty) {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
}

func second(_ Point, err error) error { return err }

func TestMinusG(t *testing.T) {
	g := Generator().Bytes()
	g[0] ^= 1
	// A client that sends it as its key share is refused before anything is counted.
	ke1 := append(append(Generator().Bytes(), bytes.Repeat([]byte{1}, 32)...), g...)
	if _, err := ParseKE1(ke1); !errors.Is(err, ErrMessage) {
		t.Errorf("KE1 with -G: %v", err)
	}
}
