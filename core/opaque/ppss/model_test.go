package ppss

import (
	"fmt"
	"math/bits"
	"testing"
)

// A model of changing a shared password (docs/shared-vaults.md, chapter 4): the card at the place, what record each vault
// holds, and a computer that may die between any two steps. It goes through all states that up to three changes in a row can reach, for
// all sets of up to seven vaults, and asks in each of them whether a password opens whatever vaults are dead or lie.

// generation numbers a set; 0: none.
type generation uint8

// group is a set of vaults, by number, and how many open it.
type group struct {
	members uint16
	need    int
}

func (g group) spare() int { return bits.OnesCount16(g.members) - g.need }

// state is everything that outlives a computer that dies.
type state struct {
	set, pending generation
	record       [10]generation // what each vault holds
	bridge       [10]generation // the record that the pending set has a bridge for, by vault
}

// plan is the rule that is tried.
type plan struct {
	bridges     bool // the pending set has bridges
	newFirst    bool // vaults without a bridge are registered first
	promoteLate bool // the set counts once all of its vaults have proved it, and not t of them
	// finishFirst: after a change that was cut off when a vault had moved, the next set has no vault without a record.
	finishFirst bool
}

var ours = plan{bridges: true, newFirst: true, promoteLate: true, finishFirst: true}

// model is one run through all states.
type model struct {
	plan
	groups []group // by generation; 0 is none
	seen   map[state]bool
	failed string
}

// visit looks at a state and at all that follow.
func (m *model) visit(s state) {
	if m.failed != "" || m.seen[s] {
		return
	}
	m.seen[s] = true
	m.check(s)
	if s.pending != 0 {
		m.step(s)
	}
	next := max(s.set, s.pending) + 1
	if int(next) < len(m.groups) && m.may(s, next) {
		m.visit(m.begin(s, next))
	}
}

// may reports whether a change may begin.
func (m *model) may(s state, next generation) bool {
	moved, bare := false, false
	for v, r := range s.record {
		moved = moved || s.pending != 0 && r == s.pending
		bare = bare || r == 0 && m.groups[next].members>>v&1 == 1
	}
	return !m.finishFirst || !moved || !bare
}

// begin is a change as far as its card is kept. A change that was cut off may be underway: its pending set is replaced.
func (m *model) begin(s state, next generation) state {
	s.pending = next
	for v := range s.bridge {
		if s.bridge[v] = 0; m.groups[next].members>>v&1 == 1 && m.bridges {
			s.bridge[v] = s.record[v]
		}
	}
	return s
}

// step registers the next vault, or any of the next ones, and promotes the set when it may be.
func (m *model) step(s state) {
	g := m.groups[s.pending]
	proved, bare := 0, false
	for v := range s.record {
		if g.members>>v&1 == 1 {
			if s.record[v] == s.pending {
				proved++
			} else if s.bridge[v] == 0 {
				bare = true
			}
		}
	}
	if proved == bits.OnesCount16(g.members) || !m.promoteLate && proved >= g.need {
		m.visit(state{set: s.pending, record: s.record})
	}
	for v := range s.record {
		if g.members>>v&1 == 0 || s.record[v] == s.pending || m.newFirst && bare && s.bridge[v] != 0 {
			continue
		}
		moved := s
		moved.record[v] = s.pending
		m.visit(moved)
	}
}

// check holds that some password opens, whatever vaults are bad: as many as each of the sets can spare.
func (m *model) check(s state) {
	if s.set == 0 {
		return // nobody relies on a first password before it is complete
	}
	for bad := range uint16(1 << len(s.record)) {
		now := m.groups[s.set]
		if bits.OnesCount16(bad&now.members) > now.spare() || bad&^(now.members|m.groups[s.pending].members) != 0 {
			continue
		}
		opens := m.opens(s, s.set, bad, false)
		if s.pending != 0 {
			next := m.groups[s.pending]
			if bits.OnesCount16(bad&next.members) > next.spare() {
				continue
			}
			opens = opens || m.opens(s, s.pending, bad, true)
		}
		if !opens {
			m.failed = fmt.Sprintf("groups %v, %+v: with %010b bad nothing opens", m.groups, s, bad)
			return
		}
	}
}

func (m *model) opens(s state, of generation, bad uint16, bridged bool) bool {
	shares := 0
	for v := range s.record {
		if m.groups[of].members>>v&1 == 1 && bad>>v&1 == 0 &&
			(s.record[v] == of || bridged && s.bridge[v] != 0 && s.record[v] == s.bridge[v]) {
			shares++
		}
	}
	return shares >= m.groups[of].need
}

// run goes through all states of all choices of up to three sets.
func run(p plan, most int) (states int, failed string) {
	var first []group
	for n := 1; n <= most; n++ {
		for t := n/2 + 1; t <= n; t++ {
			first = append(first, group{1<<n - 1, t})
		}
	}
	for _, g := range first {
		for _, second := range neighbours(g) {
			for _, third := range neighbours(second) {
				m := &model{plan: p, groups: []group{{}, g, second, third}, seen: map[state]bool{}}
				s := state{set: 1}
				for v := range s.record {
					s.record[v] = generation(g.members >> v & 1)
				}
				m.visit(s)
				if states += len(m.seen); m.failed != "" {
					return states, m.failed
				}
			}
		}
	}
	return states, ""
}

// neighbours are what a set is changed to: itself under another password, another threshold, one vault replaced, one more, one less.
func neighbours(g group) (all []group) {
	n := bits.OnesCount16(g.members)
	last, free := bits.Len16(g.members)-1, bits.TrailingZeros16(^g.members)
	with := func(members uint16) {
		k := bits.OnesCount16(members)
		for _, t := range []int{k/2 + 1, k} {
			all = append(all, group{members, t})
		}
	}
	all = append(all, g)
	with(g.members)
	with(g.members&^(1<<last) | 1<<free)
	if n < 7 {
		with(g.members | 1<<free)
	}
	if n > 1 {
		with(g.members &^ (1 << last))
	}
	return all
}

func TestNothingIsStranded(t *testing.T) {
	most := 7
	if testing.Short() {
		most = 4
	}
	states, failed := run(ours, most)
	if failed != "" {
		t.Error(failed)
	}
	t.Logf("%d states", states)
	for what, change := range map[string]func(p *plan){
		"no bridges":             func(p *plan) { p.bridges = false },
		"new vaults last":        func(p *plan) { p.newFirst = false },
		"promoted when t have":   func(p *plan) { p.promoteLate = false },
		"a change over a change": func(p *plan) { p.finishFirst = false },
	} {
		p := ours
		change(&p)
		if _, failed := run(p, 4); failed == "" {
			t.Errorf("%s: the model finds nothing wrong", what)
		}
	}
}

// guesses is how many passwords an attacker can try. The attacker has corrupted some vaults. answers says how often each honest
// vault answers in one registration.
func guesses(need, corrupted int, answers []int) int {
	for g := 0; ; g++ {
		sum := 0
		for _, a := range answers {
			sum += min(a, g+1)
		}
		if sum < (need-corrupted)*(g+1) {
			return g
		}
	}
}

// greedy tries passwords one after the other, each at the vaults that have most answers left, and reports how many it can.
func greedy(need int, answers []int) (tried int) {
	left := append([]int{}, answers...)
	for {
		for range need {
			best := 0
			for i, n := range left {
				if n > left[best] || left[best] < 0 {
					best = i
				}
			}
			if left[best] <= 0 {
				return tried
			}
			left[best] = -left[best] // once for one password
		}
		for i, n := range left {
			if n < 0 {
				left[i] = -n - 1
			}
		}
		tried++
	}
}

// The bound of docs/shared-vaults.md, chapter 5, is reached, and no more, for all sets of up to seven vaults.
func TestHowManyGuesses(t *testing.T) {
	for _, w := range []struct{ need, n, c, want int }{
		{2, 2, 0, 10}, {2, 3, 0, 15}, {3, 5, 0, 16}, {2, 2, 1, 10}, {2, 3, 1, 20}, {3, 5, 1, 20}, {3, 5, 2, 30}, {1, 1, 0, 10},
	} {
		if got := guesses(w.need, w.c, tens(w.n-w.c)); got != w.want {
			t.Errorf("%d of %d with %d corrupted: %d guesses, and it must be %d", w.need, w.n, w.c, got, w.want)
		}
	}
	for n := 1; n <= 7; n++ {
		for need := n/2 + 1; need <= n; need++ {
			for c := range need {
				if bound, got := guesses(need, c, tens(n-c)), greedy(need-c, tens(n-c)); got != bound || bound > 10*(n-c)/(need-c) {
					t.Errorf("%d of %d with %d corrupted: the bound is %d, and %d can be tried", need, n, c, bound, got)
				}
			}
		}
	}
	// Fresh ids in a change leave the old accounts, whose guesses come on top: each change that is cut off adds a whole bound.
	same, fresh := guesses(2, 0, tens(3)), guesses(2, 0, tens(3))+guesses(2, 0, tens(3))
	if fresh <= same+9 {
		t.Error("the model finds nothing wrong with fresh ids")
	}
}

func tens(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = 10
	}
	return all
}

// A vault that always tells "ten left" and evaluates wrongly: who asks the t with most guesses has the owner destroy the honest ones
// with the right password. Who asks all never loses one.
func TestMostGuessesIsATrap(t *testing.T) {
	for _, most := range []bool{true, false} {
		left := []int{10, 10, 10} // vault 0 lies
		opened, refused := 0, 0
		for range 40 {
			asked := []int{0, 1, 2}
			if most {
				asked = []int{0, 1}
				if left[2] > left[1] {
					asked = []int{0, 2}
				}
			}
			honest := 0
			for _, v := range asked {
				if v != 0 && left[v] > 0 {
					left[v]--
					honest++
				}
			}
			if honest < 2 {
				refused++
				continue
			}
			opened++
			left[1], left[2] = 10, 10
		}
		if most != (opened == 0 && left[1] == 0 && left[2] == 0) || !most && refused > 0 {
			t.Errorf("most guesses first %v: opened %d times, refused %d, %v left", most, opened, refused, left)
		}
	}
}
