package witness

import (
	"slices"
	"strconv"
)

// worlds calls visit with all trees of so many heads above the first, with every way to change the nodes along them.
func worlds(a attack, configurations []Configuration, heads int, visit func(w *world) bool) {
	var names []Node
	for _, c := range configurations {
		for _, n := range c.Nodes {
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	base := world{attack: a, configurations: configurations, names: names}
	base.parent, base.nodes, base.read, base.guesses = []int{0}, []int{0}, []int{0}, []int{0}
	for set := range base.sets {
		for i, n := range names {
			if set>>i&1 == 1 {
				base.sets[set] = append(base.sets[set], n)
			}
		}
	}
	for i, n := range names {
		for k, c := range configurations {
			if slices.Contains(c.Nodes, n) {
				base.class[i] |= 2 << k
			}
		}
		if i < a.processes {
			base.class[i]++
		}
	}
	base.head()
	base.grow(heads, visit)
}

// head adds what the package knows of the last head.
func (w *world) head() {
	h := len(w.heads)
	p := w.parent[h]
	one := Head{Anchor: Anchor{Number: 1, Tag: strconv.Itoa(h)}, Root: strconv.Itoa(h), Nodes: w.configurations[w.nodes[h]]}
	one.Before = one.Nodes
	below := uint8(1) << h
	if h > 0 {
		one.Number, one.Previous, one.Before = w.heads[p].Number+1, w.heads[p].Anchor, w.heads[p].Nodes
		below |= w.below[p]
	}
	w.heads, w.below = append(slices.Clip(w.heads), one), append(slices.Clip(w.below), below)
}

func (w *world) grow(heads int, visit func(w *world) bool) bool {
	if heads == 0 {
		return visit(w)
	}
	for parent := w.parent[len(w.parent)-1]; parent < len(w.parent); parent++ {
		for nodes := w.nodes[parent]; nodes < len(w.configurations); nodes++ {
			for read := range w.heads {
				if w.below[parent]>>read&1 == 0 {
					continue
				}
				// A process that has read the record before is one that made the parent.
				if Read(w.heads[parent], w.heads[read].Root) != nil && (!w.touched || parent == 0) {
					continue
				}
				n := *w
				n.parent = append(slices.Clip(w.parent), parent)
				n.nodes = append(slices.Clip(w.nodes), nodes)
				n.read = append(slices.Clip(w.read), read)
				n.guesses = append(slices.Clip(w.guesses), w.guesses[read]+1)
				n.head()
				if !n.grow(heads-1, visit) {
					return false
				}
			}
		}
	}
	return true
}
