package repotest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/store"
)

// Kept is snapshots with what they must give.
type Kept map[repo.Name][]File

// Check reads every kept snapshot.
func (k Kept) Check(t testing.TB, s store.Store) {
	t.Helper()
	r := Open(t, s, nil)
	ctx := context.Background()
	all, bad, err := r.Snapshots(ctx)
	if err != nil || len(bad) > 0 {
		t.Fatal(err, bad)
	}
	if _, err := r.LoadIndex(ctx); err != nil {
		t.Fatal(err)
	}
	there := make(map[repo.Name]*repo.Snapshot)
	for _, s := range all {
		there[s.Name] = s
	}
	for n, files := range k {
		if there[n] == nil {
			t.Fatalf("snapshot %s is gone", n)
		}
		for _, f := range files {
			got, err := ReadFile(r, there[n], f.Name)
			if err != nil || string(got) != string(f.Content) {
				t.Fatalf("snapshot %s, %s: %d bytes, %v", n, f.Name, len(got), err)
			}
		}
	}
}

// Clean is Check, and nothing else may be there or be damaged.
func (k Kept) Clean(t testing.TB, s store.Store) {
	t.Helper()
	k.Check(t, s)
	v := Verify(t, Open(t, s, nil), slices.Collect(maps.Keys(k))...)
	if len(v.Damage) > 0 || v.Snapshots != len(k) {
		t.Fatalf("%d snapshots, %d expected; damage: %v", v.Snapshots, len(k), v.Damage)
	}
}

// ThreeSnapshots returns three snapshots that share one file; each has another of its own.
func ThreeSnapshots(t testing.TB) (*store.Memory, []repo.Name, Kept) {
	t.Helper()
	_, m := New(t, nil)
	k := make(Kept)
	var names []repo.Name
	for i := range 3 {
		files := []File{{Name: "common", Content: Noise(1, 50_000)},
			{Name: fmt.Sprintf("own%d", i), Content: Noise(uint64(10+i), 30_000+10_000*i)}}
		s := WriteSnapshot(t, Open(t, m, nil), files, nil)
		k[s.Name] = files
		names = append(names, s.Name)
	}
	return m, names, k
}

// SnapshotNames returns the names of all snapshots.
func SnapshotNames(t testing.TB, s store.Store) map[repo.Name]bool {
	t.Helper()
	names, err := Open(t, s, nil).SnapshotNames(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[repo.Name]bool)
	for _, n := range names {
		out[n] = true
	}
	return out
}

// Snapshot reads one snapshot.
func Snapshot(t testing.TB, s store.Store, n repo.Name) *repo.Snapshot {
	t.Helper()
	out, err := Open(t, s, nil).Snapshot(context.Background(), n)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
