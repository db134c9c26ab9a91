package main

import (
	"bytes"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core/release"
)

// What the command signs, the app reads.
func TestTheAppReadsIt(t *testing.T) {
	private := filepath.Join(t.TempDir(), "key")
	var key, notice bytes.Buffer
	if err := run([]string{"key", "releases.example", private}, &key); err != nil {
		t.Fatal(err)
	}
	if err := run([]string{"sign", private, "1.2.0", "2026-12-24", "https://releases.example/1.2.0"}, &notice); err != nil {
		t.Fatal(err)
	}
	n, err := release.Source{Key: strings.TrimSpace(key.String())}.Read(notice.Bytes())
	if err != nil || n.Version != "1.2.0" || n.Page != "https://releases.example/1.2.0" {
		t.Errorf("read %+v, %v", n, err)
	}
	for _, bad := range [][]string{
		{"newest", "2026-12-24", "https://releases.example/"},
		{"1.2.0", "today", "https://releases.example/"},
		{"1.2.0", "2026-12-24", "releases.example"},
	} {
		var out bytes.Buffer
		if err := run(append([]string{"sign", private}, bad...), &out); err == nil || out.Len() > 0 {
			t.Errorf("%q: %v, and %q is signed", bad, err, out.Bytes())
		}
	}
	if err := run([]string{"key", "releases.example", private}, &key); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a key was overwritten: %v", err)
	}
}
