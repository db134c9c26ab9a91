package profile_test

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/core/profile"
)

// Paths and patterns come back as they were, whatever bytes they are of.
func TestSettingsKeepBytes(t *testing.T) {
	dir := t.TempDir()
	p, err := profile.Open(dir, keyring.File{Path: filepath.Join(dir, "key")})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"/a/caf\xe9", "/plain", "/mit ü", "/100%", "\x00bytes:x", "/\xff\x01\n"}
	if err := p.Update(func(s *profile.Settings) {
		s.Destination, s.Sources, s.Excludes = "/dst\xe9", want, []string{"caf\xe8*", "!%E8"}
		s.SourceStates = []profile.SourceState{{Path: "/a/caf\xe9", Files: 3}, {Path: "/plain", Files: 4}}
	}); err != nil {
		t.Fatal(err)
	}
	before := p.Settings()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if p, err = profile.Open(dir, keyring.File{Path: filepath.Join(dir, "key")}); err != nil {
		t.Fatal(err)
	}
	after := p.Settings()
	if after.Destination != before.Destination || !reflect.DeepEqual(after.Sources, want) ||
		!reflect.DeepEqual(after.Excludes, before.Excludes) ||
		!reflect.DeepEqual(after.SourceStates, before.SourceStates) {
		t.Errorf("%q %q %q %v\nwas %q %q %v", after.Destination, after.Sources, after.Excludes, after.SourceStates, before.Sources,
			before.Excludes, before.SourceStates)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}

// Settings of versions before open as they were.
func TestOldSettingsOpen(t *testing.T) {
	dir := t.TempDir()
	old := `{"id": "0123456789abcdef", "destination": "/dst", "sources": ["/home/ü", "/100%41"],
		"excludes": ["preset:caches", "*.tmp"], "upload_limit": 7}`
	if err := os.WriteFile(filepath.Join(dir, "settings.json"), []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := profile.Open(dir, keyring.File{Path: filepath.Join(dir, "key")})
	if err != nil {
		t.Fatal(err)
	}
	s := p.Settings()
	if s.ID != "0123456789abcdef" || s.Destination != "/dst" || !reflect.DeepEqual(s.Sources, []string{"/home/ü", "/100%41"}) ||
		len(s.Excludes) != 2 || s.UploadLimit != 7 {
		t.Errorf("%+v", s)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}
