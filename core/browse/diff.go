package browse

import (
	"context"

	"github.com/holdfast-backup/holdfast/core/repo"
)

// DifferenceKind is how an entry differs between two backups.
type DifferenceKind string

// The kinds of differences.
const (
	DiffAdded   DifferenceKind = "added"
	DiffRemoved DifferenceKind = "removed"
	DiffChanged DifferenceKind = "changed"  // the content, or what it is
	DiffMeta    DifferenceKind = "metadata" // mode, owner, time or attributes alone
)

// Difference is one entry that two backups do not hold alike.
type Difference struct {
	Kind     DifferenceKind
	Path     string // raw
	Old, New *Entry // nil where there is none
}

// Diff calls fn with each difference from one backup to another, in the order
// of paths. Folders that are the same are passed over unread. Errors of fn end it.
// Errors: ErrNoSnapshot, ErrDamaged, ….
func (b *Browser) Diff(ctx context.Context, from, to string, fn func(Difference) error) error {
	older, err := b.Snapshot(ctx, from)
	if err != nil {
		return err
	}
	newer, err := b.Snapshot(ctx, to)
	if err != nil {
		return err
	}
	d := &differ{browser: b, a: older, b: newer, fn: fn, inA: repo.NewDescent(older), inB: repo.NewDescent(newer)}
	return d.folders(ctx, &older.Root, &newer.Root, "")
}

type differ struct {
	browser *Browser
	a, b    *repo.Snapshot
	fn      func(Difference) error

	inA, inB *repo.Descent
}

// folders compares two folders; one that is nil is empty.
func (d *differ) folders(ctx context.Context, a, b *repo.Content, prefix string) error {
	if a != nil && b != nil && sameContent(*a, *b) {
		return nil
	}
	if a != nil {
		if err := d.inA.Enter(*a); err != nil {
			return err
		}
		defer d.inA.Leave()
	}
	if b != nil {
		if err := d.inB.Enter(*b); err != nil {
			return err
		}
		defer d.inB.Leave()
	}
	before, err := d.entries(ctx, a)
	if err != nil {
		return err
	}
	after, err := d.entries(ctx, b)
	if err != nil {
		return err
	}
	for len(before) > 0 || len(after) > 0 {
		var x, y *repo.Node
		if len(before) > 0 && (len(after) == 0 || before[0].Name <= after[0].Name) {
			x = before[0]
		}
		if len(after) > 0 && (len(before) == 0 || after[0].Name <= before[0].Name) {
			y = after[0]
		}
		if x != nil {
			before = before[1:]
		}
		if y != nil {
			after = after[1:]
		}
		if err := d.pair(ctx, x, y, prefix); err != nil {
			return err
		}
	}
	return nil
}

func (d *differ) entries(ctx context.Context, c *repo.Content) (out []*repo.Node, err error) {
	if c == nil {
		return nil, nil
	}
	err = d.browser.repo.Tree(ctx, *c, func(n *repo.Node) error {
		out = append(out, n)
		return nil
	})
	return out, err
}

// pair compares two entries of one name; one of them may be nil.
func (d *differ) pair(ctx context.Context, x, y *repo.Node, prefix string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	diff := Difference{}
	if x != nil {
		e := toEntry(d.a, x, prefix)
		diff.Old, diff.Path = &e, e.Path
	}
	if y != nil {
		e := toEntry(d.b, y, prefix)
		diff.New, diff.Path = &e, e.Path
	}
	switch {
	case x == nil:
		diff.Kind = DiffAdded
	case y == nil:
		diff.Kind = DiffRemoved
	case x.SameAs(y):
		return nil
	case x.Kind != y.Kind:
		diff.Kind = DiffChanged
	case x.Kind == repo.NodeDir:
		if !sameMeta(x, y) {
			diff.Kind = DiffMeta
		}
	default:
		same, err := d.browser.sameFile(ctx, x, y)
		switch {
		case err != nil:
			return err
		case !same:
			diff.Kind = DiffChanged
		case !sameMeta(x, y) || x.MTime != y.MTime || x.MNanos != y.MNanos:
			diff.Kind = DiffMeta
		}
	}
	if diff.Kind != "" {
		if err := d.fn(diff); err != nil {
			return err
		}
	}
	var below [2]*repo.Content
	for i, n := range []*repo.Node{x, y} {
		if n != nil && n.Kind == repo.NodeDir {
			below[i] = &n.Content
		}
	}
	if below[0] == nil && below[1] == nil {
		return nil
	}
	return d.folders(ctx, below[0], below[1], diff.Path+"/")
}

// sameMeta reports whether two nodes differ at most in where their content is and when it changed.
func sameMeta(x, y *repo.Node) bool {
	a, b := *x, *y
	a.Content, a.Files, a.Size, a.MTime, a.MNanos = b.Content, b.Files, b.Size, b.MTime, b.MNanos
	return a.SameAs(&b)
}
