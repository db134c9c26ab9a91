package backupkey

import (
	"bytes"
	"testing"
)

func FuzzParseID(f *testing.F) {
	f.Add("0123456789abcdef")
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := ParseID(s); err == nil && id.String() != s {
			t.Fatalf("%q is taken for %q", s, id)
		}
	})
}

// FuzzReadTyped: what Repair takes for a damaged key must keep its digits.
func FuzzReadTyped(f *testing.F) {
	f.Add(bytes.Repeat([]byte("0123 "), 16))
	f.Add(bytes.Repeat([]byte("0I2o "), 16))
	f.Fuzz(func(t *testing.T, text []byte) {
		typed, err := readTyped(text)
		if err != nil {
			return
		}
		defer typed.clear()
		for edited := range typed.chars {
			joined := bytes.Join(typed.groups(edited), nil)
			if string(joined) != string(typed.chars) {
				t.Fatalf("%q in groups is %q", string(typed.chars), joined)
			}
		}
	})
}
