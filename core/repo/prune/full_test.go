package prune_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/internal/repotest"
	"github.com/holdfast-backup/holdfast/core/repo/prune"
	"github.com/holdfast-backup/holdfast/core/store"
)

// fullStore has so much room, in blocks of 4 KiB.
type fullStore struct {
	*store.Memory
	free atomic.Int64
}

const diskBlock = 4096

func blocksOfDisk(n int) int64 { return int64(n+diskBlock-1) / diskBlock }

func (s *fullStore) Put(ctx context.Context, name string, b []byte) error {
	if s.free.Add(-blocksOfDisk(len(b))) < 0 {
		s.free.Add(blocksOfDisk(len(b)))
		return &store.Error{Op: "put", Name: name, Err: store.ErrNoSpace}
	}
	err := s.Memory.Put(ctx, name, b)
	if err != nil {
		s.free.Add(blocksOfDisk(len(b)))
	}
	return err
}

func (s *fullStore) Delete(ctx context.Context, name string) error {
	o, err := s.Stat(ctx, name)
	if err == nil {
		s.free.Add(blocksOfDisk(int(o.Size)))
	}
	return s.Memory.Delete(ctx, name)
}

// A place that is full to the last byte can be pruned, and what is kept restores. The removal and the mark take a
// block each, and each snapshot that goes gives one.
func TestAFullPlaceCanBePruned(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct{ room, removed int }{{0, 4}, {1, 4}, {2, 4}, {3, 4}, {0, 2}, {1, 2}, {1, 1}, {2, 1}, {3, 1}, {5, 1}} {
		room := int64(c.room)
		r, m := repotest.New(t, nil)
		keep := repotest.Kept{}
		var old []repo.Name
		for i := range 6 {
			files := []repotest.File{{Name: "a.bin", Content: repotest.Noise(uint64(i), 9000)}, {Name: "b.txt",
				Content: fmt.Append(nil, "state ", i)}, {Name: "same.txt", Content: []byte("in all: moved, when the rest of its pack goes")}}
			s := repotest.WriteSnapshot(t, r.Fresh(), files, nil)
			if i < c.removed {
				old = append(old, s.Name)
			} else {
				keep[s.Name] = files
			}
		}
		full := &fullStore{Memory: m}
		full.free.Store(room)
		state := &prune.State{}
		var freed int64
		for try := range 2 {
			p, err := prune.Run(ctx, repotest.Open(t, full, nil), prune.Options{Seen: state, Remove: old})
			freed += p.FreedBytes
			if err != nil && (try == 0 || !errors.Is(err, store.ErrNoSpace)) { // the second has nothing to remove that makes room
				t.Errorf("%d blocks free, run %d: %v", room, try+1, err)
			}
			old = nil
		}
		if freed == 0 {
			t.Errorf("%d blocks free: nothing was freed", room)
		}
		keep.Check(t, m)
		if v := repotest.Verify(t, repotest.Open(t, m, nil)); len(v.Damage) > 0 {
			t.Errorf("%d blocks free: %v", room, v.Damage)
		}
	}
}

// roomy is a store that says how much room there is.
type roomy struct {
	store.Store
	free uint64
}

func (r roomy) Free(context.Context) (uint64, error) { return r.free, nil }

// What is moved needs room for a while. Where there is not enough, it stays where it is, and the prune does all else.
func TestNothingIsMovedIntoTheLastRoom(t *testing.T) {
	for free, moves := range map[uint64]bool{prune.MoveReserve: false, prune.MoveReserve + 50_000: true} {
		_, m := repotest.New(t, nil)
		k := make(repotest.Kept)
		both := []repotest.File{{Name: "large", Content: repotest.Noise(1, 100_000)}, {Name: "small", Content: repotest.Noise(2, 5_000)}}
		first := repotest.WriteSnapshot(t, repotest.Open(t, m, nil), both, nil)
		k[repotest.WriteSnapshot(t, repotest.Open(t, m, nil), both[1:], nil).Name] = both[1:]
		o := repotest.NewComputer().Options(first.Name)
		o.Grace = 0
		p := repotest.NewComputer().Prune(t, roomy{m, free}, o)
		if (p.MovedBytes > 0) != moves {
			t.Errorf("%d bytes free: %+v", free, p)
		}
		k.Check(t, m)
	}
}
