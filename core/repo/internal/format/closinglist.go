package format

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"slices"
)

// Reference names an object in a closing list.
type Reference struct {
	Kind ObjectKind
	Name Name
}

// ClosedOver is what counts of closed epochs: objects by name, with the SHA-256 of their stored bytes. Somebody who has the secret
// of a closed epoch can seal any payload under any of its names (docs/format.md, chapter 4).
type ClosedOver map[Reference][sha256.Size]byte

// ListedKinds are the kinds that a closing list names: those that show data or delete it. What only makes us keep more
// or reuse less counts from every epoch. They are listed in this order: a backup puts its snapshot after its indexes,
// so that of each snapshot that is found the indexes are found as well.
var ListedKinds = []ObjectKind{KindSnapshot, KindIndex, KindRemoval, KindPin}

const closingEntry = 1 // tag of a closing list's field: u8 kind · 32 bytes name · 32 bytes SHA-256

// EncodeClosing encodes a closing list, its entries in ascending order (chapter 12).
func EncodeClosing(c ClosedOver) []byte {
	refs := make([]Reference, 0, len(c))
	for ref := range c {
		refs = append(refs, ref)
	}
	slices.SortFunc(refs, func(a, b Reference) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), bytes.Compare(a.Name[:], b.Name[:]))
	})
	var b []byte
	for _, ref := range refs {
		sum := c[ref]
		entry := append([]byte{byte(ref.Kind)}, ref.Name[:]...)
		b = appendField(b, closingEntry, append(entry, sum[:]...))
	}
	return b
}

// DecodeClosing decodes a closing list. Errors: ErrDamaged.
func DecodeClosing(b []byte) (ClosedOver, error) {
	c := make(ClosedOver)
	err := decodeFields(b, closingEntry, func(tag uint64, v *decoder) {
		if tag != closingEntry {
			v.b = nil
			return
		}
		ref := Reference{ObjectKind(v.u8()), Name(v.id())}
		sum := [sha256.Size]byte(v.id())
		if !slices.Contains(ListedKinds, ref.Kind) {
			v.fail("a kind that no closing list names")
		}
		c[ref] = sum
	})
	return c, err
}
