package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core/repo/internal/engine"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/repo/internal/index"
	"github.com/holdfast-backup/holdfast/core/store"
)

// testFile is a file of a test snapshot.
type testFile struct {
	name    string
	content []byte
}

func testKey(t testing.TB) *backupkey.Key {
	t.Helper()
	k, err := backupkey.New()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// noise returns reproducible bytes that do not compress.
func noise(seed uint64, n int) []byte {
	var s [32]byte
	s[0], s[1] = byte(seed), byte(seed>>8)
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(s).Read(b)
	return b
}

// newSaver returns a Writer, to be closed, with a Saver of its own.
func newSaver(t testing.TB, r *Repository) (*Writer, *Saver) {
	t.Helper()
	w, err := r.NewWriter(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.NewSaver()
	if err != nil {
		t.Fatal(err)
	}
	return w, s
}

// writeSnapshot stores files in one folder "docs", each as pieces of 100 bytes.
func writeSnapshot(t testing.TB, r *Repository, files []testFile, previous *Name) *Snapshot {
	t.Helper()
	w, s := newSaver(t, r)
	defer w.Close()
	dir := s.NewTreeBuilder()
	var total int64
	for _, f := range files {
		b := s.NewContentBuilder()
		for rest := f.content; len(rest) > 0; {
			n := min(100, len(rest))
			id, err := s.Save(KindData, append([]byte{0}, rest[:n]...))
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Add(Extent{Chunk: id, Length: int64(n)}); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		c, err := b.Content()
		if err != nil {
			t.Fatal(err)
		}
		total += int64(len(f.content))
		if err := dir.Add(&Node{Kind: NodeFile, Name: f.name, Mode: 0o644, MTime: 1, Size: int64(len(f.content)), Content: c}); err != nil {
			t.Fatal(err)
		}
	}
	docs, err := dir.Content()
	if err != nil {
		t.Fatal(err)
	}
	root := s.NewTreeBuilder()
	if err := root.Add(&Node{Kind: NodeDir, Name: "docs", Mode: 0o755, MTime: -5, Files: int64(len(files)), Size: total, Content: docs}); err != nil {
		t.Fatal(err)
	}
	rc, err := root.Content()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	snap, err := w.WriteSnapshot(Snapshot{
		Begin: now, End: now, Host: "host", User: "user", Program: "test", System: "linux", Root: rc,
		Sources: []Source{{Name: "docs", Path: "/home/user/docs"}}, Files: int64(len(files)), Dirs: 1, Bytes: total, Previous: previous,
	})
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

var someFiles = []testFile{
	{"a.txt", bytes.Repeat([]byte("all work and no play "), 20)},
	{"b.bin", noise(1, 350)},
	{"empty", nil},
}

// readFile returns a file of a snapshot, by the last element of its path.
func readFile(r *Repository, s *Snapshot, name string) ([]byte, error) {
	ctx := context.Background()
	var out []byte
	found := false
	err := r.Tree(ctx, s.Root, func(top *Node) error {
		return r.Tree(ctx, top.Content, func(n *Node) error {
			if n.Name != name {
				return nil
			}
			found = true
			return r.Extents(ctx, n.Content, func(e Extent) error {
				if e.Hole {
					out = append(out, make([]byte, e.Length)...)
					return nil
				}
				c, err := r.Chunk(ctx, e.Chunk)
				if err != nil {
					return err
				}
				if int64(len(c)) < int64(e.Offset)+e.Length {
					return ErrDamaged
				}
				out = append(out, c[e.Offset:int64(e.Offset)+e.Length]...)
				return nil
			})
		})
	})
	if err == nil && !found {
		err = ErrNoEntry
	}
	return out, err
}

func newRepo(t testing.TB, key *backupkey.Key) (*Repository, *store.Memory) {
	t.Helper()
	m := store.NewMemory()
	r, err := Create(context.Background(), m, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r, m
}

func reopen(t testing.TB, s store.Store, key *backupkey.Key) *Repository {
	t.Helper()
	r, err := Open(context.Background(), s, By(key))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.LoadIndex(context.Background()); err != nil {
		t.Fatal(err)
	}
	return r
}

func verify(t testing.TB, r *Repository, known ...Name) Verification {
	t.Helper()
	v, err := r.Verify(context.Background(), VerifyOptions{DataPercent: 100, Known: known})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestWriteAndReadBack(t *testing.T) {
	for _, key := range []*backupkey.Key{nil, testKey(t)} {
		t.Run(fmt.Sprintf("encrypted=%v", key != nil), func(t *testing.T) {
			r, m := newRepo(t, key)
			snap := writeSnapshot(t, r, someFiles, nil)
			r = reopen(t, m, key)
			for _, f := range someFiles {
				got, err := readFile(r, snap, f.name)
				if err != nil || !bytes.Equal(got, f.content) {
					t.Errorf("%s: %d bytes, %v", f.name, len(got), err)
				}
			}
			if v := verify(t, r, snap.Name); len(v.Damage)+len(v.Notes) > 0 {
				t.Errorf("verify: %v %v", v.Damage, v.Notes)
			}
		})
	}
}

func TestSecondSnapshotStoresNothingTwice(t *testing.T) {
	key := testKey(t)
	r, m := newRepo(t, key)
	first := writeSnapshot(t, r, someFiles, nil)
	packs := count(t, m, "packs/")
	writeSnapshot(t, reopen(t, m, key), someFiles, &first.Name)
	if got := count(t, m, "packs/"); got != packs {
		t.Errorf("%d packs after the same files again, %d before", got, packs)
	}
	all, bad, err := reopen(t, m, key).Snapshots(context.Background())
	if err != nil || len(bad) > 0 || len(all) != 2 {
		t.Errorf("%d snapshots, %v, %v", len(all), bad, err)
	}
}

func count(t testing.TB, s store.Store, prefix string) (n int) {
	t.Helper()
	if err := s.List(context.Background(), prefix, func(store.Object) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOpenErrors(t *testing.T) {
	ctx := context.Background()
	key := testKey(t)
	_, encrypted := newRepo(t, key)
	_, plain := newRepo(t, nil)
	for _, c := range []struct {
		name  string
		store store.Store
		key   *backupkey.Key
		want  error
	}{
		{"no key", encrypted, nil, ErrKeyNeeded},
		{"another key", encrypted, testKey(t), ErrWrongKey},
		{"a key for a plain one", plain, key, ErrNotEncrypted},
		{"nothing there", store.NewMemory(), key, ErrNotRepository},
	} {
		if _, err := Open(ctx, c.store, By(c.key)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if _, err := Create(ctx, encrypted, key, nil); !errors.Is(err, ErrExists) {
		t.Errorf("create over a repository: %v", err)
	}
	for text, want := range map[string]error{
		`{"format":"holdfast-backup","version":3}`: ErrNewerFormat,
		`{"format":"something else","version":1}`:  ErrNotRepository,
		`not json`: ErrNotRepository,
		`{"format":"holdfast-backup","version":1,"repository":"x"}`: ErrDamaged,
	} {
		m := store.NewMemory()
		if err := m.Put(ctx, HeaderPath, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(ctx, m, By(key)); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
	}
}

func TestLongExtentListsAndLargeFolders(t *testing.T) {
	ctx := context.Background()
	key := testKey(t)
	r, m := newRepo(t, key)
	w, s := newSaver(t, r)
	id, err := s.Save(KindData, append([]byte{0}, noise(2, 1000)...))
	if err != nil {
		t.Fatal(err)
	}
	const extents = 3*engine.ListBlockExtents*2 + 17
	b := s.NewContentBuilder()
	var want int64
	for i := range extents {
		e := Extent{Chunk: id, Offset: uint32(i * 2 % 900), Length: 1 + int64(i%3)}
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
		n := Node{Kind: NodeFile, Name: fmt.Sprintf("file-%06d", i), Mode: 0o600, MTime: int64(i)}
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

	r = reopen(t, m, key)
	seen, got := 0, int64(0)
	if err := r.Tree(ctx, c, func(n *Node) error {
		seen++
		return r.Extents(ctx, n.Content, func(e Extent) error { got += e.Length; return nil })
	}); err != nil {
		t.Fatal(err)
	}
	if seen != entries || got != want {
		t.Errorf("%d entries, %d bytes; want %d, %d", seen, got, entries, want)
	}
}

func TestPacksLeftByADeadRunAreUsed(t *testing.T) {
	ctx := context.Background()
	key := testKey(t)
	r, m := newRepo(t, key)
	writeSnapshot(t, r, someFiles, nil)
	for _, prefix := range []string{"indexes/", "snapshots/"} { // as if killed before they were written
		if err := m.List(ctx, prefix, func(o store.Object) error { return m.Delete(ctx, o.Name) }); err != nil {
			t.Fatal(err)
		}
	}
	packs := count(t, m, "packs/")
	r, err := Open(ctx, m, By(key))
	if err != nil {
		t.Fatal(err)
	}
	snap := writeSnapshot(t, r, someFiles, nil)
	if got := count(t, m, "packs/"); got != packs {
		t.Errorf("%d packs, want the %d that were there", got, packs)
	}
	if v := verify(t, reopen(t, m, key), snap.Name); len(v.Damage)+len(v.Notes) > 0 {
		t.Errorf("verify: %v %v", v.Damage, v.Notes)
	}
}

func TestALostPackIsStoredAgain(t *testing.T) {
	ctx := context.Background()
	key := testKey(t)
	r, m := newRepo(t, key)
	writeSnapshot(t, r, someFiles, nil)
	if err := m.List(ctx, "packs/", func(o store.Object) error { return m.Delete(ctx, o.Name) }); err != nil {
		t.Fatal(err)
	}
	r, err := Open(ctx, m, By(key))
	if err != nil {
		t.Fatal(err)
	}
	snap := writeSnapshot(t, r, someFiles, nil)
	r, err = Open(ctx, m, By(key))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range someFiles {
		if _, err := r.NewWriter(ctx, 0); err != nil {
			t.Fatal(err)
		}
		if got, err := readFile(r, snap, f.name); err != nil || !bytes.Equal(got, f.content) {
			t.Errorf("%s: %v", f.name, err)
		}
	}
}

// Two computers that back up at once store the same chunks twice; damage to
// one copy then costs nothing.
func TestADamagedChunkIsReadFromAnotherPack(t *testing.T) {
	ctx := context.Background()
	key := testKey(t)
	first, m := newRepo(t, key)
	snap := writeSnapshot(t, first, someFiles, nil)
	base := dump(t, m)
	other := base.store(t)
	for name := range base {
		if name != HeaderPath && !strings.HasPrefix(name, "keyring-") {
			if err := other.Delete(ctx, name); err != nil {
				t.Fatal(err)
			}
		}
	}
	writeSnapshot(t, reopen(t, other, key), someFiles, nil)
	both := dump(t, other)
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
			if got := checkNoticed(t, fmt.Sprintf("%s byte %d", name, at), both.with(name, b), key, snap.Name, someFiles); got != len(someFiles) {
				t.Fatalf("%s byte %d: %d of %d files still read", name, at, got, len(someFiles))
			}
		}
		v := verify(t, reopen(t, both.with(name, nil).store(t), key), snap.Name)
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
	r, _ := newRepo(t, nil)
	if _, err := r.FindSnapshot(ctx, "latest"); !errors.Is(err, ErrNoSnapshot) {
		t.Errorf("latest of none: %v", err)
	}
	a := writeSnapshot(t, r, someFiles, nil)
	b := writeSnapshot(t, r, someFiles, &a.Name)
	for prefix, want := range map[string]Name{"latest": b.Name, a.ID(): a.Name, b.ID()[:12]: b.Name} {
		if s, err := r.FindSnapshot(ctx, prefix); err != nil || s.Name != want {
			t.Errorf("%s: %v", prefix, err)
		}
	}
	for _, prefix := range []string{"zz", "", "0123456789abcdef0123"} {
		if _, err := r.FindSnapshot(ctx, prefix); !errors.Is(err, ErrNoSnapshot) {
			t.Errorf("%q: %v", prefix, err)
		}
	}
}

// What calls itself media is compressed all the same where a sample can be.
func TestMediaIsCompressedWhereItCanBe(t *testing.T) {
	r, _ := newRepo(t, testKey(t))
	w, s := newSaver(t, r)
	defer w.Close()
	const size, sampleSize = 1 << 20, 8 << 10
	text := bytes.Repeat([]byte("all work and no play "), size/21+1)[:size]
	tail := append(noise(3, size-sampleSize), text[:sampleSize]...)
	for _, c := range []struct {
		name    string
		content []byte
		smaller bool
	}{
		{"text", text, true},
		{"noise", noise(4, size), false},
		{"noise with a tail of text that saves too little", tail, false},
		{"short text", text[:1000], true},
		{"noise before text", append(noise(5, size/2), text[:size/2]...), true},
	} {
		id, err := s.SaveMedia(append([]byte{0}, c.content...))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		at, ok := r.e.Index.Find(id)
		if !ok {
			t.Fatalf("%s: not stored", c.name)
		}
		if smaller := int(at.Record) < len(c.content); smaller != c.smaller {
			t.Errorf("%s: a record of %d bytes for %d", c.name, at.Record, len(c.content))
		}
	}
}

// rowsOf are all rows of a repository's index.
func rowsOf(r *Repository) (rows []index.Row) {
	_ = r.e.Index.Read(func(v index.View) error {
		v.Rows(func(_ uint32, at *index.Row) { rows = append(rows, *at) })
		return nil
	})
	return rows
}
