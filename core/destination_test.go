package core_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/filetest"
)

func TestTheBackupIsFoundAgainWhereItWasMovedTo(t *testing.T) {
	ctx := context.Background()
	key, err := backupkey.New()
	if err != nil {
		t.Fatal(err)
	}
	c := newComputer(t)
	filetest.Write(t, filepath.Join(c.src, "a.txt"), []byte("a"))
	c.setup(key)
	first := c.backup()
	moved := c.dest + " elsewhere"
	if err := os.Rename(c.dest, moved); err != nil {
		t.Fatal(err)
	}
	c.must(func(a *core.App) error {
		for place, want := range map[string]error{filepath.Join(c.src, "in"): core.ErrInvalid, "": core.ErrInvalid,
			t.TempDir(): core.ErrNoBackup} {
			if err := a.SetDestination(ctx, place, false); !errors.Is(err, want) {
				t.Errorf("%q: %v, want %v", place, err, want)
			}
		}
		if err := a.SetDestination(ctx, moved, false); err != nil {
			return err
		}
		report, err := a.Backup(ctx, nil)
		if err == nil && report.FilesNew+report.FilesChanged != 0 {
			t.Errorf("%+v is stored anew", report)
		}
		return err
	})
	// A fresh place takes the key along; the old one stays, with its date.
	fresh := c.dest + " fresh"
	c.must(func(a *core.App) error {
		if err := a.SetDestination(ctx, fresh, true); err != nil {
			return err
		}
		report, err := a.Backup(ctx, nil)
		if err == nil && report.OlderState {
			t.Error("the older place's dates are missed at the new one")
		}
		return err
	})
	for place, dates := range map[string]int{moved: 2, fresh: 1} {
		r, err := elsewhere.OpenReader(ctx, place, key)
		if err != nil {
			t.Fatal(err)
		}
		all, err := r.Snapshots(ctx)
		if err = errors.Join(err, r.Close()); err != nil || len(all) != dates {
			t.Errorf("%s has %d dates: %v", place, len(all), err)
		}
		if place == moved && all[1].ID != first.Snapshot {
			t.Error("the first date is another")
		}
	}
	// Another computer's backup is not taken over.
	other := newComputer(t)
	filetest.Write(t, filepath.Join(other.src, "b.txt"), []byte("b"))
	other.setup(nil)
	c.must(func(a *core.App) error {
		if err := a.SetDestination(ctx, other.dest, true); !errors.Is(err, core.ErrExistingBackup) {
			t.Errorf("another backup: %v", err)
		}
		return nil
	})
}

func TestFreeSpace(t *testing.T) {
	ctx := context.Background()
	if n, ok := elsewhere.Places.Free(ctx, filepath.Join(t.TempDir(), "to", "be", "made")); !ok || n <= 0 {
		t.Errorf("%d, %v", n, ok)
	}
	if _, ok := elsewhere.Places.Free(ctx, "remote:folder"); ok {
		t.Error("a remote was measured as a folder")
	}
}
