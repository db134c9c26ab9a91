// Package repotest writes small repositories for tests, and reports whether they give back what was written.
package repotest

import (
	"bytes"
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/check"
	"github.com/holdfast-backup/holdfast/core/store"
)

// File is a file of a test snapshot.
type File struct {
	Name    string
	Content []byte
}

// Key returns a new key.
func Key(t testing.TB) *backupkey.Key {
	t.Helper()
	k, err := backupkey.New()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Noise returns reproducible bytes that do not compress.
func Noise(seed uint64, n int) []byte {
	var s [32]byte
	s[0], s[1] = byte(seed), byte(seed>>8)
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(s).Read(b)
	return b
}

// NewSaver returns a Writer, to be closed, with a Saver of its own.
func NewSaver(t testing.TB, r *repo.Repository) (*repo.Writer, *repo.Saver) {
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

// WriteSnapshot stores files in one folder "docs", each as pieces of 100 bytes.
func WriteSnapshot(t testing.TB, r *repo.Repository, files []File, previous *repo.Name) *repo.Snapshot {
	t.Helper()
	w, s := NewSaver(t, r)
	defer w.Close()
	dir := s.NewTreeBuilder()
	var total int64
	for _, f := range files {
		b := s.NewContentBuilder()
		for rest := f.Content; len(rest) > 0; {
			n := min(100, len(rest))
			id, err := s.Save(repo.KindData, append([]byte{0}, rest[:n]...))
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Add(repo.Extent{Chunk: id, Length: int64(n)}); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		c, err := b.Content()
		if err != nil {
			t.Fatal(err)
		}
		total += int64(len(f.Content))
		if err := dir.Add(&repo.Node{Kind: repo.NodeFile, Name: f.Name, Mode: 0o644, MTime: 1, Size: int64(len(f.Content)),
			Content: c}); err != nil {
			t.Fatal(err)
		}
	}
	docs, err := dir.Content()
	if err != nil {
		t.Fatal(err)
	}
	root := s.NewTreeBuilder()
	if err := root.Add(&repo.Node{Kind: repo.NodeDir, Name: "docs", Mode: 0o755, MTime: -5, Files: int64(len(files)), Size: total,
		Content: docs}); err != nil {
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
	snap, err := w.WriteSnapshot(repo.Snapshot{
		Begin: now, End: now, Host: "host", User: "user", Program: "test", System: "linux", Root: rc,
		Sources: []repo.Source{{Name: "docs", Path: "/home/user/docs"}}, Files: int64(len(files)), Dirs: 1, Bytes: total, Previous: previous,
	})
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

// SomeFiles are what most tests back up.
var SomeFiles = []File{
	{Name: "a.txt", Content: bytes.Repeat([]byte("all work and no play "), 20)},
	{Name: "b.bin", Content: Noise(1, 350)},
	{Name: "empty", Content: nil},
}

// ReadFile returns a file of a snapshot, by the last element of its path.
func ReadFile(r *repo.Repository, s *repo.Snapshot, name string) ([]byte, error) {
	ctx := context.Background()
	var out []byte
	found := false
	err := r.Tree(ctx, s.Root, func(top *repo.Node) error {
		return r.Tree(ctx, top.Content, func(n *repo.Node) error {
			if n.Name != name {
				return nil
			}
			found = true
			return r.Extents(ctx, n.Content, func(e repo.Extent) error {
				if e.Hole {
					out = append(out, make([]byte, e.Length)...)
					return nil
				}
				c, err := r.Chunk(ctx, e.Chunk)
				if err != nil {
					return err
				}
				if int64(len(c)) < int64(e.Offset)+e.Length {
					return repo.ErrDamaged
				}
				out = append(out, c[e.Offset:int64(e.Offset)+e.Length]...)
				return nil
			})
		})
	})
	if err == nil && !found {
		err = repo.ErrNoEntry
	}
	return out, err
}

// New makes a repository in memory.
func New(t testing.TB, key *backupkey.Key) (*repo.Repository, *store.Memory) {
	t.Helper()
	m := store.NewMemory()
	r, err := repo.Create(context.Background(), m, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r, m
}

// Open opens a repository and loads its index.
func Open(t testing.TB, s store.Store, key *backupkey.Key) *repo.Repository {
	t.Helper()
	r, err := repo.Open(context.Background(), s, repo.By(key))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.LoadIndex(context.Background()); err != nil {
		t.Fatal(err)
	}
	return r
}

// Verify reads everything back.
func Verify(t testing.TB, r *repo.Repository, known ...repo.Name) check.Verification {
	t.Helper()
	v, err := check.Verify(context.Background(), r, check.VerifyOptions{DataPercent: 100, Known: known})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Count counts the objects whose names begin with prefix.
func Count(t testing.TB, s store.Store, prefix string) (n int) {
	t.Helper()
	if err := s.List(context.Background(), prefix, func(store.Object) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}
