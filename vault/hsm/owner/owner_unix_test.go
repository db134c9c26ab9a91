//go:build unix

package owner

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A module is taken only where nobody else may put another in its place: not in
// the file, not in any folder above it, and not through a link.
func TestWhoMayChangeAFile(t *testing.T) {
	root := os.Geteuid() == 0
	if !root && os.Getenv("CI") != "" {
		t.Fatal("CI must run this as root: it gives files to other users")
	}
	for name, c := range map[string]struct {
		mode    os.FileMode // of the folder above the file's
		file    os.FileMode
		uid     int // of the file; needs root
		gid     int
		persons bool // whether it will do for a person's own
	}{
		"private":                 {0o755, 0o644, -1, -1, true},
		"a folder for everybody":  {0o777, 0o644, -1, -1, false},
		"a sticky one":            {0o777 | os.ModeSticky, 0o644, -1, -1, true},
		"a group's folder":        {0o775, 0o644, -1, 12345, false},
		"a file for everybody":    {0o755, 0o666, -1, -1, false},
		"another user's file":     {0o755, 0o644, 12345, -1, false},
		"a file of another group": {0o755, 0o664, -1, 12345, false},
	} {
		t.Run(name, func(t *testing.T) {
			if !root && (c.uid >= 0 || c.gid >= 0) {
				t.Skip("only root gives files away; CI runs as root")
			}
			dir := filepath.Join(t.TempDir(), "above")
			file := filepath.Join(dir, "in", "module.so")
			for _, err := range []error{os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, nil, 0o600)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			given := file
			if name == "a group's folder" {
				given = dir
			}
			for _, err := range []error{os.Chown(given, c.uid, c.gid), os.Chmod(dir, c.mode), os.Chmod(file, c.file)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			link := filepath.Join(t.TempDir(), "link.so")
			if err := os.Symlink(file, link); err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{file, link} {
				if err := Persons(path); (err == nil) != c.persons || err != nil && !errors.Is(err, ErrOthers) {
					t.Errorf("the person's own: %v", err)
				}
				// The test's folder is below a sticky one, which does for a person alone.
				if err := Administrators(path); !errors.Is(err, ErrOthers) {
					t.Errorf("an administrator's: %v", err)
				}
			}
		})
	}
	if err := Administrators("/bin/sh"); err != nil {
		t.Errorf("the system's own shell: %v", err)
	}
	if err := Persons(t.TempDir()); err == nil {
		t.Error("a folder is no file")
	}
}
