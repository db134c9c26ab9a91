package onedrive

import (
	"encoding/base64"
	"encoding/binary"
	"testing"

	"github.com/holdfast-backup/holdfast/core/store/storetest"
)

// The hash is Microsoft's: these are what its own program gave.
func TestQuickXor(t *testing.T) {
	for _, c := range []struct{ of, want string }{
		{base64.StdEncoding.EncodeToString([]byte("hello world")), "aCgDG9jwBhDc4Q1yawMZAAAAAAA="},
		{"", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="},
		{"Sg==", "SgAAAAAAAAAAAAAAAQAAAAAAAAA="},
		{"tbQ=", "taAFAAAAAAAAAAAAAgAAAAAAAAA="},
		{"/aNzzCFPS/A=", "/RjFHJgRgicsAR4ACAAAAAAAAAA="},
		{"T6LYJIfDh81JrAK309H2JMJTXis=", "zBTHrspn3mEcohlJdIUAbjGNaNg="},
		{"NbYXsp5/K6mR+NmHwExjvWeWDJFnXTKWVlzYHoesp2E=", "wjuAuWDiq04qDt1R8hHWDDcwVoQ="},
		{"L+LSB8kmGMnHaWVA5P/+qFnfQliXvgJW7d2JGAgT6+koi5NQujFW1bwQVoXrBVyob/gBxGizUoJMgid5gGNo", "ndX/KZBtFoeO3xKeo1ajO/Jy+rY="},
	} {
		data, err := base64.StdEncoding.DecodeString(c.of)
		if err != nil {
			t.Fatal(err)
		}
		if got := base64.StdEncoding.EncodeToString(quickXor(data)); got != c.want {
			t.Errorf("%d bytes: %s, want %s", len(data), got, c.want)
		}
	}
}

// Whole turns are folded into one. What the description says byte by byte comes to the same.
func TestQuickXorByTheDescription(t *testing.T) {
	for _, n := range []int{0, 1, 159, 160, 161, 320, 1001, 100_003} {
		data := storetest.Bytes(uint64(n), n)
		var want [hashSize]byte
		for i, b := range data {
			for k := range 8 {
				bit := (i*shift + k) % (8 * hashSize)
				want[bit/8] ^= b >> k & 1 << (bit % 8)
			}
		}
		for i, b := range binary.LittleEndian.AppendUint64(nil, uint64(n)) {
			want[hashSize-8+i] ^= b
		}
		if got := quickXor(data); string(got) != string(want[:]) {
			t.Errorf("%d bytes: %x, want %x", n, got, want)
		}
	}
}
