package repo

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

	"github.com/holdfast-backup/holdfast/core/repo/internal/engine"

	"github.com/holdfast-backup/holdfast/core/repo/internal/sealed"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/faultstore"
)

// The tests of this file play whoever holds the destination, together with somebody who has a key that is not in use any more.

// under is what somebody writes who has an epoch's secret: with a repository in which it is the current one.
func under(r *Repository, s store.Store, e *Epoch) *Repository {
	h := *r.e.Header
	h.Next = nil
	return Of(engine.New(sealed.New(ownHeader{s, h.Encode()}, &h, r.e.Key, []*Epoch{e.As(format.EpochCurrent)})))
}

// ownHeader shows a header of one's own.
type ownHeader struct {
	store.Store
	header []byte
}

func (s ownHeader) Stat(ctx context.Context, name string) (store.Object, error) {
	if name == HeaderPath {
		return store.Object{Name: name, Size: int64(len(s.header))}, nil
	}
	return s.Store.Stat(ctx, name)
}

func (s ownHeader) ReadAt(ctx context.Context, name string, p []byte, offset int64) error {
	if name == HeaderPath {
		copy(p, s.header[offset:])
		return nil
	}
	return s.Store.ReadAt(ctx, name, p, offset)
}

var plantedFiles = []testFile{{"a.txt", []byte("this was never backed up")}, {"b.bin", noise(9, 350)}}

// changeKey changes the key and returns the new one.
func changeKey(t *testing.T, s store.Store, old *backupkey.Key) *backupkey.Key {
	t.Helper()
	key := testKey(t)
	if err := reopen(t, s, old).ChangeKey(context.Background(), key, nil); err != nil {
		t.Fatal(err)
	}
	return key
}

// wantSnapshots opens with the key and compares what is shown, and that all of it restores.
func wantSnapshots(t *testing.T, s store.Store, key *backupkey.Key, want kept) {
	t.Helper()
	r := reopen(t, s, key)
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
			if got, err := readFile(r, snap, f.name); err != nil || !bytes.Equal(got, f.content) {
				t.Errorf("%s, %s: %d bytes, %v", snap.Name, f.name, len(got), err)
			}
		}
	}
}

// After encryption was turned on, the destination knows the secret of what was before. It can put genuine objects from the change back and
// write what it likes under that secret: none of it is shown.
func TestAnEpochThatWasPublicIsNeverRead(t *testing.T) {
	ctx := context.Background()
	_, m := newRepo(t, nil)
	before := reopen(t, m, nil)
	writeSnapshot(t, before, someFiles, nil)
	key := testKey(t)
	moving, err := reopen(t, m, nil).BeginTurnOn(ctx, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	own := kept{writeSnapshot(t, moving, someFiles, nil).Name: someFiles}
	if err := moving.CommitChange(ctx); err != nil {
		t.Fatal(err)
	}
	committed := store.NewMemory()
	copyObjects(t, m, committed)
	public := before.e.Writes
	t.Run("before the old backup is deleted", func(t *testing.T) {
		writeSnapshot(t, under(before, committed, public), plantedFiles, nil)
		wantSnapshots(t, committed, key, own)
	})
	if err := reopen(t, m, key).DropOldEpochs(ctx, nil, nil); err != nil {
		t.Fatal(err)
	}
	t.Run("after it was deleted", func(t *testing.T) {
		writeSnapshot(t, under(before, m, public), plantedFiles, nil)
		wantSnapshots(t, m, key, own)
	})
	t.Run("with the header of the change put back", func(t *testing.T) {
		wantSnapshots(t, committed, key, own)
		if _, err := Open(ctx, committed, Encrypted(key).Since(reopen(t, m, key).Seen())); !errors.Is(err, ErrOlder) {
			t.Errorf("a computer that has seen the newer keyring: %v", err)
		}
	})
}

// Somebody who had the key before it was changed writes everything that the old epoch can sign.
func TestAnOldKeyPlantsNothing(t *testing.T) {
	ctx := context.Background()
	old := testKey(t)
	_, m := newRepo(t, old)
	thief := reopen(t, m, old)
	first := writeSnapshot(t, reopen(t, m, old), someFiles, nil)
	key := changeKey(t, m, old)
	second := writeSnapshot(t, reopen(t, m, key), someFiles, &first.Name)
	own := kept{first.Name: someFiles, second.Name: someFiles}
	evil := under(thief, m, thief.e.Writes)

	planted := writeSnapshot(t, evil, plantedFiles, nil)
	wantSnapshots(t, m, key, own)
	if late, err := reopen(t, m, key).Late(ctx); err != nil || !slices.Equal(late, []Name{planted.Name}) {
		t.Errorf("late: %v, %v", late, err)
	}
	if v := verify(t, reopen(t, m, key)); len(v.Damage) > 0 || v.Snapshots != 2 {
		t.Errorf("verify: %+v", v)
	}
	if _, err := evil.e.PutRecord(ctx, format.KindRemoval, format.EncodeRemoval([]Name{first.Name, second.Name})); err != nil {
		t.Fatal(err)
	}
	if _, err := evil.e.PutRecord(ctx, format.KindPin, format.EncodeRemoval([]Name{first.Name})); err != nil {
		t.Fatal(err)
	}
	if pins, err := reopen(t, m, key).Pinned(ctx); err != nil || len(pins) > 0 {
		t.Errorf("pins: %v, %v", pins, err)
	}
	plantIndexOfEverything(t, m, key, evil)
	state := &PruneState{}
	clock := time.Now()
	for range 3 {
		if _, err := reopen(t, m, key).Prune(ctx, PruneOptions{Seen: state, Thorough: true, Now: func() time.Time { return clock }}); err != nil {
			t.Fatal(err)
		}
		clock = clock.Add(100 * 24 * time.Hour)
	}
	wantSnapshots(t, m, key, own)

	sealed := evil.e.Writes.SealObject(evil.e.ID, format.KindSnapshot, first.Name, format.EncodeSnapshot(planted))
	if err := m.Replace(ctx, format.KindSnapshot.Path(first.Name), sealed); err != nil {
		t.Fatal(err)
	}
	r := reopen(t, m, key)
	all, bad, err := r.Snapshots(ctx)
	if err != nil || len(all) != 1 || all[0].Name != second.Name || len(bad) != 1 {
		t.Errorf("another payload under a name that was closed over: %d shown, %v, %v", len(all), bad, err)
	}
}

// plantIndexOfEverything puts packs under the old epoch whose tables name every chunk there is, and an index that names them: a prune
// that counts chunks there deletes the good packs.
func plantIndexOfEverything(t *testing.T, m *store.Memory, key *backupkey.Key, evil *Repository) {
	t.Helper()
	ctx := context.Background()
	var entries []format.PackEntry
	r := reopen(t, m, key)
	for _, row := range rowsOf(r) {
		entries = append(entries, format.PackEntry{ID: row.ID, Kind: row.Kind, Record: 20, Content: 19})
	}
	n := evil.e.Writes.NewName(format.KindPack)
	c := evil.e.Writes.PackCipher(n)
	var b []byte
	for i, e := range entries {
		b = c.SealRecord(b, e.ID, uint32(i), make([]byte, e.Record))
	}
	b = c.SealTail(b, entries)
	if err := m.Put(ctx, format.KindPack.Path(n), b); err != nil {
		t.Fatal(err)
	}
	if _, err := evil.e.PutIndex(ctx, nil, []format.PackList{{Name: n, Size: int64(len(b)), Entries: entries}}); err != nil {
		t.Fatal(err)
	}
}

// A record that authenticates and is not what its id says is damage wherever it is read.
func TestAChunkIsHeldAgainstItsID(t *testing.T) {
	ctx := context.Background()
	old := testKey(t)
	_, m := newRepo(t, old)
	s := writeSnapshot(t, reopen(t, m, old), someFiles, nil)
	key := changeKey(t, m, old)
	thief := reopen(t, m, key) // both keys open the epoch in question
	var forged ID
	for _, row := range rowsOf(thief) {
		if row.Kind == KindData && row.Content == 100 && row.Record == 101 {
			forged = row.ID
		}
	}
	at, ok := thief.e.Index.Find(forged)
	if !ok {
		t.Fatal("no chunk to forge")
	}
	n := thief.e.Index.PackName(at.Pack)
	b, err := store.ReadAll(ctx, m, format.KindPack.Path(n), format.MaxPack)
	if err != nil {
		t.Fatal(err)
	}
	c := thief.e.Owner(format.KindPack, n).PackCipher(n)
	record := append([]byte{format.EncodingRaw}, bytes.Repeat([]byte{7}, 100)...)
	copy(b[at.Offset:], c.SealRecord(nil, forged, at.Ordinal, record))
	if err := m.Replace(ctx, format.KindPack.Path(n), b); err != nil {
		t.Fatal(err)
	}
	r := reopen(t, m, key)
	if _, err := r.Chunk(ctx, forged); !errors.Is(err, ErrDamaged) {
		t.Errorf("Chunk: %v", err)
	}
	err = r.Load(ctx, []ID{forged}, func(n int) []byte { return make([]byte, n) }, func(_ ID, _ []byte, err error) error { return err })
	if !errors.Is(err, ErrDamaged) {
		t.Errorf("Load: %v", err)
	}
	if _, err := readFile(r, s, "b.bin"); !errors.Is(err, ErrDamaged) {
		t.Errorf("a file: %v", err)
	}
	if v := verify(t, reopen(t, m, key)); len(v.Damage) == 0 || v.Lost == 0 {
		t.Errorf("verify finds nothing: %+v", v)
	}
}

// A key demands encryption: a header that claims to have none opens for nobody who has one.
func TestAKeyDemandsEncryption(t *testing.T) {
	ctx := context.Background()
	key := testKey(t)
	genuine, m := newRepo(t, key)
	writeSnapshot(t, reopen(t, m, key), someFiles, nil)
	e := format.NewEpoch(genuine.e.ID, format.NewSecret(), 0)
	for name, next := range map[string]*format.Guard{
		"none":                        nil,
		"none and the key to come":    {Protection: ProtectionKey, KeyID: key.ID().String(), Keyring: 1},
		"none and another key":        {Protection: ProtectionKey, KeyID: testKey(t).ID().String(), Keyring: 1},
		"none and none to come":       {Protection: ProtectionNone, Epoch: fmt.Sprintf("%064x", 1)},
		"none and a keyring far away": {Protection: ProtectionKey, KeyID: key.ID().String(), Keyring: format.MaxKeyring},
	} {
		forged := store.NewMemory()
		copyObjects(t, m, forged)
		h := &format.Header{Format: format.HeaderFormat, Version: format.HeaderVersion, Repository: genuine.e.Header.Repository, Next: next}
		h.Guard = e.Public()
		h.SetSeal(nil)
		if err := forged.Replace(ctx, HeaderPath, h.Encode()); err != nil {
			t.Fatal(err)
		}
		planted := writeSnapshot(t, under(genuine, forged, e), plantedFiles, nil)
		r, err := Open(ctx, forged, Encrypted(key))
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
		if r.e.Writes.Equal(e) {
			t.Errorf("%s: what is written next is in the clear", name)
		}
	}
	if _, err := Open(ctx, m, Unencrypted()); !errors.Is(err, ErrKeyNeeded) {
		t.Errorf("an encrypted one without a key: %v", err)
	}
}

// Keyrings that are planted under any number do not keep the key from being changed, nor make it unopenable.
func TestPlantedKeyringsAreInNobodysWay(t *testing.T) {
	ctx := context.Background()
	for _, planted := range [][]uint32{{1<<32 - 1}, {1<<32 - 2, 1<<32 - 1}, {format.MaxKeyring}, {2, 3, 4, 5}, {2, format.MaxKeyring - 1, format.MaxKeyring}} {
		key := testKey(t)
		_, m := newRepo(t, key)
		own := kept{writeSnapshot(t, reopen(t, m, key), someFiles, nil).Name: someFiles}
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
	key := testKey(t)
	_, m := newRepo(t, key)
	own := kept{}
	for i := range 40 {
		files := []testFile{{"a.txt", []byte(fmt.Sprint("state ", i))}}
		own[writeSnapshot(t, reopen(t, m, key), files, nil).Name] = files
		key = changeKey(t, m, key)
	}
	wantSnapshots(t, m, key, own)
	if v := verify(t, reopen(t, m, key)); len(v.Damage) > 0 {
		t.Errorf("%v", v.Damage)
	}
	if n := count(t, m, "closings/"); n != 1 {
		t.Errorf("%d closing lists are left", n)
	}
}

// A computer that remembers the key's state refuses an older one, and one of another history.
func TestAnOlderKeyringIsRefused(t *testing.T) {
	ctx := context.Background()
	_, m := newRepo(t, nil)
	writeSnapshot(t, reopen(t, m, nil), someFiles, nil)
	key := testKey(t)
	moving, err := reopen(t, m, nil).BeginTurnOn(ctx, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	writeSnapshot(t, moving, someFiles, nil)
	if err := moving.CommitChange(ctx); err != nil {
		t.Fatal(err)
	}
	older := store.NewMemory()
	copyObjects(t, m, older)
	if err := reopen(t, m, key).DropOldEpochs(ctx, nil, nil); err != nil {
		t.Fatal(err)
	}
	seen := reopen(t, m, key).Seen()
	text, err := json.Marshal(seen)
	if err != nil {
		t.Fatal(err)
	}
	var again Seen
	if err := json.Unmarshal(text, &again); err != nil || again != seen {
		t.Errorf("what is remembered comes back as %+v: %v", again, err)
	}
	if _, err := Open(ctx, older, Encrypted(key).Since(seen)); !errors.Is(err, ErrOlder) {
		t.Errorf("an older keyring: %v", err)
	}
	if _, err := Open(ctx, m, Encrypted(key).Since(seen)); err != nil {
		t.Errorf("the same: %v", err)
	}
	if _, err := Open(ctx, m, Encrypted(key).Since(reopen(t, older, key).Seen())); err != nil {
		t.Errorf("a newer one: %v", err)
	}
	// The header of today with the keyring gone: the older one opens, and no older header is written.
	if err := older.Replace(ctx, HeaderPath, mustRead(t, m, HeaderPath)); err != nil {
		t.Fatal(err)
	}
	for _, q := range []Required{Encrypted(key).Since(seen), Encrypted(key).Since(seen).Mending()} {
		if _, err := Open(ctx, older, q); !errors.Is(err, ErrOlder) {
			t.Errorf("the newer keyring is hidden: %v", err)
		}
	}
	if _, err := Open(ctx, older, Encrypted(key)); err != nil {
		t.Errorf("to read, on a new computer: %v", err)
	}
	if !bytes.Equal(mustRead(t, older, HeaderPath), mustRead(t, m, HeaderPath)) {
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
	old := testKey(t)
	_, base := newRepo(t, old)
	first := writeSnapshot(t, reopen(t, base, old), someFiles, nil)
	for i := range smallIndexes { // so that a prune merges indexes
		writeSnapshot(t, reopen(t, base, old), []testFile{{fmt.Sprint(i), noise(uint64(i+20), 300)}}, nil)
	}
	for name, work := range map[string]func(s store.Store) (Name, error){
		"backup": func(s store.Store) (Name, error) {
			r, err := Open(ctx, s, By(old))
			if err != nil {
				return Name{}, err
			}
			w, err := r.NewWriter(ctx, 0)
			if err != nil {
				return Name{}, err
			}
			defer w.Close()
			snap, err := w.WriteSnapshot(*first)
			if err != nil {
				return Name{}, err
			}
			return snap.Name, nil
		},
		"prune": func(s store.Store) (Name, error) {
			r, err := Open(ctx, s, By(old))
			if err != nil {
				return Name{}, err
			}
			_, err = r.Prune(ctx, PruneOptions{Seen: &PruneState{}})
			return first.Name, err
		},
	} {
		told, counted := 0, 0
		for at := 0; ; at++ {
			m := store.NewMemory()
			copyObjects(t, base, m)
			key := testKey(t)
			var did Name
			var workErr error
			hit := false
			script := faultstore.NewScript(faultstore.Fault{Skip: at, Kind: faultstore.Delay, Before: func(context.Context) error {
				hit = true
				did, workErr = work(m)
				return nil
			}})
			r, err := Open(ctx, faultstore.New(m, script), By(old))
			if err == nil {
				err = r.ChangeKey(ctx, key, nil)
			}
			if !hit {
				break
			}
			if err != nil && !errors.Is(err, ErrChanged) {
				t.Fatalf("%s at call %d: %v", name, at, err)
			}
			if err != nil {
				key = old
			}
			now := reopen(t, m, key)
			if workErr != nil {
				told++
				if !errors.Is(workErr, ErrChanged) && !errors.Is(workErr, ErrWrongKey) && !errors.Is(workErr, ErrDamaged) {
					t.Errorf("%s at call %d: %v", name, at, workErr)
				}
			} else if all, _, err := now.Snapshots(ctx); err != nil || !slices.ContainsFunc(all, func(s *Snapshot) bool { return s.Name == did }) {
				t.Errorf("%s at call %d: what was reported does not count: %v", name, at, err)
			} else {
				counted++
			}
			if v := verify(t, reopen(t, m, key)); len(v.Damage) > 0 {
				t.Errorf("%s at call %d: %v", name, at, v.Damage)
			}
		}
		if told == 0 || counted == 0 {
			t.Errorf("%s: told %d times, counted %d times", name, told, counted)
		}
	}
}

// Without the list, what was closed over cannot be told from what was planted: it is reported as damaged, newer backups open, and nothing is
// deleted or put aside.
func TestALostClosingListCostsOnlyWhatItClosedOver(t *testing.T) {
	ctx := context.Background()
	old := testKey(t)
	_, m := newRepo(t, old)
	writeSnapshot(t, reopen(t, m, old), someFiles, nil)
	key := changeKey(t, m, old)
	newer := writeSnapshot(t, reopen(t, m, key), someFiles, nil)
	var list string
	if err := m.List(ctx, "closings/", func(o store.Object) error { list = o.Name; return nil }); err != nil || list == "" {
		t.Fatal("no closing list", err)
	}
	sealed := mustRead(t, m, list)
	if err := m.Delete(ctx, list); err != nil {
		t.Fatal(err)
	}
	before := dump(t, m)
	r := reopen(t, m, key)
	all, bad, err := r.Snapshots(ctx)
	if err != nil || len(all) != 1 || all[0].Name != newer.Name || len(bad) != 1 || !errors.Is(bad[0], ErrDamaged) {
		t.Errorf("%d shown, %v, %v", len(all), bad, err)
	}
	if v := verify(t, reopen(t, m, key)); len(v.Damage) == 0 {
		t.Error("verify finds nothing")
	}
	if _, err := reopen(t, m, key).Prune(ctx, PruneOptions{Seen: &PruneState{}}); !errors.Is(err, ErrDamaged) {
		t.Errorf("prune: %v", err)
	}
	if err := reopen(t, m, key).ChangeKey(ctx, testKey(t), nil); !errors.Is(err, ErrDamaged) {
		t.Errorf("another change: %v", err)
	}
	if _, err := reopen(t, m, key).Repair(ctx, RepairOptions{}); err != nil {
		t.Errorf("repair: %v", err)
	}
	after := dump(t, m)
	for name := range before {
		if _, ok := after[name]; !ok && name[:3] != "ind" {
			t.Errorf("%s was deleted", name)
		}
	}
	if err := m.Put(ctx, list, sealed); err != nil {
		t.Fatal(err)
	}
	if all, bad, err := reopen(t, m, key).Snapshots(ctx); err != nil || len(all) != 2 || len(bad) > 0 {
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
	key := testKey(t)
	_, m := newRepo(t, key)
	var long []testFile
	for i := range 120 {
		long = append(long, testFile{fmt.Sprintf("%03d", i), noise(uint64(i+100), 3_000)})
	}
	snap := writeSnapshot(t, reopen(t, m, key), long, nil)
	gone := writeSnapshot(t, reopen(t, m, key), long[:60], nil)
	w := &watched{Store: m, sizes: make(map[string]int64)}
	if err := m.List(ctx, "packs/", func(o store.Object) error { w.sizes[o.Name] = o.Size; return nil }); err != nil {
		t.Fatal(err)
	}
	r := reopen(t, w, key)
	for _, f := range long {
		if got, err := readFile(r, snap, f.name); err != nil || !bytes.Equal(got, f.content) {
			t.Fatal(err)
		}
	}
	var ids []ID
	for _, row := range rowsOf(r) {
		ids = append(ids, row.ID)
	}
	if err := r.Load(ctx, ids[:len(ids)/2], func(n int) []byte { return make([]byte, n) }, func(_ ID, _ []byte, err error) error { return err }); err != nil {
		t.Fatal(err)
	}
	if v := verify(t, reopen(t, w, key)); len(v.Damage) > 0 {
		t.Error(v.Damage)
	}
	if _, err := reopen(t, w, key).Repair(ctx, RepairOptions{Data: true}); err != nil {
		t.Error(err)
	}
	if _, err := reopen(t, w, key).Prune(ctx, PruneOptions{Seen: &PruneState{}, Remove: []Name{gone.Name}, Thorough: true}); err != nil {
		t.Error(err)
	}
	if len(w.odd) > 0 {
		t.Errorf("%d reads show where chunks are, the first: %s", len(w.odd), w.odd[0])
	}
}
