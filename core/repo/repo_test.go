package repo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/internal/engine"
	"github.com/holdfast-backup/holdfast/core/repo/internal/repotest"
	"github.com/holdfast-backup/holdfast/core/store"
)

func TestWriteAndReadBack(t *testing.T) {
	for _, key := range []*backupkey.Key{nil, repotest.Key(t)} {
		t.Run(fmt.Sprintf("encrypted=%v", key != nil), func(t *testing.T) {
			r, m := repotest.New(t, key)
			snap := repotest.WriteSnapshot(t, r, repotest.SomeFiles, nil)
			r = repotest.Open(t, m, key)
			for _, f := range repotest.SomeFiles {
				got, err := repotest.ReadFile(r, snap, f.Name)
				if err != nil || !bytes.Equal(got, f.Content) {
					t.Errorf("%s: %d bytes, %v", f.Name, len(got), err)
				}
			}
			if v := repotest.Verify(t, r, snap.Name); len(v.Damage)+len(v.Notes) > 0 {
				t.Errorf("verify: %v %v", v.Damage, v.Notes)
			}
		})
	}
}

func TestSecondSnapshotStoresNothingTwice(t *testing.T) {
	key := repotest.Key(t)
	r, m := repotest.New(t, key)
	first := repotest.WriteSnapshot(t, r, repotest.SomeFiles, nil)
	packs := repotest.Count(t, m, "packs/")
	repotest.WriteSnapshot(t, repotest.Open(t, m, key), repotest.SomeFiles, &first.Name)
	if got := repotest.Count(t, m, "packs/"); got != packs {
		t.Errorf("%d packs after the same files again, %d before", got, packs)
	}
	all, bad, err := repotest.Open(t, m, key).Snapshots(context.Background())
	if err != nil || len(bad) > 0 || len(all) != 2 {
		t.Errorf("%d snapshots, %v, %v", len(all), bad, err)
	}
}

func TestOpenErrors(t *testing.T) {
	ctx := context.Background()
	key := repotest.Key(t)
	_, encrypted := repotest.New(t, key)
	_, plain := repotest.New(t, nil)
	for _, c := range []struct {
		name  string
		store store.Store
		key   *backupkey.Key
		want  error
	}{
		{"no key", encrypted, nil, repo.ErrKeyNeeded},
		{"another key", encrypted, repotest.Key(t), repo.ErrWrongKey},
		{"a key for a plain one", plain, key, repo.ErrNotEncrypted},
		{"nothing there", store.NewMemory(), key, repo.ErrNotRepository},
	} {
		if _, err := repo.Open(ctx, c.store, repo.By(c.key)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if _, err := repo.Create(ctx, encrypted, key, nil); !errors.Is(err, repo.ErrExists) {
		t.Errorf("create over a repository: %v", err)
	}
	for text, want := range map[string]error{
		`{"format":"holdfast-backup","version":3}`: repo.ErrNewerFormat,
		`{"format":"something else","version":1}`:  repo.ErrNotRepository,
		`not json`: repo.ErrNotRepository,
		`{"format":"holdfast-backup","version":1,"repository":"x"}`: repo.ErrDamaged,
	} {
		m := store.NewMemory()
		if err := m.Put(ctx, repo.HeaderPath, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, err := repo.Open(ctx, m, repo.By(key)); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
	}
}

func TestLongExtentListsAndLargeFolders(t *testing.T) {
	ctx := context.Background()
	key := repotest.Key(t)
	r, m := repotest.New(t, key)
	w, s := repotest.NewSaver(t, r)
	id, err := s.Save(repo.KindData, append([]byte{0}, repotest.Noise(2, 1000)...))
	if err != nil {
		t.Fatal(err)
	}
	const extents = 3*engine.ListBlockExtents*2 + 17
	b := s.NewContentBuilder()
	var want int64
	for i := range extents {
		e := repo.Extent{Chunk: id, Offset: uint32(i * 2 % 900), Length: 1 + int64(i%3)}
		want += e.Length
		if err := b.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	long, err := b.Content()
	if err != nil || long.Depth != 1 {
		t.Fatalf("depth %d, %v", long.Depth, err)
	}
	tree := s.NewTreeBuilder()
	const entries = 20_000
	for i := range entries {
		n := repo.Node{Kind: repo.NodeFile, Name: fmt.Sprintf("file-%06d", i), Mode: 0o600, MTime: int64(i)}
		if i == 77 {
			n.Content, n.Size = long, want
		}
		if err := tree.Add(&n); err != nil {
			t.Fatal(err)
		}
	}
	c, err := tree.Content()
	if err != nil || len(c.Extents) < 4 {
		t.Fatalf("%d tree blocks, %v", len(c.Extents), err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	w.Close()

	r = repotest.Open(t, m, key)
	seen, got := 0, int64(0)
	if err := r.Tree(ctx, c, func(n *repo.Node) error {
		seen++
		return r.Extents(ctx, n.Content, func(e repo.Extent) error { got += e.Length; return nil })
	}); err != nil {
		t.Fatal(err)
	}
	if seen != entries || got != want {
		t.Errorf("%d entries, %d bytes; want %d, %d", seen, got, entries, want)
	}
}

func TestPacksLeftByADeadRunAreUsed(t *testing.T) {
	ctx := context.Background()
	key := repotest.Key(t)
	r, m := repotest.New(t, key)
	repotest.WriteSnapshot(t, r, repotest.SomeFiles, nil)
	for _, prefix := range []string{"indexes/", "snapshots/"} { // as if killed before they were written
		if err := m.List(ctx, prefix, func(o store.Object) error { return m.Delete(ctx, o.Name) }); err != nil {
			t.Fatal(err)
		}
	}
	packs := repotest.Count(t, m, "packs/")
	r, err := repo.Open(ctx, m, repo.By(key))
	if err != nil {
		t.Fatal(err)
	}
	snap := repotest.WriteSnapshot(t, r, repotest.SomeFiles, nil)
	if got := repotest.Count(t, m, "packs/"); got != packs {
		t.Errorf("%d packs, want the %d that were there", got, packs)
	}
	if v := repotest.Verify(t, repotest.Open(t, m, key), snap.Name); len(v.Damage)+len(v.Notes) > 0 {
		t.Errorf("verify: %v %v", v.Damage, v.Notes)
	}
}

func TestALostPackIsStoredAgain(t *testing.T) {
	ctx := context.Background()
	key := repotest.Key(t)
	r, m := repotest.New(t, key)
	repotest.WriteSnapshot(t, r, repotest.SomeFiles, nil)
	if err := m.List(ctx, "packs/", func(o store.Object) error { return m.Delete(ctx, o.Name) }); err != nil {
		t.Fatal(err)
	}
	r, err := repo.Open(ctx, m, repo.By(key))
	if err != nil {
		t.Fatal(err)
	}
	snap := repotest.WriteSnapshot(t, r, repotest.SomeFiles, nil)
	r, err = repo.Open(ctx, m, repo.By(key))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range repotest.SomeFiles {
		if _, err := r.NewWriter(ctx, 0); err != nil {
			t.Fatal(err)
		}
		if got, err := repotest.ReadFile(r, snap, f.Name); err != nil || !bytes.Equal(got, f.Content) {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}

// Two computers that back up at once store the same chunks twice; damage to
// one copy then costs nothing.
func TestADamagedChunkIsReadFromAnotherPack(t *testing.T) {
	ctx := context.Background()
	key := repotest.Key(t)
	first, m := repotest.New(t, key)
	snap := repotest.WriteSnapshot(t, first, repotest.SomeFiles, nil)
	base := repotest.Dump(t, m)
	other := base.Store(t)
	for name := range base {
		if name != repo.HeaderPath && !strings.HasPrefix(name, "keyring-") {
			if err := other.Delete(ctx, name); err != nil {
				t.Fatal(err)
			}
		}
	}
	repotest.WriteSnapshot(t, repotest.Open(t, other, key), repotest.SomeFiles, nil)
	both := repotest.Dump(t, other)
	maps.Copy(both, base)
	hit := 0
	for name, b := range base {
		if !strings.HasPrefix(name, "packs/") {
			continue
		}
		hit++
		for at := range b {
			b = bytes.Clone(base[name])
			b[at] ^= 4
			if got := checkNoticed(t, fmt.Sprintf("%s byte %d", name, at), both.With(name, b), key, snap.Name,
				repotest.SomeFiles); got != len(repotest.SomeFiles) {
				t.Fatalf("%s byte %d: %d of %d files still read", name, at, got, len(repotest.SomeFiles))
			}
		}
		v := repotest.Verify(t, repotest.Open(t, both.With(name, nil).Store(t), key), snap.Name)
		if len(v.Damage) != 0 || v.Lost != 0 || len(v.Notes) == 0 { // told, and no damage: the other pack has all of it
			t.Errorf("%s removed: damage %v, notes %v, %d files lost", name, v.Damage, v.Notes, v.Lost)
		}
	}
	if hit != 2 {
		t.Errorf("%d packs, want one of data and one of trees", hit)
	}
}

func TestFindSnapshot(t *testing.T) {
	ctx := context.Background()
	r, _ := repotest.New(t, nil)
	if _, err := r.FindSnapshot(ctx, "latest"); !errors.Is(err, repo.ErrNoSnapshot) {
		t.Errorf("latest of none: %v", err)
	}
	a := repotest.WriteSnapshot(t, r, repotest.SomeFiles, nil)
	b := repotest.WriteSnapshot(t, r, repotest.SomeFiles, &a.Name)
	for prefix, want := range map[string]repo.Name{"latest": b.Name, a.ID(): a.Name, b.ID()[:12]: b.Name} {
		if s, err := r.FindSnapshot(ctx, prefix); err != nil || s.Name != want {
			t.Errorf("%s: %v", prefix, err)
		}
	}
	for _, prefix := range []string{"zz", "", "0123456789abcdef0123"} {
		if _, err := r.FindSnapshot(ctx, prefix); !errors.Is(err, repo.ErrNoSnapshot) {
			t.Errorf("%q: %v", prefix, err)
		}
	}
}

// What calls itself media is compressed all the same where a sample can be.
func TestMediaIsCompressedWhereItCanBe(t *testing.T) {
	r, _ := repotest.New(t, repotest.Key(t))
	w, s := repotest.NewSaver(t, r)
	defer w.Close()
	const size, sampleSize = 1 << 20, 8 << 10
	text := bytes.Repeat([]byte("all work and no play "), size/21+1)[:size]
	tail := append(repotest.Noise(3, size-sampleSize), text[:sampleSize]...)
	for _, c := range []struct {
		name    string
		content []byte
		smaller bool
	}{
		{"text", text, true},
		{"noise", repotest.Noise(4, size), false},
		{"noise with a tail of text that saves too little", tail, false},
		{"short text", text[:1000], true},
		{"noise before text", append(repotest.Noise(5, size/2), text[:size/2]...), true},
	} {
		id, err := s.SaveMedia(append([]byte{0}, c.content...))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		at, ok := r.Engine().Index.Find(id)
		if !ok {
			t.Fatalf("%s: not stored", c.name)
		}
		if smaller := int(at.Record) < len(c.content); smaller != c.smaller {
			t.Errorf("%s: a record of %d bytes for %d", c.name, at.Record, len(c.content))
		}
	}
}
