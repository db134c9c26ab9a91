package prune_test

import (
	"context"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/internal/repotest"
	"github.com/holdfast-backup/holdfast/core/repo/prune"
	"github.com/holdfast-backup/holdfast/core/store"
)

// prunedBetween puts the indexes together, as a prune does, right after one is stored and before anybody looks whether it is there.
type prunedBetween struct {
	*store.Memory
	t       *testing.T
	another *repo.Repository
	met     int
}

func (s *prunedBetween) Put(ctx context.Context, name string, b []byte) error {
	err := s.Memory.Put(ctx, name, b)
	if err != nil || s.met > 0 || !strings.HasPrefix(name, "indexes/") {
		return err
	}
	s.met++
	if _, err := s.another.LoadIndex(ctx); err != nil {
		s.t.Error(err)
	}
	if err := prune.Reindex(ctx, s.another, s.another.Engine().Loaded(), nil, func(repo.Name) bool { return true }); err != nil {
		s.t.Error(err)
	}
	if _, err := s.Memory.Stat(ctx, name); err == nil {
		s.t.Error("the index is there still: nothing was put to the test")
	}
	return nil
}

// A prune may put an index into another as soon as it is stored. A backup must not take that for a place that loses what it is given.
func TestAnIndexThatIsPrunedAtOnce(t *testing.T) {
	r, m := repotest.New(t, nil)
	keep := repotest.Kept{}
	write := func(r *repo.Repository, i int) {
		files := []repotest.File{{Name: "a.bin", Content: repotest.Noise(uint64(i), 3000)}}
		keep[repotest.WriteSnapshot(t, r, files, nil).Name] = files
	}
	for i := range prune.SmallIndexes {
		write(r.Fresh(), i)
	}
	s := &prunedBetween{Memory: m, t: t, another: repotest.Open(t, m, nil)}
	write(repotest.Open(t, s, nil), prune.SmallIndexes)
	if s.met == 0 {
		t.Fatal("no index was stored")
	}
	keep.Check(t, m)
}
