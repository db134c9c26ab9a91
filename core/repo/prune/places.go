package prune

import (
	"cmp"
	"slices"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/internal/engine"
	"github.com/holdfast-backup/holdfast/core/repo/internal/index"
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
	v      index.View
	needed func(row uint32) bool
	strict func(row uint32) bool   // a snapshot needs it
	rank   []int                   // of each pack
	could  []int64                 // of each pack: live bytes if chunks were counted in all their packs
	others map[repo.ID][]index.Row // the further rows of needed chunks
}

func (p *pruner) places(v index.View) *places {
	own, foreign := p.marks.packs()
	s := &places{
		v: v, rank: make([]int, v.Packs()), could: make([]int64, v.Packs()), others: make(map[repo.ID][]index.Row),
		strict: p.snapshots.needed.has,
		needed: func(i uint32) bool { return p.snapshots.needed.has(i) || p.pending.needed.has(i) },
	}
	for i := range s.rank {
		n, want, _ := v.Pack(uint32(i))
		switch size, ok := p.present[n]; {
		case !ok || size != want || p.unsure[n]:
			s.rank[i] = placeGone
		case foreign[n]:
			s.rank[i] = placeForeign
		case own[n] || p.moved[n]:
			s.rank[i] = placeOwn
		default:
			s.rank[i] = placeGood
		}
	}
	v.Further(func(found uint32, r index.Row) {
		if s.needed(found) {
			s.others[r.ID] = append(s.others[r.ID], r)
			s.could[r.Pack] += r.Sealed()
		}
	})
	v.Rows(func(n uint32, r *index.Row) {
		if s.needed(n) {
			s.could[r.Pack] += r.Sealed()
		}
	})
	return s
}

// each calls fn with the place of every needed chunk. A chunk that a snapshot
// needs and that is nowhere is ErrDamaged.
func (s *places) each(fn func(place *index.Row)) error {
	var fault error
	s.v.Rows(func(n uint32, r *index.Row) {
		if !s.needed(n) { // spare ones never are, by their own numbers
			return
		}
		place := r
		others := s.others[place.ID]
		for k := range others {
			if s.better(&others[k], place) {
				place = &others[k]
			}
		}
		switch {
		case s.rank[place.Pack] > placeGone:
			fn(place)
		case s.strict(n) && fault == nil:
			fault = engine.Missing(place.ID)
		}
		// Otherwise a backup under way needs it, and has seen that it is gone or is about to.
	})
	return fault
}

func (s *places) better(a, b *index.Row) bool {
	nameA, sizeA, _ := s.v.Pack(a.Pack)
	nameB, sizeB, _ := s.v.Pack(b.Pack)
	share := func(pack uint32, size int64) float64 { return float64(s.could[pack]) / float64(max(1, size)) }
	return cmp.Or(cmp.Compare(s.rank[a.Pack], s.rank[b.Pack]), cmp.Compare(share(a.Pack, sizeA), share(b.Pack, sizeB)),
		slices.Compare(nameA[:], nameB[:])) > 0
}

// count distributes the needed chunks over the packs that are there.
func (p *pruner) count() (map[repo.Name]*packUse, error) {
	own, foreign := p.marks.packs()
	out := make(map[repo.Name]*packUse, len(p.present))
	for n, size := range p.present {
		out[n] = &packUse{name: n, size: size, marked: own[n] || foreign[n]}
	}
	for n, m := range p.marks.all {
		if seen := p.o.Seen.Marks[n]; m.Pruner != p.marks.id && !seen.IsZero() && p.o.Now().Sub(seen) >= foreignMarkFor {
			for _, pack := range m.Packs {
				if out[pack] != nil {
					out[pack].left = true
				}
			}
		}
	}
	return out, p.e.Index.Read(func(v index.View) error {
		byNumber := make([]*packUse, v.Packs())
		for i := range byNumber {
			name, _, chunks := v.Pack(uint32(i))
			if byNumber[i] = out[name]; byNumber[i] != nil {
				byNumber[i].all = chunks
			}
		}
		return p.places(v).each(func(place *index.Row) {
			u := byNumber[place.Pack]
			u.live += place.Sealed()
			u.chunks++
			u.meta = place.Kind != repo.KindData
		})
	})
}
