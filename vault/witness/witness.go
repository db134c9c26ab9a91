package witness

import (
	"errors"
	"fmt"
	"slices"
)

// Why something may not be done. All of them are answers to be told, and change nothing.
var (
	// ErrConfiguration: a configuration no fleet can have.
	ErrConfiguration = errors.New("not a configuration of nodes")
	// ErrChain: the heads shown do not follow one another.
	ErrChain = errors.New("the heads do not form a chain")
	// ErrStranger: this node is in no configuration of the head.
	ErrStranger = errors.New("this node is no witness of this head")
	// ErrBlank: the token shows no anchor, and no head in the chain is known to count.
	ErrBlank = errors.New("the token shows no anchor yet, and nothing shows which head counts")
	// ErrBeyond: the token shows an anchor that the head does not extend. Who asked steps down.
	ErrBeyond = errors.New("the token shows a head beyond this one")
	// ErrChanging: the head follows a change of the configuration that does not count yet.
	ErrChanging = errors.New("a change of the nodes does not count yet")
	// ErrQuorum: too few nodes have witnessed the head.
	ErrQuorum = errors.New("too few nodes have witnessed this head")
	// ErrRead: what the store gave is not what the head was made over. This is final.
	ErrRead = errors.New("the store shows something else than the head says")
)

// Node is the id of a node. It belongs to one token and is never used again: a token that
// was restored or cleared on purpose comes back under another id (docs/adr/0047, B4).
type Node string

// Configuration is the nodes that witness, and how many of their tokens may ever be restored to an earlier state (B5).
type Configuration struct {
	Nodes    []Node // each once
	Restored int    // r, 0 or more
}

// Quorum is how many nodes must witness a head: Q = ⌊(N+r)/2⌋+1. Two quorums share r+1 nodes, so
// one at least whose token was never restored (B2).
func (c Configuration) Quorum() int { return (len(c.Nodes)+c.Restored)/2 + 1 }

// Spare is f, how many nodes may be dead while the others go on: N − Q. It is negative where no quorum is possible.
func (c Configuration) Spare() int { return len(c.Nodes) - c.Quorum() }

// Check returns ErrConfiguration if a node is named twice, r is negative, or all nodes together are no quorum.
func (c Configuration) Check() error {
	for i, n := range c.Nodes {
		if n == "" || slices.Contains(c.Nodes[:i], n) {
			return fmt.Errorf("%w: a node without a name or named twice", ErrConfiguration)
		}
	}
	if c.Restored < 0 || c.Spare() < 0 {
		return fmt.Errorf("%w: %d nodes cannot stand %d restored tokens", ErrConfiguration, len(c.Nodes), c.Restored)
	}
	return nil
}

// Equal tells the same nodes in the same order and the same r.
func (c Configuration) Equal(d Configuration) bool {
	return c.Restored == d.Restored && slices.Equal(c.Nodes, d.Nodes)
}

// has reports whether enough of c's nodes are among the answers. A node that answers twice counts once.
func (c Configuration) has(answers []Node, but Node) bool {
	n := 0
	for _, one := range c.Nodes {
		if one != but && slices.Contains(answers, one) {
			n++
		}
	}
	return n >= c.Quorum()
}

// Anchor is what a token shows of a head: its number and a MAC that binds the rest.
type Anchor struct {
	Number uint64 // of the commit; 0: the token shows nothing
	Tag    string
}

// Blank reports whether this is no anchor.
func (a Anchor) Blank() bool { return a.Number == 0 }

// Head is what the store says of itself, opened and authentic.
type Head struct {
	Anchor
	Previous Anchor        // of the head it was made on; blank for the first
	Root     string        // over all records
	Nodes    Configuration // who witnesses this head and what follows
	// Before is the configuration that this head replaces; the same as Nodes where it replaces none.
	Before Configuration
}

// Changes reports whether this head changes the nodes or r.
func (h Head) Changes() bool { return !h.Nodes.Equal(h.Before) }

// Counts reports whether the head is witnessed by enough nodes: a quorum of its configuration and, where
// it changes it, of the one before too (B2, B5). answers are the nodes that showed the head's anchor.
func (h Head) Counts(answers []Node) bool { return h.countsWithout(answers, "") }

func (h Head) countsWithout(answers []Node, but Node) bool {
	return h.Nodes.has(answers, but) && (!h.Changes() || h.Before.has(answers, but))
}

// Link is a head and who is known to have witnessed it.
type Link struct {
	Head
	Answers []Node
}

// Witness decides whether the node's token may show the last head of the chain, whose commit the store has confirmed.
// shown is every whole anchor on the node's token, blank ones too; chain is
// stored heads, oldest first, each made on the one before. The rules are those of docs/adr/0047:
//
//   - B5: the node belongs to the head's configuration, or to the one that the head replaces, and each change of the configuration
//     below the head counts.
//   - B2: the head is what each anchor shows, or extends it by the chain.
//   - B3: an anchor that the chain does not reach is passed where the chain has a head that counts by the answers of *other* nodes
//     and whose number is not below the anchor's. That is adoption.
//   - B4: a blank token can do nothing but adopt.
//
// The error is ErrChain, ErrStranger, ErrChanging, ErrBlank or ErrBeyond. On nil the caller
// writes the anchor, and answers only once it is written.
func Witness(self Node, shown []Anchor, chain []Link) error {
	if err := linked(chain); err != nil {
		return err
	}
	last := chain[len(chain)-1]
	if !slices.Contains(last.Nodes.Nodes, self) && !slices.Contains(last.Before.Nodes, self) {
		return ErrStranger
	}
	for _, l := range chain[:len(chain)-1] {
		if l.Changes() && !l.Counts(l.Answers) {
			return ErrChanging
		}
	}
	blank := true
	for _, a := range shown {
		if a.Blank() {
			continue
		}
		blank = false
		if !reaches(a, chain) && !adopts(self, a, chain) {
			return ErrBeyond
		}
	}
	if blank && !adopts(self, Anchor{}, chain) {
		return ErrBlank
	}
	return nil
}

// linked holds that the heads follow one another and carry the configuration on.
func linked(chain []Link) error {
	if len(chain) == 0 {
		return ErrChain
	}
	for i, l := range chain[1:] {
		before := chain[i]
		if l.Previous != before.Anchor || l.Number != before.Number+1 || !l.Before.Equal(before.Nodes) {
			return ErrChain
		}
	}
	return nil
}

// reaches reports whether the chain leads from the anchor's own head to its last one. That the first head
// names the anchor as the one before is not enough: that one may be a change that does not count.
func reaches(a Anchor, chain []Link) bool {
	return slices.ContainsFunc(chain, func(l Link) bool { return l.Anchor == a })
}

// adopts reports whether the chain has a head that counts without this node and is not below the anchor.
func adopts(self Node, a Anchor, chain []Link) bool {
	return slices.ContainsFunc(chain, func(l Link) bool {
		return l.Number >= a.Number && l.countsWithout(l.Answers, self)
	})
}

// Next decides whether a writer may make a head on parent that gives the vault these nodes. It returns the head without
// tag and root, which the caller fills in. The error is ErrConfiguration, or ErrChanging
// where the parent changes the nodes and does not count yet (B5).
func Next(parent Link, to Configuration) (Head, error) {
	if err := to.Check(); err != nil {
		return Head{}, err
	}
	if parent.Changes() && !parent.Counts(parent.Answers) {
		return Head{}, ErrChanging
	}
	return Head{Anchor: Anchor{Number: parent.Number + 1}, Previous: parent.Anchor, Nodes: to, Before: parent.Nodes}, nil
}

// Read decides whether what the store gave may lead to a commit or an evaluation on this head: root
// is computed over what was read, each time it is read (B1). The error is ErrRead.
func Read(h Head, root string) error {
	if root != h.Root {
		return ErrRead
	}
	return nil
}

// Evaluate decides whether the HSM may be asked for a guess that own counted: the head was made by this process, it counts,
// and the record was read again and leads to its root (B1, B2). The first head of a process
// that takes over is such a head without a guess; nothing is served before it counts. The error is ErrQuorum or ErrRead.
func Evaluate(own Link, root string) error {
	if !own.Counts(own.Answers) {
		return ErrQuorum
	}
	return Read(own.Head, root)
}
