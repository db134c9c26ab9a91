package repo

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/faultstore"
)

// Another computer that backs up while encryption is being turned off must not
// write under the epoch to come: its snapshot would outlive the chunks it refers to.
func TestABackupBesideAChangeGoesWithTheOldEpoch(t *testing.T) {
	ctx := context.Background()
	key := testKey(t)
	_, m := newRepo(t, key)
	writeSnapshot(t, reopen(t, m, key), someFiles, nil)
	moving, err := reopen(t, m, key).BeginTurnOff(ctx)
	if err != nil {
		t.Fatal(err)
	}
	other := writeSnapshot(t, reopen(t, m, key), someFiles, nil)
	if got, err := readFile(reopen(t, m, key), other, "b.bin"); err != nil || len(got) != 350 {
		t.Errorf("beside the change: %d bytes, %v", len(got), err)
	}
	fresh := writeSnapshot(t, moving, someFiles, nil)
	if err := moving.CommitChange(ctx); err != nil {
		t.Fatal(err)
	}
	if err := reopen(t, m, nil).DropOldEpochs(ctx, key, nil); err != nil {
		t.Fatal(err)
	}
	names := mustSnapshotNames(t, m)
	if len(names) != 1 || !names[fresh.Name] {
		t.Errorf("%d snapshots are left", len(names))
	}
	kept{fresh.Name: someFiles}.clean(t, m)
}

// A backup that ends after the change was made takes its snapshot back.
func TestABackupThatEndsAfterAChangeFails(t *testing.T) {
	ctx := context.Background()
	key := testKey(t)
	_, m := newRepo(t, key)
	first := writeSnapshot(t, reopen(t, m, key), someFiles, nil)
	change := func(context.Context) error {
		moving, err := reopen(t, m, key).BeginTurnOff(ctx)
		if err != nil {
			return err
		}
		return moving.CommitChange(ctx)
	}
	script := faultstore.NewScript(faultstore.Fault{Op: faultstore.Put, Prefix: "snapshots/", Kind: faultstore.Delay, Before: change})
	r := reopen(t, faultstore.New(m, script), key)
	w, err := r.NewWriter(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.WriteSnapshot(*first); !errors.Is(err, ErrChanged) {
		t.Errorf("%v", err)
	}
	script.VerifyAllHit(t)
	if n := count(t, m, "snapshots/"); n != 1 {
		t.Errorf("%d snapshots", n)
	}
}

// A destination that loses the header's replacement must not cost the older keyring.
func TestAKeyChangeWhoseHeaderIsLostChangesNothing(t *testing.T) {
	ctx := context.Background()
	for _, prefix := range []string{HeaderPath, "keyring-"} {
		key := testKey(t)
		_, m := newRepo(t, key)
		s := writeSnapshot(t, reopen(t, m, key), someFiles, nil)
		script := faultstore.NewScript(faultstore.Fault{Op: faultstore.Write, Prefix: prefix, Kind: faultstore.LostWrite})
		if err := reopen(t, faultstore.New(m, script), key).ChangeKey(ctx, testKey(t), nil); err == nil {
			t.Errorf("%s: the loss was not noticed", prefix)
		}
		script.VerifyAllHit(t)
		if _, err := readFile(reopen(t, m, key), s, "b.bin"); err != nil {
			t.Errorf("%s: %v", prefix, err)
		}
	}
}

// Another computer that backs up encrypted while the unencrypted backup is being
// deleted does not use what is on its way out. Found by core/simtest.
func TestABackupAfterTurningOnUsesNothingOfBefore(t *testing.T) {
	ctx := context.Background()
	_, m := newRepo(t, nil)
	writeSnapshot(t, reopen(t, m, nil), someFiles, nil)
	key := testKey(t)
	before := reopen(t, m, nil)
	moving, err := before.BeginTurnOn(ctx, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	writeSnapshot(t, moving, someFiles, nil)
	if err := moving.CommitChange(ctx); err != nil {
		t.Fatal(err)
	}
	old := before.e.Writes.NewHasher().ID(someFiles[1].content[:100])
	if _, err := before.LoadIndex(ctx); err != nil || !before.Has(old) {
		t.Fatalf("the older chunk is not there to begin with: %v", err)
	}
	r := reopen(t, m, key)
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
	b.away = b.away || name == HeaderPath
	return b.Memory.Replace(ctx, name, data)
}

// A snapshot that is made while a change of the key lists what counts, before the change is cut off, counts with its index or not at all.
func TestACutOffChangeOfTheKeyClosesOverWholeSnapshots(t *testing.T) {
	old, fresh := testKey(t), testKey(t)
	_, m := newRepo(t, old)
	writeSnapshot(t, reopen(t, m, old), []testFile{{"a", []byte("a")}}, nil)
	b := &between{Memory: m}
	r := reopen(t, b, old)
	b.meet = func() { writeSnapshot(t, reopen(t, m, old), []testFile{{"b", []byte("b")}}, nil) }
	if err := r.ChangeKey(context.Background(), fresh, nil); err == nil || !b.away {
		t.Fatalf("it was not cut off: %v", err)
	}
	if v := verify(t, reopen(t, m, fresh)); len(v.Damage) > 0 || v.Snapshots == 0 {
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
	first, second, third := testKey(t), testKey(t), testKey(t)
	_, m := newRepo(t, first)
	writeSnapshot(t, reopen(t, m, first), someFiles, nil)
	if err := reopen(t, m, first).ChangeKey(ctx, second, nil); err != nil {
		t.Fatal(err)
	}
	b := &beside{Memory: m}
	b.meet = func() {
		if err := reopen(t, m, second).ChangeKey(ctx, third, nil); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := Open(ctx, b, Encrypted(second)); !errors.Is(err, ErrWrongKey) || b.meet != nil {
		t.Errorf("%v, %v", r, err)
	}
	if v := verify(t, reopen(t, m, third)); len(v.Damage) > 0 || v.Snapshots != 1 {
		t.Errorf("%d snapshots: %v", v.Snapshots, v.Damage)
	}
}
