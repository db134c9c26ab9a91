package erase_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/erase"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/repotest"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/faultstore"
)

var secret = repotest.Noise(77, 200)

// gatheredSnapshots makes three backups of this computer in which small files share a chunk, the second without the
// secret, and one of another computer, which has it too. It returns the names of this computer's.
func gatheredSnapshots(t *testing.T) (m *store.Memory, own []repo.Name, other repo.Name) {
	t.Helper()
	_, m = repotest.New(t, nil)
	chunk := bytes.Join([][]byte{repotest.Noise(1, 300), secret, repotest.Noise(2, 300)}, nil)
	long := repotest.Noise(3, 1000)
	for i, host := range []string{"mine", "mine", "mine", "other"} {
		r := repotest.Open(t, m, nil)
		w, s := repotest.NewSaver(t, r)
		save := func(b []byte) repo.ID {
			id, err := s.SaveData(append([]byte{0}, b...))
			if err != nil {
				t.Fatal(err)
			}
			return id
		}
		gathered, alone := save(chunk), save(long)
		if host == "other" {
			gathered = save(append(secret[:200:200], repotest.Noise(9, 50)...))
		}
		file := func(name string, x repo.Extent) repo.Node {
			return repo.Node{Kind: repo.NodeFile, Name: name, Mode: 0o600, MTime: 1, Size: x.Length,
				Content: repo.Content{Extents: []repo.Extent{x}}}
		}
		folder := func(name string, entries ...repo.Node) repo.Node {
			b := s.NewTreeBuilder()
			n := repo.Node{Kind: repo.NodeDir, Name: name, Mode: 0o700}
			for i := range entries {
				if err := b.Add(&entries[i]); err != nil {
					t.Fatal(err)
				}
				n.Size += entries[i].Size
				n.Files++
			}
			var err error
			if n.Content, err = b.Content(); err != nil {
				t.Fatal(err)
			}
			return n
		}
		hidden := []repo.Node{file("secret", repo.Extent{Chunk: gathered, Offset: 300, Length: 200})}
		switch {
		case i == 1:
			hidden = nil
		case host == "other":
			hidden = []repo.Node{file("secret", repo.Extent{Chunk: gathered, Length: 200})}
		}
		docs := append([]repo.Node{file("a", repo.Extent{Chunk: gathered, Length: 40}), file("b", repo.Extent{Chunk: alone, Length: 1000})},
			hidden...)
		if host == "mine" {
			docs[0].Content.Extents[0].Length, docs[0].Size = 300, 300
			docs = append(docs, file("z", repo.Extent{Chunk: gathered, Offset: 500, Length: 300}))
		}
		top := folder("docs", docs...)
		root := folder("", top)
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		at := time.Date(2026, 1, 1+i, 0, 0, 0, 0, time.UTC)
		snap, err := w.WriteSnapshot(repo.Snapshot{
			Begin: at, End: at, Host: host, User: "user", Program: "test", System: "linux", Root: root.Content,
			Sources: []repo.Source{{Name: "docs", Path: "/home/user/docs"}}, Files: top.Files, Dirs: 1, Bytes: top.Size,
		})
		if err != nil {
			t.Fatal(err)
		}
		w.Close()
		if other = snap.Name; host == "mine" {
			own = append(own, snap.Name)
		}
	}
	return m, own, other
}

func mine(s *repo.Snapshot) bool { return s.Host == "mine" }

// holdsSecret reports whether any chunk of any pack holds the secret's bytes, or a tree its name.
func holdsSecret(t *testing.T, m store.Store) (bytesThere, nameThere bool) {
	t.Helper()
	ctx := context.Background()
	r := repotest.Open(t, m, nil)
	packs, err := r.Engine().List(ctx, format.KindPack)
	if err != nil {
		t.Fatal(err)
	}
	for n, size := range packs {
		entries, err := r.Engine().ReadTable(ctx, n, size)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			b, err := r.Chunk(ctx, e.ID)
			if err != nil {
				t.Fatal(err)
			}
			bytesThere = bytesThere || bytes.Contains(b, secret[:50])
			nameThere = nameThere || bytes.Contains(b, []byte("secret"))
		}
	}
	return bytesThere, nameThere
}

// wholeBut checks every snapshot's files; secrets are how many of them hold the secret.
func wholeBut(t *testing.T, m store.Store) (dates map[time.Time]int, secrets int) {
	t.Helper()
	r := repotest.Open(t, m, nil)
	all, bad, err := r.Snapshots(context.Background())
	if err != nil || len(bad) > 0 {
		t.Fatal(err, bad)
	}
	dates = make(map[time.Time]int)
	for _, s := range all {
		dates[s.Begin.UTC()]++
		want := map[string][]byte{"a": repotest.Noise(1, 300), "b": repotest.Noise(3, 1000), "z": repotest.Noise(2, 300)}
		if s.Host == "other" {
			want = map[string][]byte{"a": secret[:40], "b": repotest.Noise(3, 1000)}
		}
		files := int64(len(want))
		if got, err := repotest.ReadFile(r, s, "secret"); err == nil {
			if !bytes.Equal(got, secret) {
				t.Errorf("the secret of %s is damaged", s.Begin)
			}
			secrets++
			files++
		}
		for name, b := range want {
			if got, err := repotest.ReadFile(r, s, name); err != nil || !bytes.Equal(got, b) {
				t.Errorf("%s of %s: %d bytes, %v", name, s.Begin, len(got), err)
			}
		}
		if s.Files != files {
			t.Errorf("%s says that it has %d files, not %d", s.Begin, s.Files, files)
		}
	}
	return dates, secrets
}

func TestEraseLeavesNothing(t *testing.T) {
	ctx := context.Background()
	m, own, other := gatheredSnapshots(t)
	if err := repotest.Open(t, m, nil).Pin(ctx, own[0], true); err != nil {
		t.Fatal(err)
	}
	if b, name := holdsSecret(t, m); !b || !name {
		t.Fatal("the secret is not there to begin with")
	}
	dry, err := erase.Run(ctx, repotest.Open(t, m, nil), erase.Options{Paths: []string{"docs/secret"}, Of: mine, DryRun: true})
	if err != nil || dry.Snapshots != 2 || dry.Files != 1 || dry.Bytes != 200 {
		t.Errorf("%+v, %v", dry, err)
	}
	e, err := erase.Run(ctx, repotest.Open(t, m, nil), erase.Options{Paths: []string{"docs/secret"}, Of: mine})
	if err != nil {
		t.Fatal(err)
	}
	// The second did not hold it, and shares the chunk.
	if e.Snapshots != 2 || e.Chunks != 1 || len(e.Replaced) != 3 || len(e.Removed) != 0 {
		t.Errorf("%+v", e)
	}
	dates, secrets := wholeBut(t, m)
	if len(dates) != 4 || secrets != 1 {
		t.Errorf("%v; %d hold the secret", dates, secrets)
	}
	pins, err := repotest.Open(t, m, nil).Pinned(ctx)
	if err != nil || len(pins) != 1 || !pins[e.Replaced[own[0]]] {
		t.Errorf("pins: %v, %v", pins, err)
	}
	// The other computer's goes on its own.
	if _, err := erase.Run(ctx, repotest.Open(t, m, nil), erase.Options{Paths: []string{"docs/secret"}, Of: mine}); !errors.Is(err,
		repo.ErrNoEntry) {
		t.Errorf("again: %v", err)
	}
	if _, err := erase.Run(ctx, repotest.Open(t, m, nil),
		erase.Options{Paths: []string{"docs"}, Of: func(s *repo.Snapshot) bool { return s.Name == other }}); err != nil {
		t.Fatal(err)
	}
	c := repotest.NewComputer()
	o := c.Options()
	o.Grace, o.Thorough = 0, true
	c.Prune(t, m, o)
	if b, name := holdsSecret(t, m); b || name {
		t.Errorf("after it bytes: %v, name: %v", b, name)
	}
	if dates, _ := wholeBut(t, m); len(dates) != 3 {
		t.Errorf("%v", dates)
	}
	if v := repotest.Verify(t, repotest.Open(t, m, nil)); len(v.Damage) > 0 {
		t.Errorf("%v", v.Damage)
	}
}

// Cut off at any write, no snapshot misses anything but the secret, and the next Erase ends it.
func TestEraseThatIsCutOffGoesOn(t *testing.T) {
	ctx := context.Background()
	o := erase.Options{Paths: []string{"docs/secret"}, Of: mine}
	for cut := 0; ; cut++ {
		m, _, _ := gatheredSnapshots(t)
		script := faultstore.NewScript(faultstore.Fault{Op: faultstore.Write, Skip: cut, Kind: faultstore.Crash})
		_, err := erase.Run(ctx, repotest.Open(t, faultstore.New(m, script), nil), o)
		if err == nil {
			if cut < 8 {
				t.Errorf("only %d writes", cut)
			}
			return
		}
		wholeBut(t, m)
		if _, err := erase.Run(ctx, repotest.Open(t, m, nil), o); err != nil && !errors.Is(err, repo.ErrNoEntry) {
			t.Fatalf("after a cut at write %d: %v", cut, err)
		}
		c := repotest.NewComputer()
		c.Prune(t, m, c.Options())
		dates, secrets := wholeBut(t, m)
		if len(dates) != 4 || secrets != 1 {
			t.Errorf("after a cut at write %d: %v; %d hold the secret", cut, dates, secrets)
		}
		for date, n := range dates {
			if n != 1 {
				t.Errorf("after a cut at write %d there are %d backups of %s", cut, n, date)
			}
		}
	}
}
