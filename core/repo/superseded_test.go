package repo

import (
	"context"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core/store"
)

// prunedBetween puts the indexes together, as a prune does, right after one is stored and before anybody looks whether it is there.
type prunedBetween struct {
	*store.Memory
	t       *testing.T
	another *Repository
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
	if err := s.another.reindex(ctx, s.another.e.Loaded(), nil, func(Name) bool { return true }); err != nil {
		s.t.Error(err)
	}
	if _, err := s.Memory.Stat(ctx, name); err == nil {
		s.t.Error("the index is there still: nothing was put to the test")
	}
	return nil
}

// A prune may put an index into another as soon as it is stored. A backup must not take that for a place that loses what it is given.
func TestAnIndexThatIsPrunedAtOnce(t *testing.T) {
	r, m := newRepo(t, nil)
	keep := kept{}
	write := func(r *Repository, i int) {
		files := []testFile{{"a.bin", noise(uint64(i), 3000)}}
		keep[writeSnapshot(t, r, files, nil).Name] = files
	}
	for i := range smallIndexes {
		write(r.Fresh(), i)
	}
	s := &prunedBetween{Memory: m, t: t, another: reopen(t, m, nil)}
	write(reopen(t, s, nil), smallIndexes)
	if s.met == 0 {
		t.Fatal("no index was stored")
	}
	keep.check(t, m)
}
