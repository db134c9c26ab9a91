package repo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/check"
	"github.com/holdfast-backup/holdfast/core/repo/internal/engine"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/index"
	"github.com/holdfast-backup/holdfast/core/repo/internal/repotest"
	"github.com/holdfast-backup/holdfast/core/repo/internal/sealed"
	"github.com/holdfast-backup/holdfast/core/repo/protection"
	"github.com/holdfast-backup/holdfast/core/repo/prune"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/faultstore"
)

// The tests of this file play whoever holds the destination, together with somebody who has a key that is not in use any more.

// under is what somebody writes who has an epoch's secret: with a repository in which it is the current one.
func under(r *repo.Repository, s store.Store, e *repo.Epoch) *repo.Repository {
	h := *r.Engine().Header
	h.Next = nil
	return repo.Of(engine.New(sealed.New(ownHeader{s, h.Encode()}, &h, r.Engine().Key, []*repo.Epoch{e.As(format.EpochCurrent)})))
}

// ownHeader shows a header of one's own.
type ownHeader struct {
	store.Store
	header []byte
}

func (s ownHeader) Stat(ctx context.Context, name string) (store.Object, error) {
	if name == repo.HeaderPath {
		return store.Object{Name: name, Size: int64(len(s.header))}, nil
	}
	return s.Store.Stat(ctx, name)
}

func (s ownHeader) ReadAt(ctx context.Context, name string, p []byte, offset int64) error {
	if name == repo.HeaderPath {
		copy(p, s.header[offset:])
		return nil
	}
	return s.Store.ReadAt(ctx, name, p, offset)
}

var plantedFiles = []repotest.File{{Name: "a.txt", Content: []byte("this was never backed up")},
	{Name: "b.bin", Content: repotest.Noise(9, 350)}}

// changeKey changes the key and returns the new one.
func changeKey(t *testing.T, s store.Store, old *backupkey.Key) *backupkey.Key {
	t.Helper()
	key := repotest.Key(t)
	if err := protection.ChangeKey(context.Background(), repotest.Open(t, s, old), key, nil); err != nil {
		t.Fatal(err)
	}
	return key
}

// wantSnapshots opens with the key and compares what is shown, and that all of it restores.
func wantSnapshots(t *testing.T, s store.Store, key *backupkey.Key, want repotest.Kept) {
	t.Helper()
	r := repotest.Open(t, s, key)
	all, bad, err := r.Snapshots(context.Background())
	if err != nil || len(bad) > 0 {
		t.Fatal(err, bad)
	}
	if len(all) != len(want) {
		t.Errorf("%d snapshots are shown, want %d", len(all), len(want))
	}
	for _, snap := range all {
		files, ok := want[snap.Name]
		if !ok {
			t.Errorf("%s is shown, which nobody with the key wrote", snap.Name)
		}
		for _, f := range files {
			if got, err := repotest.ReadFile(r, snap, f.Name); err != nil || !bytes.Equal(got, f.Content) {
				t.Errorf("%s, %s: %d bytes, %v", snap.Name, f.Name, len(got), err)
			}
		}
	}
}

// After encryption was turned on, the destination knows the secret of what was before. It can put genuine objects from the change back and
// write what it likes under that secret: none of it is shown.
func TestAnEpochThatWasPublicIsNeverRead(t *testing.T) {
	ctx := context.Background()
	_, m := repotest.New(t, nil)
	before := repotest.Open(t, m, nil)
	repotest.WriteSnapshot(t, before, repotest.SomeFiles, nil)
	key := repotest.Key(t)
	moving, err := protection.BeginTurnOn(ctx, repotest.Open(t, m, nil), key, nil)
	if err != nil {
		t.Fatal(err)
	}
	own := repotest.Kept{repotest.WriteSnapshot(t, moving, repotest.SomeFiles, nil).Name: repotest.SomeFiles}
	if err := protection.Commit(ctx, moving); err != nil {
		t.Fatal(err)
	}
	committed := store.NewMemory()
	repotest.Copy(t, m, committed)
	public := before.Engine().Writes
	t.Run("before the old backup is deleted", func(t *testing.T) {
		repotest.WriteSnapshot(t, under(before, committed, public), plantedFiles, nil)
		wantSnapshots(t, committed, key, own)
	})
	if err := protection.DropOldEpochs(ctx, repotest.Open(t, m, key), nil, nil); err != nil {
		t.Fatal(err)
	}
	t.Run("after it was deleted", func(t *testing.T) {
		repotest.WriteSnapshot(t, under(before, m, public), plantedFiles, nil)
		wantSnapshots(t, m, key, own)
	})
	t.Run("with the header of the change put back", func(t *testing.T) {
		wantSnapshots(t, committed, key, own)
		if _, err := repo.Open(ctx, committed, repo.Encrypted(key).Since(repotest.Open(t, m, key).Seen())); !errors.Is(err, repo.ErrOlder) {
			t.Errorf("a computer that has seen the newer keyring: %v", err)
		}
	})
}

// Somebody who had the key before it was changed writes everything that the old epoch can sign.
func TestAnOldKeyPlantsNothing(t *testing.T) {
	ctx := context.Background()
	old := repotest.Key(t)
	_, m := repotest.New(t, old)
	thief := repotest.Open(t, m, old)
	first := repotest.WriteSnapshot(t, repotest.Open(t, m, old), repotest.SomeFiles, nil)
	key := changeKey(t, m, old)
	second := repotest.WriteSnapshot(t, repotest.Open(t, m, key), repotest.SomeFiles, &first.Name)
	own := repotest.Kept{first.Name: repotest.SomeFiles, second.Name: repotest.SomeFiles}
	evil := under(thief, m, thief.Engine().Writes)

	planted := repotest.WriteSnapshot(t, evil, plantedFiles, nil)
	wantSnapshots(t, m, key, own)
	if late, err := repotest.Open(t, m, key).Late(ctx); err != nil || !slices.Equal(late, []repo.Name{planted.Name}) {
		t.Errorf("late: %v, %v", late, err)
	}
	if v := repotest.Verify(t, repotest.Open(t, m, key)); len(v.Damage) > 0 || v.Snapshots != 2 {
		t.Errorf("verify: %+v", v)
	}
	if _, err := evil.Engine().PutRecord(ctx, format.KindRemoval, format.EncodeRemoval([]repo.Name{first.Name, second.Name})); err != nil {
		t.Fatal(err)
	}
	if _, err := evil.Engine().PutRecord(ctx, format.KindPin, format.EncodeRemoval([]repo.Name{first.Name})); err != nil {
		t.Fatal(err)
	}
	if pins, err := repotest.Open(t, m, key).Pinned(ctx); err != nil || len(pins) > 0 {
		t.Errorf("pins: %v, %v", pins, err)
	}
	plantIndexOfEverything(t, m, key, evil)
	state := &prune.State{}
	clock := time.Now()
	for range 3 {
		if _, err := prune.Run(ctx, repotest.Open(t, m, key),
			prune.Options{Seen: state, Thorough: true, Now: func() time.Time { return clock }}); err != nil {
			t.Fatal(err)
		}
		clock = clock.Add(100 * 24 * time.Hour)
	}
	wantSnapshots(t, m, key, own)

	sealed := evil.Engine().Writes.SealObject(evil.Engine().ID, format.KindSnapshot, first.Name, format.EncodeSnapshot(planted))
	if err := m.Replace(ctx, format.KindSnapshot.Path(first.Name), sealed); err != nil {
		t.Fatal(err)
	}
	r := repotest.Open(t, m, key)
	all, bad, err := r.Snapshots(ctx)
	if err != nil || len(all) != 1 || all[0].Name != second.Name || len(bad) != 1 {
		t.Errorf("another payload under a name that was closed over: %d shown, %v, %v", len(all), bad, err)
	}
}

// plantIndexOfEverything puts packs under the old epoch whose tables name every chunk there is, and an index that names them: a prune
// that counts chunks there deletes the good packs.
func plantIndexOfEverything(t *testing.T, m *store.Memory, key *backupkey.Key, evil *repo.Repository) {
	t.Helper()
	ctx := context.Background()
	var entries []format.PackEntry
	r := repotest.Open(t, m, key)
	for _, row := range rowsOf(r) {
		entries = append(entries, format.PackEntry{ID: row.ID, Kind: row.Kind, Record: 20, Content: 19})
	}
	n := evil.Engine().Writes.NewName(format.KindPack)
	c := evil.Engine().Writes.PackCipher(n)
	var b []byte
	for i, e := range entries {
		b = c.SealRecord(b, e.ID, uint32(i), make([]byte, e.Record))
	}
	b = c.SealTail(b, entries)
	if err := m.Put(ctx, format.KindPack.Path(n), b); err != nil {
		t.Fatal(err)
	}
	if _, err := evil.Engine().PutIndex(ctx, nil, []format.PackList{{Name: n, Size: int64(len(b)), Entries: entries}}); err != nil {
		t.Fatal(err)
	}
}

// A record that authenticates and is not what its id says is damage wherever it is read.
func TestAChunkIsHeldAgainstItsID(t *testing.T) {
	ctx := context.Background()
	old := repotest.Key(t)
	_, m := repotest.New(t, old)
	s := repotest.WriteSnapshot(t, repotest.Open(t, m, old), repotest.SomeFiles, nil)
	key := changeKey(t, m, old)
	thief := repotest.Open(t, m, key) // both keys open the epoch in question
	var forged repo.ID
	for _, row := range rowsOf(thief) {
		if row.Kind == repo.KindData && row.Content == 100 && row.Record == 101 {
			forged = row.ID
		}
	}
	at, ok := thief.Engine().Index.Find(forged)
	if !ok {
		t.Fatal("no chunk to forge")
	}
	n := thief.Engine().Index.PackName(at.Pack)
	b, err := store.ReadAll(ctx, m, format.KindPack.Path(n), format.MaxPack)
	if err != nil {
		t.Fatal(err)
	}
	c := thief.Engine().Owner(format.KindPack, n).PackCipher(n)
	record := append([]byte{format.EncodingRaw}, bytes.Repeat([]byte{7}, 100)...)
	copy(b[at.Offset:], c.SealRecord(nil, forged, at.Ordinal, record))
	if err := m.Replace(ctx, format.KindPack.Path(n), b); err != nil {
		t.Fatal(err)
	}
	r := repotest.Open(t, m, key)
	if _, err := r.Chunk(ctx, forged); !errors.Is(err, repo.ErrDamaged) {
		t.Errorf("Chunk: %v", err)
	}
	err = r.Load(ctx, []repo.ID{forged}, func(n int) []byte { return make([]byte, n) },
		func(_ repo.ID, _ []byte, err error) error { return err })
	if !errors.Is(err, repo.ErrDamaged) {
		t.Errorf("Load: %v", err)
	}
	if _, err := repotest.ReadFile(r, s, "b.bin"); !errors.Is(err, repo.ErrDamaged) {
		t.Errorf("a file: %v", err)
	}
	if v := repotest.Verify(t, repotest.Open(t, m, key)); len(v.Damage) == 0 || v.Lost == 0 {
		t.Errorf("verify finds nothing: %+v", v)
	}
}

// A key demands encryption: a header that claims to have none opens for nobody who has one.
func TestAKeyDemandsEncryption(t *testing.T) {
	ctx := context.Background()
	key := repotest.Key(t)
	genuine, m := repotest.New(t, key)
	repotest.WriteSnapshot(t, repotest.Open(t, m, key), repotest.SomeFiles, nil)
	e := format.NewEpoch(genuine.Engine().ID, format.NewSecret(), 0)
	for name, next := range map[string]*format.Guard{
		"none":                        nil,
		"none and the key to come":    {Protection: repo.ProtectionKey, KeyID: key.ID().String(), Keyring: 1},
		"none and another key":        {Protection: repo.ProtectionKey, KeyID: repotest.Key(t).ID().String(), Keyring: 1},
		"none and none to come":       {Protection: repo.ProtectionNone, Epoch: fmt.Sprintf("%064x", 1)},
		"none and a keyring far away": {Protection: repo.ProtectionKey, KeyID: key.ID().String(), Keyring: format.MaxKeyring},
	} {
		forged := store.NewMemory()
		repotest.Copy(t, m, forged)
		h := &format.Header{Format: format.HeaderFormat, Version: format.HeaderVersion, Repository: genuine.Engine().Header.Repository,
			Next: next}
		h.Guard = e.Public()
		h.SetSeal(nil)
		if err := forged.Replace(ctx, repo.HeaderPath, h.Encode()); err != nil {
			t.Fatal(err)
		}
		planted := repotest.WriteSnapshot(t, under(genuine, forged, e), plantedFiles, nil)
		r, err := repo.Open(ctx, forged, repo.Encrypted(key))
		if err != nil {
			continue // refused
		}
		all, _, err := r.Snapshots(ctx)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, s := range all {
			if s.Name == planted.Name {
				t.Errorf("%s: the key opens what was planted", name)
			}
		}
		if r.Engine().Writes.Equal(e) {
			t.Errorf("%s: what is written next is in the clear", name)
		}
	}
	if _, err := repo.Open(ctx, m, repo.Unencrypted()); !errors.Is(err, repo.ErrKeyNeeded) {
		t.Errorf("an encrypted one without a key: %v", err)
	}
}

// Keyrings that are planted under any number do not keep the key from being changed, nor make it unopenable.
func TestPlantedKeyringsAreInNobodysWay(t *testing.T) {
	ctx := context.Background()
	for _, planted := range [][]uint32{{1<<32 - 1}, {1<<32 - 2, 1<<32 - 1}, {format.MaxKeyring}, {2, 3, 4, 5},
		{2, format.MaxKeyring - 1, format.MaxKeyring}} {
		key := repotest.Key(t)
		_, m := repotest.New(t, key)
		own := repotest.Kept{repotest.WriteSnapshot(t, repotest.Open(t, m, key), repotest.SomeFiles, nil).Name: repotest.SomeFiles}
		for _, n := range planted {
			if err := m.Put(ctx, format.KeyringPath(n), bytes.Repeat([]byte{1}, 32+format.KeyringBlock+format.GCMTag)); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 {
			key = changeKey(t, m, key)
			wantSnapshots(t, m, key, own)
		}
	}
}

// The key can be changed as often as anybody likes.
func TestManyKeyChanges(t *testing.T) {
	key := repotest.Key(t)
	_, m := repotest.New(t, key)
	own := repotest.Kept{}
	for i := range 40 {
		files := []repotest.File{{Name: "a.txt", Content: []byte(fmt.Sprint("state ", i))}}
		own[repotest.WriteSnapshot(t, repotest.Open(t, m, key), files, nil).Name] = files
		key = changeKey(t, m, key)
	}
	wantSnapshots(t, m, key, own)
	if v := repotest.Verify(t, repotest.Open(t, m, key)); len(v.Damage) > 0 {
		t.Errorf("%v", v.Damage)
	}
	if n := repotest.Count(t, m, "closings/"); n != 1 {
		t.Errorf("%d closing lists are left", n)
	}
}

// A computer that remembers the key's state refuses an older one, and one of another history.
func TestAnOlderKeyringIsRefused(t *testing.T) {
	ctx := context.Background()
	_, m := repotest.New(t, nil)
	repotest.WriteSnapshot(t, repotest.Open(t, m, nil), repotest.SomeFiles, nil)
	key := repotest.Key(t)
	moving, err := protection.BeginTurnOn(ctx, repotest.Open(t, m, nil), key, nil)
	if err != nil {
		t.Fatal(err)
	}
	repotest.WriteSnapshot(t, moving, repotest.SomeFiles, nil)
	if err := protection.Commit(ctx, moving); err != nil {
		t.Fatal(err)
	}
	older := store.NewMemory()
	repotest.Copy(t, m, older)
	if err := protection.DropOldEpochs(ctx, repotest.Open(t, m, key), nil, nil); err != nil {
		t.Fatal(err)
	}
	seen := repotest.Open(t, m, key).Seen()
	text, err := json.Marshal(seen)
	if err != nil {
		t.Fatal(err)
	}
	var again repo.Seen
	if err := json.Unmarshal(text, &again); err != nil || again != seen {
		t.Errorf("what is remembered comes back as %+v: %v", again, err)
	}
	if _, err := repo.Open(ctx, older, repo.Encrypted(key).Since(seen)); !errors.Is(err, repo.ErrOlder) {
		t.Errorf("an older keyring: %v", err)
	}
	if _, err := repo.Open(ctx, m, repo.Encrypted(key).Since(seen)); err != nil {
		t.Errorf("the same: %v", err)
	}
	if _, err := repo.Open(ctx, m, repo.Encrypted(key).Since(repotest.Open(t, older, key).Seen())); err != nil {
		t.Errorf("a newer one: %v", err)
	}
	// The header of today with the keyring gone: the older one opens, and no older header is written.
	if err := older.Replace(ctx, repo.HeaderPath, mustRead(t, m, repo.HeaderPath)); err != nil {
		t.Fatal(err)
	}
	for _, q := range []repo.Required{repo.Encrypted(key).Since(seen), repo.Encrypted(key).Since(seen).Mending()} {
		if _, err := repo.Open(ctx, older, q); !errors.Is(err, repo.ErrOlder) {
			t.Errorf("the newer keyring is hidden: %v", err)
		}
	}
	if _, err := repo.Open(ctx, older, repo.Encrypted(key)); err != nil {
		t.Errorf("to read, on a new computer: %v", err)
	}
	if !bytes.Equal(mustRead(t, older, repo.HeaderPath), mustRead(t, m, repo.HeaderPath)) {
		t.Error("reading replaced the header")
	}
}

func mustRead(t *testing.T, s store.Store, name string) []byte {
	t.Helper()
	b, err := store.ReadAll(context.Background(), s, name, format.MaxSealed)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What others do while the key is changed is closed over, or they are told: at every call of the change.
func TestWorkBesideAChangeOfTheKeyCountsOrIsTold(t *testing.T) {
	ctx := context.Background()
	old := repotest.Key(t)
	_, base := repotest.New(t, old)
	first := repotest.WriteSnapshot(t, repotest.Open(t, base, old), repotest.SomeFiles, nil)
	for i := range 8 { // as many small indexes as a prune puts together
		repotest.WriteSnapshot(t, repotest.Open(t, base, old), []repotest.File{{Name: fmt.Sprint(i), Content: repotest.Noise(uint64(i+20), 300)}},
			nil)
	}
	for name, work := range map[string]func(s store.Store) (repo.Name, error){
		"backup": func(s store.Store) (repo.Name, error) {
			r, err := repo.Open(ctx, s, repo.By(old))
			if err != nil {
				return repo.Name{}, err
			}
			w, err := r.NewWriter(ctx, 0)
			if err != nil {
				return repo.Name{}, err
			}
			defer w.Close()
			snap, err := w.WriteSnapshot(*first)
			if err != nil {
				return repo.Name{}, err
			}
			return snap.Name, nil
		},
		"prune": func(s store.Store) (repo.Name, error) {
			r, err := repo.Open(ctx, s, repo.By(old))
			if err != nil {
				return repo.Name{}, err
			}
			_, err = prune.Run(ctx, r, prune.Options{Seen: &prune.State{}})
			return first.Name, err
		},
	} {
		told, counted := 0, 0
		for at := 0; ; at++ {
			m := store.NewMemory()
			repotest.Copy(t, base, m)
			key := repotest.Key(t)
			var did repo.Name
			var workErr error
			hit := false
			script := faultstore.NewScript(faultstore.Fault{Skip: at, Kind: faultstore.Delay, Before: func(context.Context) error {
				hit = true
				did, workErr = work(m)
				return nil
			}})
			r, err := repo.Open(ctx, faultstore.New(m, script), repo.By(old))
			if err == nil {
				err = protection.ChangeKey(ctx, r, key, nil)
			}
			if !hit {
				break
			}
			if err != nil && !errors.Is(err, repo.ErrChanged) {
				t.Fatalf("%s at call %d: %v", name, at, err)
			}
			if err != nil {
				key = old
			}
			now := repotest.Open(t, m, key)
			if workErr != nil {
				told++
				if !errors.Is(workErr, repo.ErrChanged) && !errors.Is(workErr, repo.ErrWrongKey) && !errors.Is(workErr, repo.ErrDamaged) {
					t.Errorf("%s at call %d: %v", name, at, workErr)
				}
			} else if all, _, err := now.Snapshots(ctx); err != nil ||
				!slices.ContainsFunc(all, func(s *repo.Snapshot) bool { return s.Name == did }) {
				t.Errorf("%s at call %d: what was reported does not count: %v", name, at, err)
			} else {
				counted++
			}
			if v := repotest.Verify(t, repotest.Open(t, m, key)); len(v.Damage) > 0 {
				t.Errorf("%s at call %d: %v", name, at, v.Damage)
			}
		}
		if told == 0 || counted == 0 {
			t.Errorf("%s: told %d times, counted %d times", name, told, counted)
		}
	}
}

// Without the list, what was closed over cannot be told from what was planted: it is reported as damaged, newer backups
// open, and nothing is deleted or put aside.
func TestALostClosingListCostsOnlyWhatItClosedOver(t *testing.T) {
	ctx := context.Background()
	old := repotest.Key(t)
	_, m := repotest.New(t, old)
	repotest.WriteSnapshot(t, repotest.Open(t, m, old), repotest.SomeFiles, nil)
	key := changeKey(t, m, old)
	newer := repotest.WriteSnapshot(t, repotest.Open(t, m, key), repotest.SomeFiles, nil)
	var list string
	if err := m.List(ctx, "closings/", func(o store.Object) error { list = o.Name; return nil }); err != nil || list == "" {
		t.Fatal("no closing list", err)
	}
	sealed := mustRead(t, m, list)
	if err := m.Delete(ctx, list); err != nil {
		t.Fatal(err)
	}
	before := repotest.Dump(t, m)
	r := repotest.Open(t, m, key)
	all, bad, err := r.Snapshots(ctx)
	if err != nil || len(all) != 1 || all[0].Name != newer.Name || len(bad) != 1 || !errors.Is(bad[0], repo.ErrDamaged) {
		t.Errorf("%d shown, %v, %v", len(all), bad, err)
	}
	if v := repotest.Verify(t, repotest.Open(t, m, key)); len(v.Damage) == 0 {
		t.Error("verify finds nothing")
	}
	if _, err := prune.Run(ctx, repotest.Open(t, m, key), prune.Options{Seen: &prune.State{}}); !errors.Is(err, repo.ErrDamaged) {
		t.Errorf("prune: %v", err)
	}
	if err := protection.ChangeKey(ctx, repotest.Open(t, m, key), repotest.Key(t), nil); !errors.Is(err, repo.ErrDamaged) {
		t.Errorf("another change: %v", err)
	}
	if _, err := check.Repair(ctx, repotest.Open(t, m, key), check.RepairOptions{}); err != nil {
		t.Errorf("repair: %v", err)
	}
	after := repotest.Dump(t, m)
	for name := range before {
		if _, ok := after[name]; !ok && name[:3] != "ind" {
			t.Errorf("%s was deleted", name)
		}
	}
	if err := m.Put(ctx, list, sealed); err != nil {
		t.Fatal(err)
	}
	if all, bad, err := repotest.Open(t, m, key).Snapshots(ctx); err != nil || len(all) != 2 || len(bad) > 0 {
		t.Errorf("with the list back: %d shown, %v, %v", len(all), bad, err)
	}
}

// watched notes which ranges of packs are read.
type watched struct {
	store.Store
	mu    sync.Mutex
	sizes map[string]int64
	odd   []string
}

func (s *watched) ReadAt(ctx context.Context, name string, p []byte, offset int64) error {
	if size, ok := s.sizes[name]; ok {
		s.mu.Lock()
		if end := offset + int64(len(p)); offset%engine.ReadBlock != 0 || end%engine.ReadBlock != 0 && end != size {
			s.odd = append(s.odd, fmt.Sprintf("%s: %d bytes from %d", name, len(p), offset))
		}
		s.mu.Unlock()
	}
	return s.Store.ReadAt(ctx, name, p, offset)
}

// Whoever watches what a restore, a check, a prune or a repair reads of packs sees whole blocks, and not where a chunk begins or ends.
func TestReadsShowNoChunksLength(t *testing.T) {
	ctx := context.Background()
	key := repotest.Key(t)
	_, m := repotest.New(t, key)
	var long []repotest.File
	for i := range 120 {
		long = append(long, repotest.File{Name: fmt.Sprintf("%03d", i), Content: repotest.Noise(uint64(i+100), 3_000)})
	}
	snap := repotest.WriteSnapshot(t, repotest.Open(t, m, key), long, nil)
	gone := repotest.WriteSnapshot(t, repotest.Open(t, m, key), long[:60], nil)
	w := &watched{Store: m, sizes: make(map[string]int64)}
	if err := m.List(ctx, "packs/", func(o store.Object) error { w.sizes[o.Name] = o.Size; return nil }); err != nil {
		t.Fatal(err)
	}
	r := repotest.Open(t, w, key)
	for _, f := range long {
		if got, err := repotest.ReadFile(r, snap, f.Name); err != nil || !bytes.Equal(got, f.Content) {
			t.Fatal(err)
		}
	}
	var ids []repo.ID
	for _, row := range rowsOf(r) {
		ids = append(ids, row.ID)
	}
	if err := r.Load(ctx, ids[:len(ids)/2], func(n int) []byte { return make([]byte, n) },
		func(_ repo.ID, _ []byte, err error) error { return err }); err != nil {
		t.Fatal(err)
	}
	if v := repotest.Verify(t, repotest.Open(t, w, key)); len(v.Damage) > 0 {
		t.Error(v.Damage)
	}
	if _, err := check.Repair(ctx, repotest.Open(t, w, key), check.RepairOptions{Data: true}); err != nil {
		t.Error(err)
	}
	if _, err := prune.Run(ctx, repotest.Open(t, w, key),
		prune.Options{Seen: &prune.State{}, Remove: []repo.Name{gone.Name}, Thorough: true}); err != nil {
		t.Error(err)
	}
	if len(w.odd) > 0 {
		t.Errorf("%d reads show where chunks are, the first: %s", len(w.odd), w.odd[0])
	}
}

// rowsOf are all rows of a repository's index.
func rowsOf(r *repo.Repository) (rows []index.Row) {
	_ = r.Engine().Index.Read(func(v index.View) error {
		v.Rows(func(_ uint32, at *index.Row) { rows = append(rows, *at) })
		return nil
	})
	return rows
}
