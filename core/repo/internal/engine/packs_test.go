package engine

import (
	"math/rand/v2"
	"testing"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
)

// Packs end where they need little padding: blindly filled ones are a hundredth of it.
func TestPacksAreWellFilled(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var stored, used, packs int
	for packs < 200 {
		sum, n := 0, 0
		for {
			record := 2<<20 + 17
			if rng.IntN(4) > 0 {
				record = 1 + rng.IntN(record)
			}
			if format.PackSize(sum+record, n+1) > DataPackTarget {
				break
			}
			sum, n = sum+record, n+1
			if wellFilled(sum, n, DataPackTarget) {
				break
			}
		}
		size := format.PackSize(sum, n)
		if size < DataPackTarget/2 || size > DataPackTarget {
			t.Fatalf("a pack of %d bytes", size)
		}
		stored, used, packs = stored+size, used+sum+n*format.TableEntry, packs+1
	}
	if padding := stored - used; padding*200 > stored {
		t.Errorf("%d of %d bytes are padding", padding, stored)
	}
}
