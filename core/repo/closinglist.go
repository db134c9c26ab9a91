package repo

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"slices"
)

// reference names an object in a closing list.
type reference struct {
	kind objectKind
	name Name
}

// closedOver is what counts of closed epochs: objects by name, with the SHA-256 of their stored bytes. Somebody who has the secret
// of a closed epoch can seal any payload under any of its names (docs/format.md, chapter 4).
type closedOver map[reference][sha256.Size]byte

// listedKinds are the kinds that a closing list names: those that show data or delete it. What only makes us keep more or reuse
// less counts from every epoch. They are listed in this order: a backup puts its snapshot after its indexes, so that of each snapshot that is
// found the indexes are found as well.
var listedKinds = []objectKind{kindSnapshot, kindIndex, kindRemoval, kindPin}

const closingEntry = 1 // tag of a closing list's field: u8 kind · 32 bytes name · 32 bytes SHA-256

func encodeClosing(c closedOver) []byte {
	refs := make([]reference, 0, len(c))
	for ref := range c {
		refs = append(refs, ref)
	}
	slices.SortFunc(refs, func(a, b reference) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), bytes.Compare(a.name[:], b.name[:]))
	})
	var b []byte
	for _, ref := range refs {
		sum := c[ref]
		entry := append([]byte{byte(ref.kind)}, ref.name[:]...)
		b = appendField(b, closingEntry, append(entry, sum[:]...))
	}
	return b
}

func decodeClosing(b []byte) (closedOver, error) {
	c := make(closedOver)
	err := decodeFields(b, closingEntry, func(tag uint64, v *decoder) {
		if tag != closingEntry {
			v.b = nil
			return
		}
		ref := reference{objectKind(v.u8()), Name(v.id())}
		sum := [sha256.Size]byte(v.id())
		if !slices.Contains(listedKinds, ref.kind) {
			v.fail("a kind that no closing list names")
		}
		c[ref] = sum
	})
	return c, err
}
