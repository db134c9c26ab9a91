package backupkey

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// stage is one kind of typing error: parts that can be tried side by side.
type stage struct {
	parts int
	// try calls probe for each key of a part. edited is where a digit was
	// put in or taken out, in a text of 63 or 65 digits.
	try func(part int, probe func(nibbles *[Digits]byte, edited int))
}

// hit is a key with the wanted id.
type hit struct {
	nibbles [Digits]byte
	edited  int
}

type search struct {
	want ID

	mu    sync.Mutex
	found []hit
}

// run tries all parts of a stage on all cores.
func (s *search) run(ctx context.Context, st stage) ([]hit, error) {
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), st.parts) {
		group.Go(func() {
			h := newIDHasher()
			defer h.clear()
			var key [Size]byte
			defer clear(key[:])
			probe := func(nibbles *[Digits]byte, edited int) {
				pack(&key, nibbles)
				if h.id(&key) == s.want {
					s.add(hit{*nibbles, edited})
				}
			}
			for ctx.Err() == nil {
				part := int(next.Add(1)) - 1
				if part >= st.parts {
					return
				}
				st.try(part, probe)
			}
		})
	}
	group.Wait()
	return s.found, ctx.Err()
}

// add keeps a hit once: of several edits that lead to the same key the
// first in the text, whichever core finds it.
func (s *search) add(h hit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.found {
		if f.nibbles == h.nibbles {
			s.found[i].edited = min(f.edited, h.edited)
			return
		}
	}
	s.found = append(s.found, h)
}

// stages lists what to try for this text, the likelier first.
func (t *typed) stages() []stage {
	switch len(t.nibbles) {
	case Digits - 1:
		return []stage{t.missing()}
	case Digits + 1:
		return []stage{t.extra()}
	}
	var base [Digits]byte
	copy(base[:], t.nibbles)
	switch u := t.unknown; len(u) {
	case 0:
		return []stage{asTyped(base), oneWrong(base), swappedDigits(base), swappedGroups(base), twoWrong(base)}
	case 1:
		return []stage{allDigitsAt(base, u), unknownAndWrong(base, u[0])}
	default:
		return []stage{allDigitsAt(base, u)}
	}
}

func asTyped(base [Digits]byte) stage {
	return stage{1, func(_ int, probe func(*[Digits]byte, int)) { probe(&base, 0) }}
}

func oneWrong(base [Digits]byte) stage {
	return stage{Digits, func(i int, probe func(*[Digits]byte, int)) {
		n := base
		others(&n, i, func() { probe(&n, 0) })
	}}
}

// others sets digit i to each of the 15 other values, then back.
func others(n *[Digits]byte, i int, fn func()) {
	was := n[i]
	for x := byte(1); x < 16; x++ {
		n[i] = was ^ x
		fn()
	}
	n[i] = was
}

func twoWrong(base [Digits]byte) stage {
	// A part is one pair of places: 225 keys, well under a millisecond.
	type pair struct{ i, j int }
	pairs := make([]pair, 0, Digits*(Digits-1)/2)
	for i := range Digits {
		for j := i + 1; j < Digits; j++ {
			pairs = append(pairs, pair{i, j})
		}
	}
	return stage{len(pairs), func(part int, probe func(*[Digits]byte, int)) {
		n := base
		others(&n, pairs[part].i, func() {
			others(&n, pairs[part].j, func() { probe(&n, 0) })
		})
	}}
}

func swappedDigits(base [Digits]byte) stage {
	return stage{Digits - 1, func(i int, probe func(*[Digits]byte, int)) {
		n := base
		n[i], n[i+1] = n[i+1], n[i]
		probe(&n, 0)
	}}
}

func swappedGroups(base [Digits]byte) stage {
	return stage{Groups - 1, func(g int, probe func(*[Digits]byte, int)) {
		n := base
		left := n[g*GroupSize:][:GroupSize]
		right := n[(g+1)*GroupSize:][:GroupSize]
		for i := range left {
			left[i], right[i] = right[i], left[i]
		}
		probe(&n, 0)
	}}
}

// allDigitsAt tries all 16 digits at each of the places.
func allDigitsAt(base [Digits]byte, places []int) stage {
	return stage{16, func(first int, probe func(*[Digits]byte, int)) {
		n := base
		n[places[0]] = byte(first)
		for rest := range 1 << (4 * (len(places) - 1)) {
			for i, p := range places[1:] {
				n[p] = byte(rest>>(4*i)) & 15
			}
			probe(&n, 0)
		}
	}}
}

// unknownAndWrong tries all digits at one place and other digits at another.
func unknownAndWrong(base [Digits]byte, unknown int) stage {
	return stage{Digits, func(i int, probe func(*[Digits]byte, int)) {
		if i == unknown {
			return
		}
		n := base
		for v := range byte(16) {
			n[unknown] = v
			others(&n, i, func() { probe(&n, 0) })
		}
	}}
}

// missing tries every digit at every place of a text of 63.
func (t *typed) missing() stage {
	return stage{Digits, func(i int, probe func(*[Digits]byte, int)) {
		var n [Digits]byte
		copy(n[:i], t.nibbles[:i])
		copy(n[i+1:], t.nibbles[i:])
		for v := range byte(16) {
			n[i] = v
			probe(&n, i)
		}
	}}
}

// extra leaves out each digit of a text of 65.
func (t *typed) extra() stage {
	return stage{Digits + 1, func(i int, probe func(*[Digits]byte, int)) {
		var n [Digits]byte
		copy(n[:i], t.nibbles[:i])
		copy(n[i:], t.nibbles[i+1:])
		probe(&n, i)
	}}
}
