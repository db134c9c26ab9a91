package profile

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/core/keyring"
)

// FuzzFiles: whatever stands in a profile's files, opening it answers or
// names what is wrong, and never panics.
func FuzzFiles(f *testing.F) {
	f.Add([]byte(`{"id":"0011223344556677","destination":"/d"}`), []byte(secretsFile.magic+"0123456789ab"), []byte("00"), []byte("{}\n{"))
	f.Fuzz(func(t *testing.T, settings, secrets, device, activity []byte) {
		dir := t.TempDir()
		for name, b := range map[string][]byte{"settings.json": settings, "secrets": secrets, "device.key": device, "activity.jsonl": activity} {
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		p, err := Open(dir, keyring.File{Path: filepath.Join(dir, "device.key")})
		if err != nil {
			return
		}
		if _, err := p.Secrets(t.Context()); err == nil {
			t.Fatal("secrets that nobody sealed were opened")
		}
		if err := p.Runs(func([]byte) {}); err != nil {
			t.Fatal(err)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
