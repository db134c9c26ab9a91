package protection_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/internal/repotest"
	"github.com/holdfast-backup/holdfast/core/repo/protection"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/faultstore"
)

// Another computer that backs up while encryption is being turned off must not
// write under the epoch to come: its snapshot would outlive the chunks it refers to.
func TestABackupBesideAChangeGoesWithTheOldEpoch(t *testing.T) {
	ctx := context.Background()
	key := repotest.Key(t)
	_, m := repotest.New(t, key)
	repotest.WriteSnapshot(t, repotest.Open(t, m, key), repotest.SomeFiles, nil)
	moving, err := protection.BeginTurnOff(ctx, repotest.Open(t, m, key))
	if err != nil {
		t.Fatal(err)
	}
	other := repotest.WriteSnapshot(t, repotest.Open(t, m, key), repotest.SomeFiles, nil)
	if got, err := repotest.ReadFile(repotest.Open(t, m, key), other, "b.bin"); err != nil || len(got) != 350 {
		t.Errorf("beside the change: %d bytes, %v", len(got), err)
	}
	fresh := repotest.WriteSnapshot(t, moving, repotest.SomeFiles, nil)
	if err := protection.Commit(ctx, moving); err != nil {
		t.Fatal(err)
	}
	if err := protection.DropOldEpochs(ctx, repotest.Open(t, m, nil), key, nil); err != nil {
		t.Fatal(err)
	}
	names := repotest.SnapshotNames(t, m)
	if len(names) != 1 || !names[fresh.Name] {
		t.Errorf("%d snapshots are left", len(names))
	}
	repotest.Kept{fresh.Name: repotest.SomeFiles}.Clean(t, m)
}

// A backup that ends after the change was made takes its snapshot back.
func TestABackupThatEndsAfterAChangeFails(t *testing.T) {
	ctx := context.Background()
	key := repotest.Key(t)
	_, m := repotest.New(t, key)
	first := repotest.WriteSnapshot(t, repotest.Open(t, m, key), repotest.SomeFiles, nil)
	change := func(context.Context) error {
		moving, err := protection.BeginTurnOff(ctx, repotest.Open(t, m, key))
		if err != nil {
			return err
		}
		return protection.Commit(ctx, moving)
	}
	script := faultstore.NewScript(faultstore.Fault{Op: faultstore.Put, Prefix: "snapshots/", Kind: faultstore.Delay, Before: change})
	r := repotest.Open(t, faultstore.New(m, script), key)
	w, err := r.NewWriter(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.WriteSnapshot(*first); !errors.Is(err, repo.ErrChanged) {
		t.Errorf("%v", err)
	}
	script.VerifyAllHit(t)
	if n := repotest.Count(t, m, "snapshots/"); n != 1 {
		t.Errorf("%d snapshots", n)
	}
}

// A destination that loses the header's replacement must not cost the older keyring.
func TestAKeyChangeWhoseHeaderIsLostChangesNothing(t *testing.T) {
	ctx := context.Background()
	for _, prefix := range []string{repo.HeaderPath, "keyring-"} {
		key := repotest.Key(t)
		_, m := repotest.New(t, key)
		s := repotest.WriteSnapshot(t, repotest.Open(t, m, key), repotest.SomeFiles, nil)
		script := faultstore.NewScript(faultstore.Fault{Op: faultstore.Write, Prefix: prefix, Kind: faultstore.LostWrite})
		if err := protection.ChangeKey(ctx, repotest.Open(t, faultstore.New(m, script), key), repotest.Key(t), nil); err == nil {
			t.Errorf("%s: the loss was not noticed", prefix)
		}
		script.VerifyAllHit(t)
		if _, err := repotest.ReadFile(repotest.Open(t, m, key), s, "b.bin"); err != nil {
			t.Errorf("%s: %v", prefix, err)
		}
	}
}

// Another computer that backs up encrypted while the unencrypted backup is being
// deleted does not use what is on its way out. Found by core/simtest.
func TestABackupAfterTurningOnUsesNothingOfBefore(t *testing.T) {
	ctx := context.Background()
	_, m := repotest.New(t, nil)
	repotest.WriteSnapshot(t, repotest.Open(t, m, nil), repotest.SomeFiles, nil)
	key := repotest.Key(t)
	before := repotest.Open(t, m, nil)
	moving, err := protection.BeginTurnOn(ctx, before, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	repotest.WriteSnapshot(t, moving, repotest.SomeFiles, nil)
	if err := protection.Commit(ctx, moving); err != nil {
		t.Fatal(err)
	}
	old := before.Engine().Writes.NewHasher().ID(repotest.SomeFiles[1].Content[:100])
	if _, err := before.LoadIndex(ctx); err != nil || !before.Has(old) {
		t.Fatalf("the older chunk is not there to begin with: %v", err)
	}
	r := repotest.Open(t, m, key)
	w, err := r.NewWriter(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if r.Has(old) {
		t.Error("a chunk of before counts as stored")
	}
}

// between lets another computer in after the first listing of indexes or snapshots, and is away once the header was replaced.
type between struct {
	*store.Memory
	meet func()
	away bool
}

func (b *between) List(ctx context.Context, prefix string, fn func(store.Object) error) error {
	if b.away {
		return &store.Error{Op: "list", Name: prefix, Err: errors.New("away on purpose")}
	}
	err := b.Memory.List(ctx, prefix, fn)
	if meet := b.meet; meet != nil && (prefix == "indexes/" || prefix == "snapshots/") {
		b.meet = nil
		meet()
	}
	return err
}

func (b *between) Replace(ctx context.Context, name string, data []byte) error {
	b.away = b.away || name == repo.HeaderPath
	return b.Memory.Replace(ctx, name, data)
}

// A snapshot that is made while a change of the key lists what counts, before the change is cut off, counts with its index or not at all.
func TestACutOffChangeOfTheKeyClosesOverWholeSnapshots(t *testing.T) {
	old, fresh := repotest.Key(t), repotest.Key(t)
	_, m := repotest.New(t, old)
	repotest.WriteSnapshot(t, repotest.Open(t, m, old), []repotest.File{{Name: "a", Content: []byte("a")}}, nil)
	b := &between{Memory: m}
	r := repotest.Open(t, b, old)
	b.meet = func() {
		repotest.WriteSnapshot(t, repotest.Open(t, m, old), []repotest.File{{Name: "b", Content: []byte("b")}}, nil)
	}
	if err := protection.ChangeKey(context.Background(), r, fresh, nil); err == nil || !b.away {
		t.Fatalf("it was not cut off: %v", err)
	}
	if v := repotest.Verify(t, repotest.Open(t, m, fresh)); len(v.Damage) > 0 || v.Snapshots == 0 {
		t.Errorf("%d snapshots: %v", v.Snapshots, v.Damage)
	}
}

// beside changes the key in front of the first look at a closing list.
type beside struct {
	*store.Memory
	meet func()
}

func (b *beside) Stat(ctx context.Context, name string) (store.Object, error) {
	if meet := b.meet; meet != nil && strings.HasPrefix(name, "closings/") {
		b.meet = nil
		meet()
	}
	return b.Memory.Stat(ctx, name)
}

// Who opens a backup while its key is changed is told so, and not that what vouches for older backups is lost.
func TestOpeningBesideAChangeOfTheKey(t *testing.T) {
	ctx := context.Background()
	first, second, third := repotest.Key(t), repotest.Key(t), repotest.Key(t)
	_, m := repotest.New(t, first)
	repotest.WriteSnapshot(t, repotest.Open(t, m, first), repotest.SomeFiles, nil)
	if err := protection.ChangeKey(ctx, repotest.Open(t, m, first), second, nil); err != nil {
		t.Fatal(err)
	}
	b := &beside{Memory: m}
	b.meet = func() {
		if err := protection.ChangeKey(ctx, repotest.Open(t, m, second), third, nil); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := repo.Open(ctx, b, repo.Encrypted(second)); !errors.Is(err, repo.ErrWrongKey) || b.meet != nil {
		t.Errorf("%v, %v", r, err)
	}
	if v := repotest.Verify(t, repotest.Open(t, m, third)); len(v.Damage) > 0 || v.Snapshots != 1 {
		t.Errorf("%d snapshots: %v", v.Snapshots, v.Damage)
	}
}
