package core_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
)

// Whole tiny repositories of version 2 of the format, one for each protection, with the files that the newest backup
// holds: for whoever writes a reader. The program and the rescue script restore them, and refuse each with one bit
// changed in an object that its newest backup needs.
func TestTinyRepositories(t *testing.T) {
	ctx := context.Background()
	script, err := filepath.Abs("../docs/rescue/restore.py")
	check(t, err)
	for name, keyFile := range map[string]string{"key-changes": "key3.txt", "turned-on": "key1.txt", "plain": "key0.txt"} {
		t.Run(name, func(t *testing.T) {
			dir := unpackOf(t, "v2", name)
			dest := filepath.Join(dir, "place")
			text, err := os.ReadFile(filepath.Join(dir, keyFile))
			check(t, err)
			var key *backupkey.Key
			if len(text) > 0 {
				key, err = backupkey.Parse(text)
				check(t, err)
			}
			restore := func() (string, error) {
				r, err := elsewhere.OpenReader(ctx, dest, key)
				if err != nil {
					return "", err
				}
				defer r.Close() //nolint:errcheck // only read from
				out := filepath.Join(t.TempDir(), "out")
				report, err := r.Restore(ctx, core.RestoreRequest{Snapshot: "latest", Target: out}, nil)
				if err == nil && report.Errors > 0 {
					err = core.ErrDamaged
				}
				return out, err
			}
			want := contentsOf(t, filepath.Join(dir, "files"))
			out, err := restore()
			check(t, err)
			if got := contentsOf(t, filepath.Join(out, "files")); !sameContents(want, got) {
				t.Errorf("the program restores %d files of %d", len(got), len(want))
			}
			rescued := filepath.Join(t.TempDir(), "rescued")
			cmd := exec.Command("/usr/bin/python3", script, dest, rescued)
			cmd.Stdin = bytes.NewReader(text)
			if b, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, b)
			}
			if got := contentsOf(t, filepath.Join(rescued, "files")); !sameContents(want, got) {
				t.Errorf("the script restores %d files of %d", len(got), len(want))
			}
			needed := 0
			eachObject(t, dest, func(path string, content []byte) {
				file := filepath.Join(dest, filepath.FromSlash(path))
				changed := bytes.Clone(content)
				changed[len(changed)/3] ^= 4
				check(t, os.WriteFile(file, changed, 0o600))
				out, err := restore()
				if err != nil {
					needed++
				} else {
					// What an older backup gives instead is genuine too: in these samples no file ever changes.
					for n, b := range contentsOf(t, filepath.Join(out, "files")) {
						if want[n] != b {
							t.Errorf("%s with a bit changed: %s has another content", path, n)
						}
					}
				}
				check(t, os.WriteFile(file, content, 0o600))
			})
			if needed < 3 {
				t.Errorf("only %d objects are needed", needed)
			}
		})
	}
}

func contentsOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := make(map[string]string)
	for name, b := range filesOf(t, dir) {
		out[name] = string(b)
	}
	return out
}

func sameContents(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for name, text := range a {
		if b[name] != text {
			return false
		}
	}
	return true
}
