package prune

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/internal/engine"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/sealed"
	"github.com/holdfast-backup/holdfast/core/store"
)

// marks are the marks that are there. Those of this pruner are its own to change.
type marks struct {
	e   *engine.Engine
	o   *Options // what is remembered of them, and the clock
	id  [16]byte // of this pruner
	all map[repo.Name]format.Mark
}

// read looks which there are.
func (m *marks) read(ctx context.Context) (err error) {
	m.all, err = sealed.Records(ctx, m.e.Objects, format.KindMark, format.DecodeMark)
	return err
}

// packs are those in this pruner's own marks and in those of others.
func (m *marks) packs() (own, foreign map[repo.Name]bool) {
	own, foreign = make(map[repo.Name]bool), make(map[repo.Name]bool)
	for _, one := range m.all {
		for _, n := range one.Packs {
			if one.Pruner == m.id {
				own[n] = true
			} else {
				foreign[n] = true
			}
		}
	}
	return own, foreign
}

// own are those of this pruner.
func (m *marks) own() map[repo.Name]format.Mark {
	out := make(map[repo.Name]format.Mark)
	for n, one := range m.all {
		if one.Pruner == m.id {
			out[n] = one
		}
	}
	return out
}

// put marks packs.
func (m *marks) put(ctx context.Context, packs []repo.Name) (repo.Name, error) {
	slices.SortFunc(packs, func(a, b repo.Name) int { return slices.Compare(a[:], b[:]) })
	one := format.Mark{Pruner: m.id, Packs: packs, When: m.o.Now().Unix()}
	n, err := m.e.PutRecord(ctx, format.KindMark, format.EncodeMark(one))
	if err == nil {
		m.all[n] = one
	}
	return n, err
}

// unmark takes packs in which a chunk is counted out of the own marks.
func (m *marks) unmark(ctx context.Context, all map[repo.Name]*packUse) error {
	for n, one := range m.own() {
		keep := slices.DeleteFunc(slices.Clone(one.Packs), func(pack repo.Name) bool { u := all[pack]; return u != nil && u.live > 0 })
		if len(keep) == len(one.Packs) {
			continue
		}
		if err := m.replace(ctx, n, keep); err != nil {
			return err
		}
	}
	return nil
}

// replace puts another mark in the place of an own one, as old as that. Where there is no room for it, its packs are without
// one until the next prune, which keeps them longer and nothing else.
func (m *marks) replace(ctx context.Context, old repo.Name, packs []repo.Name) error {
	if len(packs) > 0 {
		n, err := m.put(ctx, packs)
		switch {
		case errors.Is(err, store.ErrNoSpace):
		case err != nil:
			return err
		default:
			m.o.Seen.Marks[n] = m.o.Seen.Marks[old]
		}
	}
	if err := m.o.Save(); err != nil {
		return err
	}
	delete(m.all, old)
	delete(m.o.Seen.Marks, old)
	return m.e.Store.Delete(ctx, format.KindMark.Path(old))
}

// tidy takes packs that are gone out of the own marks, and deletes marks
// of others if every pack in them is gone. All other marks are their owner's alone, however
// old: it may be asleep in the middle of deleting.
func (m *marks) tidy(ctx context.Context) error {
	present, err := m.e.List(ctx, format.KindPack)
	if err != nil {
		return err
	}
	gone := func(pack repo.Name) bool { _, ok := present[pack]; return !ok }
	for n, one := range maps.Clone(m.all) {
		keep := slices.DeleteFunc(slices.Clone(one.Packs), gone)
		switch {
		case one.Pruner == m.id && len(keep) < len(one.Packs):
			err = m.replace(ctx, n, keep)
		case one.Pruner != m.id && len(keep) == 0:
			err = m.e.Store.Delete(ctx, format.KindMark.Path(n))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// due are the packs in marks that this computer has seen long enough ago.
func (m *marks) due() map[repo.Name]bool {
	out := make(map[repo.Name]bool)
	for n, one := range m.own() {
		if seen := m.o.Seen.Marks[n]; !seen.IsZero() && m.o.Now().Sub(seen) >= m.o.Grace {
			for _, pack := range one.Packs {
				out[pack] = true
			}
		}
	}
	return out
}

// mark marks packs in which nothing is counted.
func (p *pruner) mark(ctx context.Context, all map[repo.Name]*packUse) error {
	marked, _ := p.marks.packs()
	var fresh []repo.Name
	for _, u := range all {
		if u.live == 0 && !marked[u.name] {
			fresh = append(fresh, u.name)
		}
	}
	if len(fresh) > 0 {
		if _, err := p.marks.put(ctx, fresh); err != nil {
			return err
		}
	}
	return p.remember(ctx)
}
