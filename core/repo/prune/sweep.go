package prune

import (
	"context"
	"errors"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/store"
)

// sweep looks again, now that the marks are there, frees from them what is
// needed after all, and deletes what is due.
func (p *pruner) sweep(ctx context.Context) error {
	for {
		all, err := p.survey(ctx)
		if err != nil {
			return err
		}
		if err := p.marks.unmark(ctx, all); err != nil {
			return err
		}
		drop := make(map[repo.Name]bool)
		for n := range p.marks.due() {
			if u := all[n]; u != nil && u.live == 0 {
				drop[n] = true
			}
		}
		if len(drop) > 0 || p.stale() {
			if err := p.checkHeader(ctx); err != nil {
				return err
			}
			keep := func(n repo.Name) bool { _, ok := p.present[n]; return ok && !drop[n] }
			err := reindex(ctx, p.e, p.indexes, p.busy, keep)
			if errors.Is(err, store.ErrNoSpace) && len(drop) > 0 {
				// The place is too full for new indexes. The packs go first: nobody needs what is in them, and readers pass
				// over entries of packs that are gone.
				if done, err := p.delete(ctx, all, drop); err != nil || !done {
					p.left(all, drop)
					return err
				}
				for n := range drop {
					delete(all, n)
					delete(p.present, n)
				}
				clear(drop)
				err = reindex(ctx, p.e, p.indexes, p.busy, keep)
			}
			if err != nil {
				return err
			}
		}
		done, err := p.delete(ctx, all, drop)
		if err != nil || done {
			p.left(all, drop)
			return err
		}
		if err := p.indexAgain(ctx, drop); err != nil {
			return err
		}
	}
}

// indexAgain writes an index of packs that were to be deleted and were not: no
// index names them any more, and what needs them since may take them out of the mark.
func (p *pruner) indexAgain(ctx context.Context, drop map[repo.Name]bool) error {
	present, err := p.e.List(ctx, format.KindPack)
	if err != nil {
		return err
	}
	var packs []format.PackList
	for n := range drop {
		size, there := present[n]
		if !there {
			continue
		}
		entries, err := p.e.ReadTable(ctx, n, size)
		if err != nil {
			return err
		}
		packs = append(packs, format.PackList{Name: n, Size: size, Entries: entries})
	}
	if len(packs) == 0 {
		return nil
	}
	_, err = p.e.PutIndex(ctx, nil, packs)
	return err
}

// stale reports whether the indexes are worth writing anew: they name packs that
// are not there, or there are many of them.
func (p *pruner) stale() bool {
	if len(p.e.Loaded()) >= manyIndexes {
		return true
	}
	for n := range p.e.Listed() {
		if _, ok := p.present[n]; !ok {
			return true
		}
	}
	return false
}

// delete deletes packs. It stops, not done, when the listings have grown old.
func (p *pruner) delete(ctx context.Context, all map[repo.Name]*packUse, drop map[repo.Name]bool) (done bool, err error) {
	i := int64(0)
	for n := range drop {
		if age := p.o.Now().Round(0).Sub(p.planned.Round(0)); age < 0 || age > planFor {
			return false, nil
		}
		if err := p.e.Store.Delete(ctx, format.KindPack.Path(n)); err != nil {
			return false, err
		}
		p.out.FreedPacks++
		p.out.FreedBytes += all[n].size
		i++
		if p.o.Progress != nil {
			p.o.Progress(Deleting, i, int64(len(drop)))
		}
	}
	return true, nil
}

// left fills in what stays.
func (p *pruner) left(all map[repo.Name]*packUse, dropped map[repo.Name]bool) {
	for n, u := range all {
		switch {
		case dropped[n]:
		case u.live == 0:
			p.out.WaitingPacks++
			p.out.WaitingBytes += u.size
		default:
			p.out.WasteBytes += u.waste()
		}
	}
	p.next()
}
