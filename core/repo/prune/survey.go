package prune

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/sealed"
)

// dropDead deletes pending objects that have been there for very long. It comes before the
// listings: a run that wakes up and writes its snapshot after all finds it gone, and checks again.
func (p *pruner) dropDead(ctx context.Context) error {
	if err := p.remember(ctx); err != nil {
		return err
	}
	all, err := sealed.Records(ctx, p.e.Objects, format.KindPending, format.DecodePending)
	if err != nil {
		return err
	}
	for n, v := range all {
		limit := pendingFor
		if v.Snapshot != nil {
			limit = snapshotFor
		}
		if seen := p.o.Seen.Pending[n]; !seen.IsZero() && p.o.Now().Sub(seen) >= limit {
			if err := p.e.Store.Delete(ctx, format.KindPending.Path(n)); err != nil {
				return err
			}
		}
	}
	return nil
}

// packUse is a pack as the snapshots use it.
type packUse struct {
	name   repo.Name
	size   int64
	live   int64 // bytes of the sealed chunks that are counted in it
	chunks int   // how many these are
	all    int   // how many are in it
	marked bool  // by anybody
	left   bool  // by another computer, long ago
	meta   bool  // it holds trees and lists
}

// waste is how many bytes of the pack nothing needs.
func (u *packUse) waste() int64 { return max(0, u.size-int64(format.PackSize(int(u.live), u.chunks))) }

// survey lists everything anew, in the order of chapter 12, walks the trees that it has
// not walked yet, and returns the packs that are there with what is counted in them.
func (p *pruner) survey(ctx context.Context) (map[repo.Name]*packUse, error) {
	p.planned = p.o.Now()
	pendings, err := p.pendings(ctx)
	if err != nil {
		return nil, err
	}
	snapshots, err := p.newSnapshots(ctx)
	if err != nil {
		return nil, err
	}
	// A writer of an epoch that this key does not open has replaced the header before.
	if err := p.checkHeader(ctx); err != nil {
		return nil, err
	}
	if err := p.marks.read(ctx); err != nil {
		return nil, err
	}
	bad, err := p.e.LoadIndex(ctx)
	if err != nil {
		return nil, err
	}
	if len(bad) > 0 {
		return nil, bad[0]
	}
	p.indexes = p.e.Loaded()
	if p.present, err = p.e.List(ctx, format.KindPack); err != nil {
		return nil, err
	}
	if err := p.leaveLate(ctx, pendings); err != nil {
		return nil, err
	}
	for _, s := range snapshots {
		if err := p.snapshots.walk(ctx, s.Root); err != nil {
			return nil, fmt.Errorf("snapshot %s: %w", s.Name, err)
		}
		p.walked[s.Name] = true
	}
	p.pending, p.busy = &reach{e: p.e, base: p.snapshots}, make(map[repo.Name]bool)
	for _, v := range pendings {
		if err := p.hold(ctx, v); err != nil {
			return nil, err
		}
	}
	return p.count()
}

// leaveLate leaves packs of closed epochs that no index names alone, as long as a snapshot or a pending object is there that may be
// what a computer wrote while the key was changed. They do not count, but the person may want them.
func (p *pruner) leaveLate(ctx context.Context, pendings map[repo.Name]format.Pending) error {
	late, err := p.r.Late(ctx)
	if err != nil {
		return err
	}
	alone := len(late) > 0
	for n := range pendings {
		alone = alone || p.e.Owner(format.KindPending, n).State == format.EpochClosed
	}
	if !alone {
		return nil
	}
	for n := range p.present {
		if p.e.Owner(format.KindPack, n).State == format.EpochClosed && !p.e.IsListed(n) {
			delete(p.present, n)
		}
	}
	return nil
}

// pendings reads the pending objects. One that was replaced while they were
// read must not slip through: then it reads them again.
func (p *pruner) pendings(ctx context.Context) (map[repo.Name]format.Pending, error) {
	before, err := p.e.List(ctx, format.KindPending)
	for err == nil {
		var all map[repo.Name]format.Pending
		var after map[repo.Name]int64
		if all, err = sealed.Records(ctx, p.e.Objects, format.KindPending, format.DecodePending); err != nil {
			break
		}
		if after, err = p.e.List(ctx, format.KindPending); err != nil {
			break
		}
		if maps.Equal(before, after) && len(all) == len(after) {
			return all, nil
		}
		before = after
	}
	return nil, err
}

// newSnapshots reads the snapshots that were not walked yet.
func (p *pruner) newSnapshots(ctx context.Context) (out []*repo.Snapshot, err error) {
	names, err := p.r.SnapshotNames(ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		if p.dead[n] || p.walked[n] {
			continue
		}
		s, err := p.r.Snapshot(ctx, n)
		if errors.Is(err, sealed.ErrGone) {
			continue // removed by another computer just now
		}
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// hold counts what a pending object needs.
func (p *pruner) hold(ctx context.Context, v format.Pending) error {
	if v.Snapshot != nil {
		if err := p.pending.walk(ctx, v.Snapshot.Root); err != nil {
			return err
		}
	}
	for _, n := range v.Indexes {
		p.busy[n] = true
		if !p.e.Counts(format.KindIndex, n) {
			continue // of a closed epoch: leaveLate keeps its packs
		}
		packs, err := p.e.ReadIndex(ctx, n)
		if errors.Is(err, sealed.ErrGone) {
			continue // merged before the pending object named it; the backup checks again before it ends
		}
		if err != nil {
			return err
		}
		for _, pack := range packs {
			for _, e := range pack.Entries {
				if n, ok := p.e.Index.Number(e.ID); ok {
					p.pending.needed.add(n)
				}
			}
		}
	}
	return nil
}
