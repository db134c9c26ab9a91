package found_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/found"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/store"
)

// plant makes a backup in a folder, and returns its path.
func plant(t *testing.T, path string, key *backupkey.Key) string {
	t.Helper()
	s, err := store.OpenFolder(path, store.FolderOptions{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // a test's
	if _, err := repo.Create(t.Context(), s, key, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTheBackupAtAPlaceIsTheOne(t *testing.T) {
	root := plant(t, filepath.Join(t.TempDir(), "root"), nil)
	plant(t, filepath.Join(root, "Holdfast"), nil)
	all, err := found.At(t.Context(), places.Places{}, root)
	if err != nil || len(all) != 1 || all[0].Place != root || all[0].Key || all[0].Password {
		t.Errorf("%+v, %v", all, err)
	}
}

// Where there is none, those one level below are found, the newest first, with what can be said without a key.
func TestBackupsBelowAPlace(t *testing.T) {
	root := t.TempDir()
	key, err := backupkey.New()
	if err != nil {
		t.Fatal(err)
	}
	older, newer := plant(t, filepath.Join(root, "Laptop"), key), plant(t, filepath.Join(root, "Old computer"), nil)
	now := time.Now()
	for path, at := range map[string]time.Time{older: now.Add(-48 * time.Hour), newer: now.Add(-time.Hour)} {
		snapshot := filepath.Join(path, "snapshots", "1")
		write(t, snapshot, "x")
		if err := os.Chtimes(snapshot, at, at); err != nil {
			t.Fatal(err)
		}
	}
	future := plant(t, filepath.Join(root, "Wrong clock"), key)
	write(t, filepath.Join(future, "snapshots", "1"), "x")
	if err := os.Chtimes(filepath.Join(future, "snapshots", "1"), now.Add(1000*time.Hour), now.Add(1000*time.Hour)); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "Newer", "holdfast.json"), `{"format": "holdfast-backup", "version": 7}`)
	write(t, filepath.Join(root, "web app", "holdfast.json"), `{"name": "a web app"}`)
	write(t, filepath.Join(root, "a", "b", "holdfast.json"), "too deep")
	all, err := found.At(t.Context(), places.Places{}, root)
	if err != nil || len(all) != 4 {
		t.Fatalf("%+v, %v", all, err)
	}
	if all[0].Place != newer || all[0].Key || !all[0].Changed.After(all[1].Changed) ||
		all[1].Place != older || !all[1].Key || all[1].Password {
		t.Errorf("%+v", all)
	}
	if !errors.Is(all[2].Err, core.ErrNewerFormat) || all[3].Place != future || !all[3].Changed.IsZero() {
		t.Errorf("%+v", all[2:])
	}
}

func TestNoBackupAtAPlace(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "file"), "x")
	if all, err := found.At(t.Context(), places.Places{}, root); !errors.Is(err, core.ErrNoBackup) {
		t.Errorf("%+v, %v", all, err)
	}
	if _, err := found.At(t.Context(), places.Places{}, filepath.Join(root, "gone")); !errors.Is(err, core.ErrDestinationGone) {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := found.At(ended, places.Places{}, root); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	write(t, filepath.Join(root, "holdfast.json"), `{"format": "holdfast-backup", "version": 7}`)
	if _, err := found.At(t.Context(), places.Places{}, root); !errors.Is(err, core.ErrNewerFormat) {
		t.Error(err)
	}
}

// Disks that hold none, or that do not answer, keep nobody from seeing what is on the others.
func TestBackupsNear(t *testing.T) {
	disk, empty := t.TempDir(), t.TempDir()
	at := plant(t, filepath.Join(disk, "Holdfast"), nil)
	silent, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	p := places.By(func(ctx context.Context, place string, create bool) (store.Store, error) {
		if place == "/silent" {
			close(silent)
			<-release // also where nobody waits for it any more
		}
		return places.OpenFolder(ctx, place, create)
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-silent
		cancel()
	}()
	near := []places.Nearby{{Path: disk}, {Path: empty}, {Path: at}, {Path: filepath.Join(disk, "gone")}}
	if all := found.Near(t.Context(), p, near); len(all) != 1 || all[0].Place != at {
		t.Errorf("%+v", all)
	}
	found.Near(ctx, p, []places.Nearby{{Path: "/silent"}})
}
