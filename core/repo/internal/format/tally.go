package format

import "fmt"

// Tally is what the content of a file amounts to, as far as it was followed.
type Tally struct{ Bytes, Extents, Lists int64 }

// The least that extents and lists give on the average, beyond the first few (docs/format.md, chapter 8).
const (
	extentLeast, extentFew = 512, 8192
	listLeast, listFew     = 64 << 10, 32
)

// Check is ErrDamaged where lists lead to less than they cost: four blocks can say in a few bytes each what takes for ever to follow.
func (t *Tally) Check() error {
	switch {
	case t.Bytes < 0:
		return fmt.Errorf("%w: the extents do not add up to a file", ErrDamaged)
	case t.Extents-extentFew > t.Bytes/extentLeast, t.Lists-listFew > t.Bytes/listLeast:
		return fmt.Errorf("%w: a file of too many pieces", ErrDamaged)
	}
	return nil
}

// Add counts a list again where it is named again. Sums saturate.
func (t *Tally) Add(o Tally) {
	const most = 1 << 61
	t.Bytes, t.Extents, t.Lists = t.Bytes+o.Bytes, min(most, t.Extents+o.Extents), min(most, t.Lists+o.Lists)
}
