package core_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/filetest"
	"github.com/holdfast-backup/holdfast/core/keyring"
)

// unpack writes a sample of testdata and returns its folder.
func unpack(t *testing.T, name string) string { t.Helper(); return unpackOf(t, "v1", name) }

func unpackOf(t *testing.T, version, name string) string {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", version, name+".tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read from
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			filetest.Write(t, filepath.Join(dir, filepath.FromSlash(h.Name)), b)
		}
	}
}

// Backups as the version before closing lists made them open on a new computer and on their own, and the owner's next
// run brings them up to date. The samples were made by its command line: three files, and after each change of the key
// one more.
func TestBackupsOfTheVersionBefore(t *testing.T) {
	ctx := context.Background()
	for name, want := range map[string]struct {
		keys      []string
		snapshots int
		newest    []string
	}{
		"key-changes": {[]string{"key1.txt", "key2.txt", "key3.txt"}, 2,
			[]string{"docs/one.txt", "docs/two.txt", "docs/three.txt", "kept.txt", "big.bin"}},
		"turned-on": {[]string{"key1.txt"}, 1, []string{"docs/one.txt", "kept.txt", "big.bin"}},
		"plain":     {nil, 1, []string{"docs/one.txt", "kept.txt", "big.bin"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := unpack(t, name)
			dest := filepath.Join(dir, "place")
			var key *backupkey.Key
			for _, k := range want.keys {
				text, err := os.ReadFile(filepath.Join(dir, k))
				if err != nil {
					t.Fatal(err)
				}
				if key, err = backupkey.Parse(text); err != nil {
					t.Fatal(err)
				}
			}
			check := func(when string, snapshots int) {
				t.Helper()
				r, err := elsewhere.OpenReader(ctx, dest, key)
				if err != nil {
					t.Fatalf("%s: %v", when, err)
				}
				defer r.Close() //nolint:errcheck // only read from
				all, err := r.Snapshots(ctx)
				if err != nil || len(all) != snapshots {
					t.Fatalf("%s: %d snapshots, %v", when, len(all), err)
				}
				for _, s := range all {
					target := filepath.Join(t.TempDir(), "out")
					report, err := r.Restore(ctx, core.RestoreRequest{Snapshot: s.ID, Target: target}, nil)
					if err != nil || report.Errors > 0 || report.Files < 3 {
						t.Errorf("%s: %+v, %v", when, report, err)
					}
					if b, err := os.ReadFile(filepath.Join(target, "files", "docs", "one.txt")); err != nil || string(b) != "first\n" {
						t.Errorf("%s: %q, %v", when, b, err)
					}
				}
				v, err := r.Verify(ctx, core.VerifyRequest{DataPercent: 100}, nil)
				if err != nil || len(v.Damage)+len(v.Notes) > 0 {
					t.Errorf("%s: verify: %v %v %v", when, v.Damage, v.Notes, err)
				}
			}
			check("on a new computer", want.snapshots)

			profile, src := filepath.Join(dir, "profile"), filepath.Join(dir, "files")
			for _, f := range want.newest {
				filetest.Write(t, filepath.Join(src, f), []byte("now\n"))
			}
			filetest.Write(t, filepath.Join(src, "docs/one.txt"), []byte("first\n"))
			settings, err := os.ReadFile(filepath.Join(profile, "settings.json"))
			if err != nil {
				t.Fatal(err)
			}
			settings = bytes.ReplaceAll(settings, []byte("/tmp/hf-sample/"+name), []byte(filepath.ToSlash(dir)))
			if err := os.WriteFile(filepath.Join(profile, "settings.json"), settings, 0o600); err != nil {
				t.Fatal(err)
			}
			c := &computer{t: t, src: src, dest: dest,
				params: core.Params{Profile: profile, Keyring: keyring.File{Path: filepath.Join(profile, "device.key")}}}
			if report := c.backup(); report.OlderState {
				t.Error("its own computer is told of an older state")
			}
			var h struct{ Version int }
			b, err := os.ReadFile(filepath.Join(dest, "holdfast.json"))
			if err := errors.Join(err, json.Unmarshal(b, &h)); err != nil || key != nil && h.Version != 2 {
				t.Errorf("after the owner's next run the header has version %d: %v", h.Version, err)
			}
			check("after the owner's next run", want.snapshots+1)
			if key == nil {
				return
			}
			// Its own computer is not taken back to before.
			old := unpack(t, name)
			for _, part := range []string{"holdfast.json", "keyring-2", "keyring-3"} {
				if b, err := os.ReadFile(filepath.Join(old, "place", part)); err == nil {
					if err := os.WriteFile(filepath.Join(dest, part), b, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			err = c.do(func(a *core.App) error { _, err := a.Backup(ctx, nil); return err })
			if !errors.Is(err, core.ErrOlderKey) || !strings.Contains(err.Error(), "older state") {
				t.Errorf("with the old header and keyring put back: %v", err)
			}
		})
	}
}
