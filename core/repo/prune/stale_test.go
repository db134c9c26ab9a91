package prune_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/check"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/repotest"
	"github.com/holdfast-backup/holdfast/core/repo/protection"
	"github.com/holdfast-backup/holdfast/core/repo/prune"
	"github.com/holdfast-backup/holdfast/core/store"
)

// laggard is a store that gives lists of long ago.
type laggard struct {
	store.Store
	old  map[string][]store.Object // by prefix
	flat bool
	lags func(prefix string, call int) bool

	mu    sync.Mutex
	calls map[string]int
}

// newLaggard remembers what is listed now.
func newLaggard(t *testing.T, s store.Store, lags func(prefix string, call int) bool) *laggard {
	t.Helper()
	l := &laggard{Store: s, old: make(map[string][]store.Object), lags: lags, calls: make(map[string]int)}
	prefixes := []string{""}
	for _, kind := range format.Kinds {
		prefixes = append(prefixes, kind.Prefix())
	}
	for _, prefix := range prefixes {
		l.old[prefix] = nil
		err := s.List(t.Context(), prefix, func(o store.Object) error {
			l.old[prefix] = append(l.old[prefix], o)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func (l *laggard) Properties() store.Properties {
	p := l.Store.Properties()
	p.Lags, p.Flat = true, l.flat
	return p
}

func (l *laggard) List(ctx context.Context, prefix string, fn func(store.Object) error) error {
	l.mu.Lock()
	l.calls[prefix]++
	call := l.calls[prefix]
	l.mu.Unlock()
	if _, known := l.old[prefix]; !known || !l.lags(prefix, call) {
		return l.Store.List(ctx, prefix, fn)
	}
	for _, o := range l.old[prefix] {
		if err := fn(o); err != nil {
			return err
		}
	}
	return nil
}

func always(string, int) bool            { return true }
func eachSecond(_ string, call int) bool { return call%2 == 1 }
func never(string, int) bool             { return false }
func lastWeek(prefix string) func(string, int) bool {
	return func(p string, _ int) bool { return p == prefix }
}

// Whatever deletes or gives up because something is not listed does it by lists of now, or not at all.
func TestListsOfLongAgo(t *testing.T) {
	acts := map[string]func(ctx context.Context, s store.Store) error{
		"prune": func(ctx context.Context, s store.Store) error {
			c := repotest.NewComputer()
			o := c.Options()
			o.Grace, o.Thorough = 0, true
			_, err := prune.Run(ctx, repotest.Open(t, s, nil), o)
			return err
		},
		"repair": func(ctx context.Context, s store.Store) error {
			_, err := check.Repair(ctx, repotest.Open(t, s, nil), check.RepairOptions{})
			return err
		},
	}
	kinds := map[string]func(string, int) bool{"all": always, "each second": eachSecond, "none": never}
	for _, k := range format.Kinds {
		kinds[k.Prefix()] = lastWeek(k.Prefix())
	}
	for name, act := range acts {
		for which, lags := range kinds {
			synctest.Test(t, func(t *testing.T) {
				_, m := repotest.New(t, nil)
				kept := make(repotest.Kept)
				write := func(seed uint64) {
					files := []repotest.File{{Name: "f", Content: repotest.Noise(seed, 20_000)}}
					kept[repotest.WriteSnapshot(t, repotest.Open(t, m, nil), files, nil).Name] = files
				}
				write(1)
				s := newLaggard(t, m, lags)
				write(2)
				write(3)
				err := act(t.Context(), s)
				switch which {
				case "each second", "none":
					if err != nil {
						t.Errorf("%s, stale: %s: %v", name, which, err)
					}
				default:
					if err != nil && !errors.Is(err, repo.ErrStale) {
						t.Errorf("%s, stale: %s: %v", name, which, err)
					}
				}
				kept.Clean(t, m)
				if n := probes(t, m); n != 0 {
					t.Errorf("%s, stale: %s: %d objects are left that only show whether lists are fresh", name, which, n)
				}
			})
		}
	}
}

func probes(t *testing.T, s store.Store) (n int) {
	t.Helper()
	for _, kind := range format.Kinds {
		n += repotest.Count(t, s, kind.Prefix()+"fresh-")
	}
	return n
}

// A change of the key closes over all snapshots, and forgets no epoch, by lists of now.
func TestAKeyIsChangedByListsOfNow(t *testing.T) {
	for which, lags := range map[string]func(string, int) bool{"all": always, "each second": eachSecond} {
		synctest.Test(t, func(t *testing.T) {
			key, next := repotest.Key(t), repotest.Key(t)
			_, m := repotest.New(t, key)
			files := []repotest.File{{Name: "f", Content: repotest.Noise(1, 20_000)}}
			s := newLaggard(t, m, lags) // nothing is there yet
			snap := repotest.WriteSnapshot(t, repotest.Open(t, m, key), files, nil)
			err := protection.ChangeKey(t.Context(), repotest.Open(t, s, key), next, nil)
			now := next
			if which == "all" {
				now = key
				if !errors.Is(err, repo.ErrStale) {
					t.Errorf("%s: %v", which, err)
				}
			} else if err != nil {
				t.Errorf("%s: %v", which, err)
			}
			r := repotest.Open(t, m, now)
			there, err := r.Snapshot(t.Context(), snap.Name)
			if err != nil {
				t.Fatalf("%s: %v", which, err)
			}
			if got, err := repotest.ReadFile(r, there, "f"); err != nil || string(got) != string(files[0].Content) {
				t.Errorf("%s: %d bytes, %v", which, len(got), err)
			}
		})
	}
}

// A backup that has taken a chunk for stored learns that a prune took it away, also where lists lag behind.
func TestABackupThatMeetsAPruneStoresAgain(t *testing.T) {
	for _, grace := range []time.Duration{0, 72 * time.Hour} { // deleted, and only marked
		for _, lags := range []func(string, int) bool{never, eachSecond, always} {
			for _, flat := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) { meetsAPrune(t, grace, lags, flat) })
			}
		}
	}
}

func meetsAPrune(t *testing.T, grace time.Duration, lags func(string, int) bool, flat bool) {
	m, names, k := repotest.ThreeSnapshots(t)
	ctx := context.Background()
	l := newLaggard(t, m, lags)
	l.flat = flat
	r := repotest.Open(t, l, nil)
	w, err := r.NewWriter(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	c := repotest.NewComputer()
	o := c.Options(names[0])
	o.Grace = grace
	c.Prune(t, m, o)
	delete(k, names[0])
	make := func() error {
		s, err := w.NewSaver()
		if err != nil {
			t.Fatal(err)
		}
		content := s.NewContentBuilder()
		for rest := repotest.Noise(10, 30_000); len(rest) > 0; rest = rest[100:] { // own0
			id, err := s.Save(repo.KindData, append([]byte{0}, rest[:100]...))
			if err != nil {
				t.Fatal(err)
			}
			if err := content.Add(repo.Extent{Chunk: id, Length: 100}); err != nil {
				t.Fatal(err)
			}
		}
		file, err := content.Content()
		if err != nil {
			t.Fatal(err)
		}
		dir, root := s.NewTreeBuilder(), s.NewTreeBuilder()
		if err := dir.Add(&repo.Node{Kind: repo.NodeFile, Name: "own0", Size: 30_000, Content: file}); err != nil {
			t.Fatal(err)
		}
		docs, err := dir.Content()
		if err != nil {
			t.Fatal(err)
		}
		if err := root.Add(&repo.Node{Kind: repo.NodeDir, Name: "docs", Files: 1, Size: 30_000, Content: docs}); err != nil {
			t.Fatal(err)
		}
		rc, err := root.Content()
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		snap, err := w.WriteSnapshot(repo.Snapshot{Begin: c.Now, End: c.Now, Root: rc, Sources: []repo.Source{{Name: "docs", Path: "/docs"}}})
		if err == nil {
			k[snap.Name] = []repotest.File{{Name: "own0", Content: repotest.Noise(10, 30_000)}}
		}
		return err
	}
	if lags("", 2) { // the lists never show what is new
		if err := make(); !errors.Is(err, repo.ErrStale) {
			t.Fatalf("grace %v: by lists of long ago: %v", grace, err)
		}
		l.lags = never
	}
	if err := make(); !errors.Is(err, repo.ErrVanished) {
		t.Fatalf("grace %v: the first try gave %v", grace, err)
	}
	if n := repotest.Count(t, m, "snapshots/"); n != 2 {
		t.Fatalf("%d snapshots", n)
	}
	k.Clean(t, m) // what the first try has left is no damage
	if err := make(); err != nil {
		t.Fatalf("grace %v: the second try gave %v", grace, err)
	}
	c.Now = c.Now.Add(100 * time.Hour)
	c.Prune(t, m, c.Options())
	k.Clean(t, m)
}
