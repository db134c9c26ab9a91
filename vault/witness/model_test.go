package witness

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A model of a vault on several nodes (docs/adr/0047), searched breadth first over all states, one of each set that a
// renaming of nodes makes the same.
//
// The store is the attacker's. It holds a tree of heads, all authentic, all there from the start: any node may have written any of them,
// on whatever older state it was shown. At each step one node is shown one head with any part of the chain below it and all
// answers ever given, and does what Witness says; or a token is restored to any anchor it has ever shown, or to none;
// or, where the model has processes, a process dies with its write of the label under way, and the write lands later or never. A node that
// dies is one that takes no more steps.
//
// Two things are held. In every state the heads that count form a chain, and each has counted one more guess than the one
// before: so no guess that was evaluated is given back, and nothing acknowledged is lost. Where the store was honest, which is
// where the tree is a chain, the last head can be made to count in every state, whichever nodes are dead, if they are no more
// than f of each configuration. Not so where f is 0 and a token was put back to before its first anchor (see bare).

const (
	mostNodes = 6
	mostHeads = 6
	none      = -1
)

// token is a node: its token, its process, and what it has answered.
type token struct {
	place           [2]int8 // the head whose anchor a place shows
	process         uint8   // which of the places the process writes
	writing, late   int8    // the head whose anchor a process is writing, and that of the process before it
	answered        uint8   // a set of heads
	restored, fresh bool    // ever, by the attacker; fresh: cleared by a tool
}

type state [mostNodes]token

// attack is what the attacker may do besides showing heads, and which of the rules are replaced by simpler ones.
type attack struct {
	processes int // of so many nodes they die with writes under way

	ownToken    bool // a head counts when one node has witnessed it
	numberOnly  bool // a head with a number above the label's is witnessed, whatever its chain
	oneAnchor   bool // all processes of a node write one place
	highestOnly bool // of two places only the one with the higher number is looked at
	atOnce      bool // a change of nodes counts by the new ones alone
	early       bool // a head is witnessed on a change that does not count yet
	blank       bool // a token that shows nothing witnesses whatever it is shown
	clearing    bool // one token is cleared by a tool, and the node keeps its id
	touched     bool // a record is checked when a process reads it first
	restoredNow bool // r counts the tokens that are behind, and not all that ever were
	majority    bool // more than half, whatever r is
	newestLimit bool // r of the newest configuration is for older ones too
	adoptBelow  bool // adoption may lead below the label's number
	unconfirmed bool // heads are witnessed that the store then does not keep
}

// world is one tree of heads.
type world struct {
	attack
	configurations []Configuration
	parent         []int
	nodes          []int // the configuration after each head
	read           []int // the head whose record the writer's guess was counted over
	guesses        []int
	heads          []Head
	below          []uint8 // the heads under each, itself too
	names          []Node
	sets           [1 << mostNodes][]Node
	class          [mostNodes]int
	answers        [mostHeads]uint8 // of the state that is looked at
}

func (w *world) counted(h int) bool {
	head := w.heads[h]
	answers := w.sets[w.answers[h]]
	switch {
	case h == 0:
		return true
	case w.ownToken:
		return len(answers) > 0
	case w.majority:
		return has(head.Nodes, answers) && has(head.Before, answers)
	case w.atOnce:
		head.Before = head.Nodes
	}
	return head.Counts(answers)
}

// has is plain majority.
func has(c Configuration, answers []Node) bool {
	n := 0
	for _, one := range c.Nodes {
		if slices.Contains(answers, one) {
			n++
		}
	}
	return n > len(c.Nodes)/2
}

// chain is the heads from the first to this one, as the store would show them.
func (w *world) chain(to int) []Link {
	links := make([]Link, w.heads[to].Number)
	for i, h := len(links)-1, to; i >= 0; i, h = i-1, w.parent[h] {
		links[i] = Link{w.heads[h], w.sets[w.answers[h]]}
	}
	return links
}

func (w *world) anchor(h int8) Anchor {
	if h == none {
		return Anchor{}
	}
	return w.heads[h].Anchor
}

// witnesses reports whether the node may witness the head on some part of its chain.
func (w *world) witnesses(s *state, node, h int) bool {
	one := &s[node]
	shown := []Anchor{w.anchor(one.place[0]), w.anchor(one.place[1])}
	if w.highestOnly && shown[0].Number != shown[1].Number {
		slices.SortFunc(shown, func(a, b Anchor) int { return int(b.Number) - int(a.Number) })
		shown = shown[:1]
	}
	if w.blank && shown[0].Blank() && shown[1].Blank() {
		return w.member(node, h)
	}
	if w.numberOnly {
		return w.member(node, h) && w.heads[h].Number > max(shown[0].Number, shown[1].Number)
	}
	links := w.chain(h)
	w.loosen(links)
	if w.adoptBelow && w.adoptsAnything(links, node) {
		return true
	}
	for from := len(links) - 1; from >= 0; from-- {
		if Witness(w.names[node], shown, links[from:]) == nil {
			return true
		}
	}
	return false
}

func (w *world) member(node, h int) bool {
	return slices.Contains(w.heads[h].Nodes.Nodes, w.names[node]) || slices.Contains(w.heads[h].Before.Nodes, w.names[node])
}

func (w *world) adoptsAnything(links []Link, node int) bool {
	return w.member(node, w.index(links[len(links)-1].Head)) && adopts(w.names[node], Anchor{}, links)
}

func (w *world) index(h Head) int {
	return slices.IndexFunc(w.heads, func(o Head) bool { return o.Anchor == h.Anchor })
}

// loosen makes a chain look as the simpler rules would see it.
func (w *world) loosen(links []Link) {
	for i := range links {
		l := &links[i]
		switch {
		case w.early && i < len(links)-1, w.ownToken && len(l.Answers) > 0, w.majority && w.counted(w.index(l.Head)),
			w.atOnce && w.counted(w.index(l.Head)):
			if l.Changes() {
				l.Answers = w.names // it is taken to count
			}
		}
	}
}

// next calls visit with every state that follows.
func (w *world) next(s state, each func(state, string)) {
	visit := func(t state, what string) {
		each(t, what)
		w.look(&s) // each has looked at another
	}
	w.look(&s)
	for i := range w.names {
		one, dies := s[i], i < w.processes
		for h := range w.heads {
			mine := one.place[one.process]
			if w.oneAnchor {
				mine = one.place[0]
			}
			if one.writing != none || int(mine) == h && one.answered>>h&1 == 1 || !w.witnesses(&s, i, h) {
				continue
			}
			t := s
			if dies {
				t[i].writing = int8(h)
				visit(t, fmt.Sprintf("%s begins to write %d", w.names[i], h))
				continue
			}
			t[i].place = [2]int8{int8(h), none}
			t[i].answered |= 1 << h
			if w.restoredNow && w.caughtUp(one, h) {
				t[i].restored = false
			}
			visit(t, fmt.Sprintf("%s witnesses %d", w.names[i], h))
		}
		if dies {
			w.process(s, i, visit)
		}
		w.restore(s, i, visit)
	}
}

// caughtUp reports whether the label is as high as it ever was.
func (w *world) caughtUp(one token, h int) bool {
	for a := range w.heads {
		if one.answered>>a&1 == 1 && w.heads[a].Number > w.heads[h].Number {
			return false
		}
	}
	return true
}

// process is what happens to a process and its writes.
func (w *world) process(s state, i int, visit func(state, string)) {
	mine := func(process uint8) uint8 {
		if w.oneAnchor {
			return 0
		}
		return process
	}
	one := s[i]
	if one.writing != none {
		t := s
		t[i].place[mine(one.process)] = one.writing
		t[i].answered |= 1 << one.writing
		t[i].writing = none
		visit(t, fmt.Sprintf("%s has written %d", w.names[i], one.writing))
		t = s
		t[i].late, t[i].writing, t[i].process = one.writing, none, 1-one.process
		visit(t, fmt.Sprintf("%s starts again", w.names[i]))
	} else if !w.oneAnchor {
		t := s
		t[i].late, t[i].process = none, 1-one.process
		visit(t, fmt.Sprintf("%s starts again", w.names[i]))
	}
	if one.late != none {
		t := s
		t[i].place[mine(1-one.process)] = one.late
		t[i].late = none
		visit(t, fmt.Sprintf("at %s a late write of %d lands", w.names[i], one.late))
	}
}

// restore puts a token back to what it once showed, if the attacker may still do so.
func (w *world) restore(s state, i int, visit func(state, string)) {
	if w.clearing && !slices.ContainsFunc(s[:], func(t token) bool { return t.fresh }) && s[i].answered != 0 {
		t := s
		t[i].place, t[i].fresh = [2]int8{none, none}, true
		visit(t, fmt.Sprintf("%s is cleared", w.names[i]))
	}
	was := s[i].restored
	s[i].restored = true
	if !was && !w.within(&s) {
		return
	}
	for h := int8(none); int(h) < len(w.heads); h++ {
		if h != none && s[i].answered>>h&1 == 0 || s[i].place == [2]int8{h, none} {
			continue
		}
		t := s
		t[i].place = [2]int8{h, none}
		visit(t, fmt.Sprintf("%s is put back to %d", w.names[i], h))
	}
}

// within reports whether no more tokens were restored than each configuration that counts can stand.
func (w *world) within(s *state) bool {
	newest := 0
	for h := range w.heads {
		if w.counted(h) && w.heads[h].Number > w.heads[newest].Number {
			newest = h
		}
	}
	for h := range w.heads {
		if !w.counted(h) || w.newestLimit && h != newest {
			continue
		}
		n := 0
		for i := range w.names {
			if s[i].restored && slices.Contains(w.heads[h].Nodes.Nodes, w.names[i]) {
				n++
			}
		}
		if n > w.heads[h].Nodes.Restored {
			return false
		}
	}
	return true
}

// look gathers the answers of a state.
func (w *world) look(s *state) {
	w.answers = [mostHeads]uint8{}
	for i := range w.names {
		for h := range w.heads {
			w.answers[h] |= s[i].answered >> h & 1 << i
		}
	}
}

// wrong says what does not hold in a state, "" if all does. The state was looked at.
func (w *world) wrong() string {
	for a := range w.heads {
		for b := range a {
			switch {
			case !w.counted(a) || !w.counted(b):
			case w.below[a]>>b&1 == 0 && w.below[b]>>a&1 == 0:
				return fmt.Sprintf("%d and %d count, and neither follows the other", a, b)
			case w.guesses[a]-w.guesses[b] < int(w.heads[a].Number)-int(w.heads[b].Number):
				return fmt.Sprintf("%d and %d count, and a guess is given back", a, b)
			}
		}
	}
	return ""
}

// stuck says who must be dead for the last head never to count, "" if nobody.
func (w *world) stuck(s state) string {
	last := len(w.heads) - 1
	for dead := range uint8(1 << len(w.names)) {
		if slices.ContainsFunc(w.configurations, func(c Configuration) bool {
			n := 0
			for i, name := range w.names {
				if dead>>i&1 == 1 && slices.Contains(c.Nodes, name) {
					n++
				}
			}
			return n > c.Spare()
		}) {
			continue
		}
		t := s
		for again := true; again; {
			again = false
			w.look(&t)
			for i := range w.names {
				for h := range w.heads {
					if dead>>i&1 == 0 && t[i].answered>>h&1 == 0 && w.witnesses(&t, i, h) {
						t[i].place[0], t[i].answered, again = int8(h), t[i].answered|1<<h, true
					}
				}
			}
		}
		w.look(&t)
		if !w.counted(last) {
			return fmt.Sprintf("with %b dead nothing goes on", dead)
		}
	}
	return ""
}

// bare reports whether a token was put back to before its first anchor where no node can be spared. It needs
// a quorum of the others to adopt, and they are none.
func (w *world) bare(s *state) bool {
	for i, name := range w.names {
		for _, c := range w.configurations {
			if s[i].restored && s[i].place == [2]int8{none, none} && c.Spare() == 0 && slices.Contains(c.Nodes, name) {
				return true
			}
		}
	}
	return false
}

// canonical renames nodes that no configuration tells apart.
func (w *world) canonical(s state) state {
	less := func(a, b *token) bool { return a.key() < b.key() }
	for i := 1; i < len(w.names); i++ {
		for j := i; j > 0; j-- {
			k := j - 1
			for k >= 0 && w.class[k] != w.class[j] {
				k--
			}
			if k < 0 || !less(&s[j], &s[k]) {
				break
			}
			s[j], s[k] = s[k], s[j]
			j = k + 1
		}
	}
	return s
}

func (t *token) key() uint64 {
	k := uint64(t.place[0]+1) | uint64(t.place[1]+1)<<4 | uint64(t.process)<<8 | uint64(t.writing+1)<<9
	k |= uint64(t.late+1)<<13 | uint64(t.answered)<<17
	if t.restored {
		k |= 1 << 32
	}
	if t.fresh {
		k |= 1 << 33
	}
	return k
}

// search goes through all states and returns how many there are, and how the first one that is wrong comes about.
func (w *world) search() (states int, failed string) {
	type step struct {
		state
		from int
	}
	var all []step
	seen := make(map[state]bool)
	var from int
	visit := func(s state, _ string) {
		if s = w.canonical(s); seen[s] {
			return
		}
		seen[s] = true
		if w.look(&s); failed != "" || !w.within(&s) {
			return
		}
		all = append(all, step{s, from})
		if failed = w.wrong(); failed == "" && w.honest() && !w.bare(&s) {
			failed = w.stuck(s)
		}
	}
	visit(w.start(), "")
	for from = 0; from < len(all) && failed == ""; from++ {
		w.next(all[from].state, visit)
	}
	if failed != "" {
		failed += w.String()
		var path []string
		for at := len(all) - 1; at > 0; at = all[at].from {
			one := ""
			w.next(all[all[at].from].state, func(s state, what string) {
				if one == "" && w.canonical(s) == all[at].state {
					one = what
				}
			})
			path = append(path, one)
		}
		slices.Reverse(path)
		failed += strings.Join(path, ", ")
	}
	return len(all), failed
}

func (w *world) String() string {
	return fmt.Sprintf(" (the parents are %v, the nodes %v, read %v): ", w.parent, w.nodes, w.read)
}

// honest reports whether an honest store may have shown what the nodes saw: a chain or, where nodes see what it has not confirmed, a chain
// to the last head and others that never counted.
func (w *world) honest() bool {
	if w.attack != (attack{processes: w.processes, unconfirmed: w.unconfirmed}) {
		return false
	}
	for h := range w.heads {
		if w.below[len(w.heads)-1]>>h&1 == 0 && (!w.unconfirmed || w.counted(h)) {
			return false
		}
	}
	return true
}

// start has all first nodes at the first head, and the others blank.
func (w *world) start() (s state) {
	for i, name := range w.names {
		s[i] = token{place: [2]int8{none, none}, writing: none, late: none}
		if slices.Contains(w.configurations[0].Nodes, name) {
			s[i].answered = 1
			s[i].place[0] = 0
			if i < w.processes && !w.oneAnchor {
				s[i].place[1] = 0
			}
		}
	}
	return s
}

func nodes(restored int, names string) Configuration {
	c := Configuration{Restored: restored}
	for _, n := range names {
		c.Nodes = append(c.Nodes, Node(n))
	}
	return c
}

var deep = flag.Bool("witness.deep", false, "search trees of one head more where that takes long")

type fleet struct {
	name           string
	configurations []Configuration
	heads          int // above the first
	attack         attack
	deeper         int // how many heads more with -witness.deep
}

func (f fleet) run() (trees, states int, failed string) {
	worlds(f.attack, f.configurations, f.heads, func(w *world) bool {
		n, wrong := w.search()
		trees++
		states += n
		failed = wrong
		return failed == ""
	})
	return trees, states, failed
}

func of(all ...Configuration) []Configuration { return all }

// The rules as they are written stand in all states of these fleets.
func TestNoGuessIsRegained(t *testing.T) {
	all := 0
	for _, f := range []fleet{
		{"1 of 1", of(nodes(0, "a")), 5, attack{}, 0},
		{"2 of 3, r=0", of(nodes(0, "abc")), 5, attack{}, 0},
		{"2 of 2, r=1", of(nodes(1, "ab")), 4, attack{}, 1},
		{"3 of 3, r=1", of(nodes(1, "abc")), 4, attack{}, 0},
		{"3 of 3, r=2", of(nodes(2, "abc")), 3, attack{}, 0},
		{"3 of 4, r=1", of(nodes(1, "abcd")), 3, attack{}, 1},
		{"4 of 4, r=2", of(nodes(2, "abcd")), 3, attack{}, 0},
		{"3 of 5, r=0", of(nodes(0, "abcde")), 3, attack{}, 1},
		{"4 of 5, r=1", of(nodes(1, "abcde")), 3, attack{}, 0},
		{"4 of 5, r=2", of(nodes(2, "abcde")), 2, attack{}, 1},
		{"a node replaced", of(nodes(0, "abc"), nodes(0, "abd")), 3, attack{}, 1},
		{"a node replaced twice", of(nodes(0, "abc"), nodes(0, "abd"), nodes(0, "bde")), 2, attack{}, 1},
		{"a node replaced, r=1", of(nodes(1, "abcd"), nodes(1, "abce")), 2, attack{}, 1},
		{"a node more", of(nodes(0, "abc"), nodes(0, "abcd")), 3, attack{}, 1},
		{"a second node", of(nodes(0, "a"), nodes(0, "ab")), 3, attack{}, 1},
		{"a node less", of(nodes(0, "abcd"), nodes(0, "abc")), 3, attack{}, 1},
		{"all nodes new", of(nodes(0, "ab"), nodes(0, "cd")), 3, attack{}, 1},
		{"r raised with a new node", of(nodes(0, "abc"), nodes(1, "abcd")), 2, attack{}, 1},
		{"r raised with new nodes alone", of(nodes(0, "a"), nodes(1, "bcd")), 3, attack{}, 0},
		{"r lowered", of(nodes(1, "abc"), nodes(0, "abd")), 2, attack{}, 1},
		{"1 node with late writes", of(nodes(0, "abc")), 3, attack{processes: 1}, 0},
		{"2 nodes with late writes", of(nodes(0, "abc")), 2, attack{processes: 2}, 0},
		{"1 node with late writes, r=1", of(nodes(1, "abc")), 2, attack{processes: 1}, 0},
	} {
		t.Run(f.name, func(t *testing.T) {
			switch {
			case *deep:
				f.heads += f.deeper
			case testing.Short():
				f.heads = min(f.heads, 2)
				f.attack.processes = min(f.attack.processes, 1)
			}
			trees, states, failed := f.run()
			all += states
			t.Logf("%d heads above the first: %d trees, %d states", f.heads, trees, states)
			if failed != "" {
				t.Error(failed)
			}
		})
	}
	t.Logf("%d states", all)
}

// Each simpler rule is wrong somewhere, and the model finds where.
func TestSimplerRulesAreFound(t *testing.T) {
	three, four := of(nodes(0, "abc")), of(nodes(1, "abcd"))
	replaced := of(nodes(0, "abc"), nodes(0, "abd"))
	for _, f := range []fleet{
		{"own token only", three, 2, attack{ownToken: true}, 0},
		{"a number and no chain", three, 3, attack{numberOnly: true}, 0},
		{"a late writer over the label", three, 2, attack{processes: 1, oneAnchor: true}, 0},
		{"the higher of two labels alone", three, 3, attack{processes: 1, highestOnly: true}, 0},
		{"membership at once", replaced, 2, attack{atOnce: true}, 0},
		{"a commit on a change that does not count", replaced, 3, attack{early: true}, 0},
		{"a blank label that witnesses", of(nodes(0, "ab"), nodes(0, "cd")), 3, attack{blank: true}, 0},
		{"a tool that clears labels", three, 2, attack{clearing: true}, 0},
		{"a check at first touch", three, 2, attack{touched: true}, 0},
		{"r as at once", four, 2, attack{restoredNow: true}, 0},
		{"plain majority, 2 of 3", of(nodes(1, "abc")), 2, attack{majority: true}, 0},
		{"plain majority, 3 of 4", of(nodes(2, "abcd")), 2, attack{majority: true}, 0},
		{"r raised for tokens of before", of(nodes(0, "abc"), nodes(2, "abc")), 2, attack{newestLimit: true}, 0},
		{"adoption below the label", three, 3, attack{adoptBelow: true}, 0},
		{"heads the store has not confirmed", four, 2, attack{unconfirmed: true}, 0},
	} {
		t.Run(f.name, func(t *testing.T) {
			trees, states, failed := f.run()
			t.Logf("%d trees, %d states: %s", trees, states, failed)
			if failed == "" {
				t.Error("the model finds nothing wrong")
			}
		})
	}
}
