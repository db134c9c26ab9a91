package core_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/filetest"
)

// A source that lost everything, as an empty mount point does, is told and left out. What held it stays, whatever is pruned.
func TestASourceThatLostEverything(t *testing.T) {
	for _, how := range []string{"missing", "empty", "only folders"} {
		t.Run(how, func(t *testing.T) {
			c := newComputer(t)
			disk := filepath.Join(filepath.Dir(c.src), "disk")
			filetest.Write(t, filepath.Join(c.src, "doc"), []byte("a document"))
			filetest.Write(t, filepath.Join(disk, "album", "photo"), []byte("a photo"))
			c.must(func(a *core.App) error {
				return a.Setup(context.Background(), core.SetupRequest{Destination: c.dest, Sources: []string{c.src, disk}})
			})
			first := c.backup()
			if first.Errors != 0 {
				t.Fatalf("%+v", first)
			}
			if err := os.Rename(disk, disk+"-away"); err != nil {
				t.Fatal(err)
			}
			switch how {
			case "empty":
				mkdirAll(t, disk)
			case "only folders":
				mkdirAll(t, filepath.Join(disk, "album"))
			}
			second := c.backup()
			if second.Errors != 1 || len(second.Problems) != 1 || second.Problems[0].Path != disk {
				t.Errorf("not told: %+v", second)
			}
			if again := c.backup(); again.Errors != 1 {
				t.Errorf("told once only: %+v", again)
			}
			c.must(func(a *core.App) error {
				_, err := a.Upkeep().Prune(context.Background(), core.PruneRequest{Retention: &core.Retention{Last: 1}, Grace: 0}, nil)
				return err
			})
			target := t.TempDir()
			c.must(func(a *core.App) error {
				r, err := a.Reader(context.Background())
				if err != nil {
					return err
				}
				_, err = r.Restore(context.Background(), core.RestoreRequest{Snapshot: first.Snapshot, Target: target}, nil)
				return errors.Join(err, r.Close())
			})
			if b, err := os.ReadFile(filepath.Join(target, "disk", "album", "photo")); err != nil || string(b) != "a photo" {
				t.Errorf("the photo is lost: %q, %v", b, err)
			}
			if how == "missing" {
				return
			}
			c.must(func(a *core.App) error { return a.AcceptEmpty() })
			if really := c.backup(); really.Errors != 0 {
				t.Errorf("told though it is really empty: %+v", really)
			}
		})
	}
}

// Where the only source lost everything no backup is made, and that is told.
func TestTheOnlySourceLostEverything(t *testing.T) {
	c := newComputer(t)
	filetest.Write(t, filepath.Join(c.src, "doc"), []byte("a document"))
	c.setup(nil)
	first := c.backup()
	if err := os.Remove(filepath.Join(c.src, "doc")); err != nil {
		t.Fatal(err)
	}
	err := c.do(func(a *core.App) error {
		_, err := a.Backup(context.Background(), nil)
		return err
	})
	if !errors.Is(err, core.ErrEmptySource) || !strings.Contains(err.Error(), c.src) {
		t.Errorf("%v", err)
	}
	c.must(func(a *core.App) error {
		r, err := a.Reader(context.Background())
		if err != nil {
			return err
		}
		all, err := r.Snapshots(context.Background())
		if len(all) != 1 || all[0].ID != first.Snapshot {
			t.Errorf("%+v", all)
		}
		return errors.Join(err, r.Close())
	})
}

// A source that is on another disk than before is told once, and backed up.
func TestASourceOnAnotherDisk(t *testing.T) {
	c := newComputer(t)
	filetest.Write(t, filepath.Join(c.src, "doc"), []byte("a document"))
	c.setup(nil)
	c.backup()
	settings := filepath.Join(c.params.Profile, "settings.json")
	b, err := os.ReadFile(settings)
	if err != nil {
		t.Fatal(err)
	}
	other := regexp.MustCompile(`"disk": "[^"]*"`).ReplaceAll(b, []byte(`"disk": "another"`))
	if string(other) == string(b) {
		t.Fatalf("no disk is remembered: %s", b)
	}
	if err := os.WriteFile(settings, other, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := c.backup(); r.Errors != 1 || r.Files != 1 || !strings.Contains(r.Problems[0].Reason, "another disk") {
		t.Errorf("%+v", r)
	}
	if r := c.backup(); r.Errors != 0 {
		t.Errorf("told again: %+v", r)
	}
}

func mkdirAll(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
}
