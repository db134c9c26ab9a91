package repo

import (
	"cmp"
	"slices"
)

// How good a pack is as the place in which a chunk is counted.
const (
	placeGone    = iota // the pack is not there
	placeForeign        // another computer may delete it
	placeOwn            // this one may
	placeGood
)

// places decides in which pack a needed chunk is counted.
type places struct {
	x      *index
	needed func(row uint32) bool
	strict func(row uint32) bool // a snapshot needs it
	rank   []int                 // of each pack
	could  []int64               // of each pack: live bytes if chunks were counted in all their packs
	others map[ID][]row          // the further rows of needed chunks
}

// places is for who holds the index's lock.
func (p *pruner) places() *places {
	own, foreign := p.markedBy()
	x := p.r.index
	s := &places{
		x: x, rank: make([]int, len(x.packs)), could: make([]int64, len(x.packs)), others: make(map[ID][]row),
		strict: p.snapshots.needed.has,
		needed: func(i uint32) bool { return p.snapshots.needed.has(i) || p.pending.needed.has(i) },
	}
	for i, pack := range x.packs {
		n := pack.name
		switch size, ok := p.present[n]; {
		case !ok || size != pack.size || p.unsure[n]:
			s.rank[i] = placeGone
		case foreign[n]:
			s.rank[i] = placeForeign
		case own[n] || p.moved[n]:
			s.rank[i] = placeOwn
		default:
			s.rank[i] = placeGood
		}
	}
	for _, spare := range x.spare {
		r := x.row(spare)
		if n, ok := x.numberLocked(r.id); ok && s.needed(n) {
			s.others[r.id] = append(s.others[r.id], r)
			s.could[r.pack] += r.sealed()
		}
	}
	x.each(func(n uint32, r *row) {
		if s.needed(n) {
			s.could[r.pack] += r.sealed()
		}
	})
	return s
}

// each calls fn with the place of every needed chunk. A chunk that a snapshot
// needs and that is nowhere is ErrDamaged.
func (s *places) each(fn func(place *row)) error {
	var fault error
	s.x.each(func(n uint32, r *row) {
		if !s.needed(n) { // spare ones never are, by their own numbers
			return
		}
		place := r
		others := s.others[place.id]
		for k := range others {
			if s.better(&others[k], place) {
				place = &others[k]
			}
		}
		switch {
		case s.rank[place.pack] > placeGone:
			fn(place)
		case s.strict(n) && fault == nil:
			fault = missing(place.id)
		}
		// Otherwise a backup under way needs it, and has seen that it is gone or is about to.
	})
	return fault
}

func (s *places) better(a, b *row) bool {
	share := func(pack uint32) float64 { return float64(s.could[pack]) / float64(max(1, s.x.packs[pack].size)) }
	return cmp.Or(cmp.Compare(s.rank[a.pack], s.rank[b.pack]), cmp.Compare(share(a.pack), share(b.pack)),
		slices.Compare(s.x.packs[a.pack].name[:], s.x.packs[b.pack].name[:])) > 0
}

// count distributes the needed chunks over the packs that are there.
func (p *pruner) count() (map[Name]*use, error) {
	own, foreign := p.markedBy()
	out := make(map[Name]*use, len(p.present))
	for n, size := range p.present {
		out[n] = &use{name: n, size: size, marked: own[n] || foreign[n]}
	}
	for n, m := range p.marks {
		if seen := p.o.Seen.Marks[n]; m.Pruner != p.id && !seen.IsZero() && p.o.Now().Sub(seen) >= foreignMarkFor {
			for _, pack := range m.Packs {
				if out[pack] != nil {
					out[pack].left = true
				}
			}
		}
	}
	x := p.r.index
	x.mu.RLock()
	defer x.mu.RUnlock()
	byNumber := make([]*use, len(x.packs))
	for i, pack := range x.packs {
		byNumber[i] = out[pack.name]
		if byNumber[i] != nil {
			byNumber[i].all = int(x.lastOf(uint32(i)) - pack.first)
		}
	}
	return out, p.places().each(func(place *row) {
		u := byNumber[place.pack]
		u.live += place.sealed()
		u.chunks++
		u.meta = place.kind != KindData
	})
}
