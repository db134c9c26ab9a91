package prune

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/store"
)

// markedBy are the packs in the pruner's own marks and in those of others.
func (p *pruner) markedBy() (own, foreign map[repo.Name]bool) {
	own, foreign = make(map[repo.Name]bool), make(map[repo.Name]bool)
	for _, m := range p.marks {
		for _, n := range m.Packs {
			if m.Pruner == p.id {
				own[n] = true
			} else {
				foreign[n] = true
			}
		}
	}
	return own, foreign
}

func (p *pruner) ownMarks() map[repo.Name]format.Mark {
	out := make(map[repo.Name]format.Mark)
	for n, m := range p.marks {
		if m.Pruner == p.id {
			out[n] = m
		}
	}
	return out
}

func (p *pruner) putMark(ctx context.Context, packs []repo.Name) (repo.Name, error) {
	slices.SortFunc(packs, func(a, b repo.Name) int { return slices.Compare(a[:], b[:]) })
	m := format.Mark{Pruner: p.id, Packs: packs, When: p.o.Now().Unix()}
	n, err := p.e.PutRecord(ctx, format.KindMark, format.EncodeMark(m))
	if err == nil {
		p.marks[n] = m
	}
	return n, err
}

// unmark takes packs in which a chunk is counted out of the own marks.
func (p *pruner) unmark(ctx context.Context, all map[repo.Name]*packUse) error {
	for n, m := range p.ownMarks() {
		keep := slices.DeleteFunc(slices.Clone(m.Packs), func(pack repo.Name) bool { u := all[pack]; return u != nil && u.live > 0 })
		if len(keep) == len(m.Packs) {
			continue
		}
		if err := p.replaceMark(ctx, n, keep); err != nil {
			return err
		}
	}
	return nil
}

// replaceMark puts another mark in the place of an own one, as old as that. Where there is no room for it, its packs are without
// one until the next prune, which keeps them longer and nothing else.
func (p *pruner) replaceMark(ctx context.Context, old repo.Name, packs []repo.Name) error {
	if len(packs) > 0 {
		n, err := p.putMark(ctx, packs)
		switch {
		case errors.Is(err, store.ErrNoSpace):
		case err != nil:
			return err
		default:
			p.o.Seen.Marks[n] = p.o.Seen.Marks[old]
		}
	}
	if err := p.o.Save(); err != nil {
		return err
	}
	delete(p.marks, old)
	delete(p.o.Seen.Marks, old)
	return p.e.Store.Delete(ctx, format.KindMark.Path(old))
}

// tidyMarks takes packs that are gone out of the own marks, and deletes marks
// of others if every pack in them is gone. All other marks are their owner's alone, however
// old: it may be asleep in the middle of deleting.
func (p *pruner) tidyMarks(ctx context.Context) error {
	present, err := p.e.List(ctx, format.KindPack)
	if err != nil {
		return err
	}
	gone := func(pack repo.Name) bool { _, ok := present[pack]; return !ok }
	for n, m := range maps.Clone(p.marks) {
		keep := slices.DeleteFunc(slices.Clone(m.Packs), gone)
		switch {
		case m.Pruner == p.id && len(keep) < len(m.Packs):
			err = p.replaceMark(ctx, n, keep)
		case m.Pruner != p.id && len(keep) == 0:
			err = p.e.Store.Delete(ctx, format.KindMark.Path(n))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
