package prune

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/internal/engine"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/index"
	"github.com/holdfast-backup/holdfast/core/store"
)

// Each run leaves small packs behind. When there are this many of them, under
// this share of the size that writers aim at, they are moved together.
const (
	smallPacks = 16
	smallShare = 8
)

// toMove are the packs whose live chunks are to be moved to new ones.
func (p *pruner) toMove(all map[repo.Name]*packUse) []*packUse {
	var out []*packUse
	var small [2][]*packUse
	for _, u := range all {
		class, target := 0, cmp.Or(p.o.PackBytes, engine.DataPackTarget)
		if u.meta {
			class, target = 1, min(target, engine.MetaPackTarget)
		}
		switch {
		case u.live > 0 && u.left:
			out = append(out, u) // nobody may use what is in it while the mark is there
		case u.live == 0 || u.marked:
		case float64(u.waste()) > p.o.MaxWaste*float64(u.size), p.o.Thorough && u.chunks < u.all:
			out = append(out, u)
		case u.size < int64(target/smallShare):
			small[class] = append(small[class], u)
		}
	}
	for _, list := range small {
		if len(list) >= smallPacks {
			out = append(out, list...)
		}
	}
	return out
}

// moveReserve is the room that moving leaves for marks and indexes, bytes.
const moveReserve = 4 << 20

// fitting are those packs whose live chunks there is room for, the ones with most waste first. Copies that take the last room there is
// would leave none for the mark that makes room again. Where nobody knows how much room there is, all are tried.
func (p *pruner) fitting(ctx context.Context, list []*packUse) (out []*packUse) {
	spacer, ok := p.e.Store.(store.Spacer)
	if !ok {
		return list
	}
	free, err := spacer.Free(ctx)
	if err != nil {
		return list
	}
	slices.SortFunc(list, func(a, b *packUse) int {
		return cmp.Or(cmp.Compare(b.waste(), a.waste()), slices.Compare(a.name[:], b.name[:]))
	})
	room := int64(min(free, 1<<62)) - moveReserve
	for _, u := range list {
		if u.live <= room {
			out = append(out, u)
			room -= u.live
		}
	}
	return out
}

// move copies the live chunks of some packs to new ones, so that nothing is
// counted in them any more. On a destination that is full it leaves it at that. What is not needed as it is gets its mark before: moving
// may take the last room there is.
func (p *pruner) move(ctx context.Context, all map[repo.Name]*packUse) (map[repo.Name]*packUse, error) {
	list := p.fitting(ctx, p.toMove(all))
	if len(list) == 0 {
		return all, nil
	}
	switch err := p.mark(ctx, all); {
	case errors.Is(err, store.ErrNoSpace):
		return all, nil
	case err != nil:
		return nil, err
	}
	var total, done int64
	for _, u := range list {
		total += u.live
	}
	rows, err := p.rows(list)
	if err != nil {
		return nil, err
	}
	for _, e := range p.e.Epochs { // a chunk stays with its epoch, which its id belongs to
		mine := slices.DeleteFunc(slices.Clone(list), func(u *packUse) bool { return p.e.Owner(format.KindPack, u.name) != e })
		if len(mine) == 0 {
			continue
		}
		before := p.e.Listed()
		err := p.moveUnder(ctx, e, mine, rows, func(n int64) {
			done += n
			if p.o.Progress != nil {
				p.o.Progress(Moving, done, total)
			}
		})
		if errors.Is(err, store.ErrNoSpace) {
			// What was stored may be in no index: nothing is taken from there.
			for n := range p.e.Listed() {
				if !before[n] {
					p.unsure[n] = true
				}
			}
			break
		}
		if err != nil {
			return nil, err
		}
		for _, u := range mine {
			p.moved[u.name] = true
			p.out.MovedBytes += u.live
		}
	}
	if len(p.moved) == 0 {
		return all, nil
	}
	present, err := p.e.List(ctx, format.KindPack)
	if err != nil {
		return nil, err
	}
	p.present = present
	return p.count()
}

// rows are the chunks that are counted in some packs, in the packs' order.
func (p *pruner) rows(list []*packUse) (map[repo.Name][]index.Row, error) {
	out := make(map[repo.Name][]index.Row, len(list))
	for _, u := range list {
		out[u.name] = nil
	}
	if len(list) == 0 {
		return out, nil
	}
	err := p.e.Index.Read(func(v index.View) error {
		return p.places(v).each(func(place *index.Row) {
			name, _, _ := v.Pack(place.Pack)
			if _, ok := out[name]; ok {
				out[name] = append(out[name], *place)
			}
		})
	})
	for _, rows := range out {
		slices.SortFunc(rows, func(a, b index.Row) int { return cmp.Compare(a.Offset, b.Offset) })
	}
	return out, err
}

func (p *pruner) moveUnder(ctx context.Context, e *repo.Epoch, list []*packUse, rows map[repo.Name][]index.Row,
	progress func(int64)) error {
	w := p.e.NewWriterUnder(ctx, e, p.o.PackBytes)
	defer w.Close()
	var buf []byte
	var err error
	for _, u := range list {
		c := e.PackCipher(u.name)
		for rest := rows[u.name]; len(rest) > 0; {
			n, first, end := 1, rest[0].Offset, rest[0].Offset+uint32(rest[0].Sealed())
			for n < len(rest) && rest[n].Offset <= end+engine.LoadGap && rest[n].Offset+uint32(rest[n].Sealed())-first <= engine.LoadSpan {
				end = rest[n].Offset + uint32(rest[n].Sealed())
				n++
			}
			var read []byte
			if read, buf, err = p.e.ReadRange(ctx, u.name, u.size, int64(first), int64(end-first), buf); err != nil {
				return err
			}
			for _, at := range rest[:n] {
				sealed := read[at.Offset-first:][:at.Sealed()]
				record, err := engine.RecordToCopy(c, at, sealed)
				if err != nil {
					return fmt.Errorf("pack %s: %w", u.name, err)
				}
				if err := w.CopyRecord(at, record); err != nil {
					return err
				}
				progress(at.Sealed())
			}
			rest = rest[n:]
		}
	}
	return w.FlushCopies()
}
