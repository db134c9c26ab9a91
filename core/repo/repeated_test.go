package repo_test

import (
	"context"
	"errors"
	"testing"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/internal/repotest"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/faultstore"
)

// A proxy repeats each write and gives the second answer, which says that the name is taken: it is taken by the same bytes.
func TestWritesThatAreRepeated(t *testing.T) {
	ctx := context.Background()
	key, err := backupkey.New()
	if err != nil {
		t.Fatal(err)
	}
	script := faultstore.NewScript(faultstore.Fault{Op: faultstore.Write, Times: faultstore.Always, Kind: faultstore.SecondAnswer})
	s := faultstore.New(store.NewMemory(), script)
	if _, err := repo.Create(ctx, s, key, nil); err != nil {
		t.Fatal(err)
	}
	r := repotest.Open(t, s, key)
	want := repotest.Noise(1, 300_000)
	n := repotest.WriteSnapshot(t, r, []repotest.File{{Name: "a", Content: want}}, nil)
	if _, err := r.Snapshot(ctx, n.Name); err != nil {
		t.Error(err)
	}
	if _, err := repo.Create(ctx, s, key, nil); !errors.Is(err, repo.ErrExists) {
		t.Error("a backup is made over another")
	}
	script.VerifyAllHit(t)
}
