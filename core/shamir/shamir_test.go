package shamir

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

// The field is that of AES: FIPS 197 gives {57}·{83} = {c1} and {57}·{13} = {fe}.
func TestField(t *testing.T) {
	if multiply(0x57, 0x83) != 0xc1 || multiply(0x57, 0x13) != 0xfe {
		t.Error("products differ from FIPS 197, section 4.2")
	}
	for a := range 256 {
		want := byte(1)
		if a == 0 {
			want = 0
		}
		if got := multiply(byte(a), inverse(byte(a))); got != want {
			t.Errorf("%#x times its inverse is %#x", a, got)
		}
		for b := range 256 {
			slow, x := 0, a
			for bit := range 8 {
				if b>>bit&1 == 1 {
					slow ^= x
				}
				if x <<= 1; x&0x100 != 0 {
					x ^= 0x11b
				}
			}
			if multiply(byte(a), byte(b)) != byte(slow) {
				t.Fatalf("%#x times %#x", a, b)
			}
		}
	}
}

// Any t shares give the secret and all other shares; t-1 fit every secret.
func TestSplits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 9).Draw(t, "n")
		k := rapid.IntRange(1, n).Draw(t, "t")
		secret := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "secret")
		p, err := New(secret, k)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Clear()
		numbers := rapid.Permutation([]byte{1, 2, 3, 4, 5, 6, 7, 8, 255}[:n]).Draw(t, "numbers")
		var shares []Share
		for _, i := range numbers[:k] {
			shares = append(shares, p.Share(i))
		}
		got, err := Combine(0, shares...)
		if err != nil || !bytes.Equal(got, secret) {
			t.Fatalf("%x, %v", got, err)
		}
		for _, i := range numbers[k:] {
			if other, err := Combine(i, shares...); err != nil || !bytes.Equal(other, p.Share(i).Bytes) {
				t.Fatalf("share %d: %x, %v", i, other, err)
			}
		}
		if k == 1 || len(secret) == 0 {
			return
		}
		// Any other secret has a polynomial through the same t-1 shares.
		secret2 := bytes.Clone(secret)
		secret2[0] ^= 1 + rapid.ByteMax(254).Draw(t, "change")
		through := append([]Share{}, shares[:k-1]...)
		at := numbers[k-1]
		for v := range 256 {
			guess := Share{at, append([]byte{byte(v)}, shares[k-1].Bytes[1:]...)}
			if s, err := Combine(0, append(through, guess)...); err == nil && s[0] == secret2[0] {
				return
			}
		}
		t.Fatal("t-1 shares rule a secret out")
	})
}

func TestRefusals(t *testing.T) {
	for what, err := range map[string]error{
		"none":     func() error { _, err := Combine(0); return err }(),
		"zero":     func() error { _, err := Combine(0, Share{0, nil}); return err }(),
		"twice":    func() error { _, err := Combine(0, Share{1, nil}, Share{1, nil}); return err }(),
		"lengths":  func() error { _, err := Combine(0, Share{1, nil}, Share{2, []byte{1}}); return err }(),
		"0 of n":   func() error { _, err := New(nil, 0); return err }(),
		"256 of n": func() error { _, err := New(nil, 256); return err }(),
		"short":    func() error { _, err := FromCoefficients([]byte{1}, [][]byte{{}}); return err }(),
	} {
		if !errors.Is(err, ErrShares) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
