package filetest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// Noise returns n reproducible bytes that do not compress.
func Noise(seed uint64, n int) []byte {
	var s [32]byte
	for i := range 8 {
		s[i] = byte(seed >> (8 * i))
	}
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(s).Read(b)
	return b
}

// Write makes a file with its folders.
func Write(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Small fills a folder with a few dozen files of all sizes, enough for
// several chunks; seed varies their content.
func Small(t testing.TB, dir string, seed uint64) {
	t.Helper()
	for i := range 40 {
		Write(t, filepath.Join(dir, fmt.Sprintf("notes/%d/file-%02d.txt", i%4, i)), bytes.Repeat(Noise(seed+uint64(i), 16), i*7))
	}
	Write(t, filepath.Join(dir, "photo.jpg"), Noise(seed+100, 3_000_000))
	Write(t, filepath.Join(dir, "video.bin"), Noise(seed+101, 2_500_000))
}
