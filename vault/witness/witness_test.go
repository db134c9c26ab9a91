package witness

import (
	"errors"
	"testing"
)

func TestQuorum(t *testing.T) {
	for _, w := range []struct{ nodes, restored, quorum, spare int }{
		{1, 0, 1, 0}, {2, 0, 2, 0}, {3, 0, 2, 1}, {3, 1, 3, 0}, {3, 2, 3, 0}, {4, 1, 3, 1}, {4, 2, 4, 0},
		{5, 0, 3, 2}, {5, 1, 4, 1}, {5, 2, 4, 1},
	} {
		c := nodes(w.restored, "abcde"[:w.nodes])
		if c.Quorum() != w.quorum || c.Spare() != w.spare || c.Check() != nil {
			t.Errorf("%+v: quorum %d, spare %d, %v", w, c.Quorum(), c.Spare(), c.Check())
		}
	}
	// Two quorums share a token that was never restored, and f nodes may be dead where N ≥ 2f + r + 1.
	for n := range 40 {
		for r := range n {
			c := Configuration{Nodes: make([]Node, n), Restored: r}
			if q := c.Quorum(); 2*q-n <= r || c.Spare() != (n-r-1)/2 {
				t.Errorf("%d nodes, %d restored: quorum %d, spare %d", n, r, q, c.Spare())
			}
		}
	}
	for _, c := range []Configuration{{}, nodes(0, "aa"), nodes(-1, "abc"), nodes(1, "a"), nodes(3, "abc"), {Nodes: []Node{""}}} {
		if !errors.Is(c.Check(), ErrConfiguration) {
			t.Errorf("%+v is taken", c)
		}
	}
}

func TestAnswersCountOnceAndOfMembersAlone(t *testing.T) {
	h := Head{Nodes: nodes(0, "abc"), Before: nodes(0, "abc")}
	if h.Counts([]Node{"a", "a", "d"}) || !h.Counts([]Node{"c", "a"}) {
		t.Error("one node twice and a stranger are a quorum, or two nodes are none")
	}
	h.Nodes = nodes(0, "abd")
	if h.Counts([]Node{"b", "c"}) || h.Counts([]Node{"a", "d"}) || !h.Counts([]Node{"a", "b"}) {
		t.Error("a change counts by one of its configurations")
	}
}

func TestWhatAWriterMayMakeAndServe(t *testing.T) {
	three, four := nodes(0, "abc"), nodes(0, "abcd")
	first := Link{Head{Anchor{1, "1"}, Anchor{}, "root", three, three}, nil}
	change, err := Next(first, four)
	if err != nil || !change.Changes() || change.Number != 2 || change.Previous != first.Anchor || !change.Before.Equal(three) {
		t.Errorf("%+v, %v", change, err)
	}
	if _, err := Next(Link{change, []Node{"a", "b"}}, four); !errors.Is(err, ErrChanging) {
		t.Errorf("a commit on a change that does not count: %v", err)
	}
	if _, err := Next(Link{change, []Node{"a", "b", "c"}}, four); err != nil {
		t.Error(err)
	}
	if _, err := Next(first, nodes(3, "abc")); !errors.Is(err, ErrConfiguration) {
		t.Errorf("nodes that are no quorum: %v", err)
	}
	for _, w := range []struct {
		answers []Node
		root    string
		want    error
	}{{[]Node{"a"}, "root", ErrQuorum}, {[]Node{"a", "b"}, "older", ErrRead}, {[]Node{"a", "b"}, "root", nil}} {
		if err := Evaluate(Link{first.Head, w.answers}, w.root); !errors.Is(err, w.want) {
			t.Errorf("%+v: %v", w, err)
		}
	}
}

func TestHeadsThatDoNotFollowAreRefused(t *testing.T) {
	three := nodes(0, "abc")
	first := Link{Head{Anchor{1, "1"}, Anchor{}, "", three, three}, nil}
	second := Link{Head{Anchor{2, "2"}, first.Anchor, "", three, three}, nil}
	for what, chain := range map[string][]Link{
		"nothing":             nil,
		"another one before":  {first, {Head{second.Anchor, Anchor{1, "x"}, "", three, three}, nil}},
		"a number left out":   {first, {Head{Anchor{3, "3"}, first.Anchor, "", three, three}, nil}},
		"nodes of no one":     {first, {Head{second.Anchor, first.Anchor, "", three, nodes(0, "abd")}, nil}},
		"the order of others": {second, first},
	} {
		if err := Witness("a", []Anchor{first.Anchor}, chain); !errors.Is(err, ErrChain) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, w := range []struct {
		node  Node
		shown Anchor
		want  error
	}{
		{"a", first.Anchor, nil}, {"d", first.Anchor, ErrStranger}, {"a", Anchor{}, ErrBlank},
		{"a", Anchor{3, "3"}, ErrBeyond}, {"a", Anchor{2, "x"}, ErrBeyond},
	} {
		if err := Witness(w.node, []Anchor{w.shown, {}}, []Link{first, second}); !errors.Is(err, w.want) {
			t.Errorf("%+v: %v", w, err)
		}
	}
}

// The store lost a commit that some node has witnessed. Others went on without it, and the node may follow.
func TestALabelOnALostCommitMayFollow(t *testing.T) {
	three := nodes(0, "abc")
	first := Link{Head{Anchor{1, "1"}, Anchor{}, "", three, three}, []Node{"a", "b", "c"}}
	second := Link{Head{Anchor{2, "2"}, first.Anchor, "", three, three}, nil}
	third := Link{Head{Anchor{3, "3"}, second.Anchor, "", three, three}, nil}
	for _, w := range []struct {
		shown   []Anchor
		answers []Node
		want    error
	}{
		{[]Anchor{{2, "lost"}}, []Node{"b", "c"}, nil},
		{[]Anchor{{2, "lost"}}, []Node{"b"}, ErrBeyond},
		{[]Anchor{{2, "lost"}}, []Node{"a", "b"}, ErrBeyond}, // its own answer does not count
		{[]Anchor{{3, "lost"}}, []Node{"b", "c"}, ErrBeyond}, // the number is above what counts
		{[]Anchor{second.Anchor, {2, "lost"}}, nil, ErrBeyond},
		{[]Anchor{second.Anchor, {2, "lost"}}, []Node{"b", "c"}, nil},
		{[]Anchor{second.Anchor, first.Anchor}, nil, nil},
	} {
		second.Answers = w.answers
		if err := Witness("a", w.shown, []Link{first, second, third}); !errors.Is(err, w.want) {
			t.Errorf("%+v: %v", w, err)
		}
	}
}
