package check_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/internal/repotest"
	"github.com/holdfast-backup/holdfast/core/store"
)

// glimpse fails the look at a run's pending object once its snapshot is visible, and lets another computer in before.
type glimpse struct {
	*store.Memory
	put  bool
	meet func()
}

var errGlimpse = errors.New("fault on purpose")

func (g *glimpse) Put(ctx context.Context, name string, b []byte) error {
	g.put = g.put || strings.HasPrefix(name, "snapshots/")
	return g.Memory.Put(ctx, name, b)
}

func (g *glimpse) Stat(ctx context.Context, name string) (store.Object, error) {
	if g.put && strings.HasPrefix(name, "pending/") {
		g.meet()
		return store.Object{}, errGlimpse
	}
	return g.Memory.Stat(ctx, name)
}

// A snapshot that its run took back is not missed by those who have seen it meanwhile.
func TestASnapshotThatWasTakenBackIsNotMissing(t *testing.T) {
	ctx := context.Background()
	_, m := repotest.New(t, nil)
	var seen []repo.Sighting
	g := &glimpse{Memory: m}
	g.meet = func() {
		r := repotest.Open(t, m, nil)
		all, _, err := r.Snapshots(ctx)
		if err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		seen = repo.Sightings(all, repo.Profile{2})
		made := repotest.WriteSnapshot(t, r, []repotest.File{{Name: "b", Content: []byte("b")}}, &all[0].Name)
		w, _ := repotest.NewSaver(t, r)
		defer w.Close()
		next := *made
		next.Writer, next.Sequence, next.Seen = repo.Profile{2}, 1, seen
		if _, err := w.WriteSnapshot(next); err != nil {
			t.Fatal(err)
		}
	}
	base := repotest.WriteSnapshot(t, repotest.Open(t, m, nil), []repotest.File{{Name: "a", Content: []byte("a")}}, nil)
	if err := repotest.Open(t, m, nil).RemoveSnapshots(ctx, []repo.Name{base.Name}); err != nil {
		t.Fatal(err)
	}
	w, _ := repotest.NewSaver(t, repotest.Open(t, g, nil))
	defer w.Close()
	back := *base
	back.Writer, back.Sequence = repo.Profile{1}, 1
	if _, err := w.WriteSnapshot(back); !errors.Is(err, errGlimpse) {
		t.Fatal(err)
	}
	if len(seen) != 1 {
		t.Fatalf("seen meanwhile: %v", seen)
	}
	if v := repotest.Verify(t, repotest.Open(t, m, nil)); len(v.Damage) > 0 {
		t.Errorf("%v", v.Damage)
	}
}
