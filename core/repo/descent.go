package repo

import "fmt"

// Descent guards a walk through the folders of a snapshot, whose trees somebody with the key may have
// forged: a chunk can be stored under any id, so that a folder holds itself, and 40 blocks, each of which has the
// next one twice, are a million million folders. It is for one goroutine.
type Descent struct {
	path    []ID // the first blocks of the folders on the way down
	folders int64
	most    int64
}

// descentSlack is how many folders a walk may always meet, whatever a snapshot says.
const descentSlack = 1000

// NewDescent returns the guard of a walk through a snapshot. It lets twice the folders through that
// the snapshot says it has: too many are no reason to withhold a restore, and a bomb has a different order of them.
func NewDescent(s *Snapshot) *Descent {
	return &Descent{most: 2*min(s.Dirs, 1<<60) + descentSlack}
}

// Enter goes down into a folder. Every nil is followed by a Leave.
// Errors: ErrDamaged.
func (d *Descent) Enter(c Content) error {
	var first ID
	if len(c.Extents) > 0 {
		first = c.Extents[0].Chunk
		for _, above := range d.path {
			if above == first {
				return fmt.Errorf("%w: a folder holds itself", ErrDamaged)
			}
		}
	}
	if len(d.path) >= MaxTreeDepth {
		return fmt.Errorf("%w: folders nest too deep", ErrDamaged)
	}
	if d.folders++; d.folders > d.most {
		return fmt.Errorf("%w: there are more folders than the snapshot says", ErrDamaged)
	}
	d.path = append(d.path, first)
	return nil
}

// Leave goes back up.
func (d *Descent) Leave() { d.path = d.path[:len(d.path)-1] }
