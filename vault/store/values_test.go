package store

import "testing"

func FuzzTokenValues(f *testing.F) {
	f.Add(encodeValues(map[Key][]byte{{1}: []byte("x"), {2}: {}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		values, err := decodeValues(b)
		if err != nil {
			return
		}
		again, err := decodeValues(encodeValues(values))
		if err != nil || len(again) != len(values) {
			t.Fatal(err)
		}
	})
}
