package format

import "fmt"

// The small objects of docs/format.md, chapter 12.

// Pending is a backup that is about to be visible.
type Pending struct {
	Indexes  []Name    // that it has written
	Snapshot *Snapshot // nil while its trees are not stored yet
}

// Mark is packs that somebody is going to delete.
type Mark struct {
	Pruner [16]byte
	Packs  []Name
	When   int64 // Unix seconds by the writer's clock, for people
}

// Tags of the fields, by object.
const (
	pendingIndex    = 1
	pendingSnapshot = 2
	markPruner      = 1
	markPack        = 2
	markWhen        = 3
	recordSnapshot  = 1 // of removals and pins
	recordGivenUp   = 2 // of removals
)

func appendField(b []byte, tag uint64, v []byte) []byte {
	return appendBytes(appendUvarint(b, tag), v)
}

func appendNames(b []byte, tag uint64, names []Name) []byte {
	for _, n := range names {
		b = appendField(b, tag, n[:])
	}
	return b
}

// EncodePending encodes a pending object.
func EncodePending(p Pending) []byte {
	b := appendNames(nil, pendingIndex, p.Indexes)
	if p.Snapshot != nil {
		b = appendField(b, pendingSnapshot, EncodeSnapshot(p.Snapshot))
	}
	return b
}

// EncodeMark encodes a mark.
func EncodeMark(m Mark) []byte {
	b := appendField(nil, markPruner, m.Pruner[:])
	b = appendNames(b, markPack, m.Packs)
	return appendField(b, markWhen, appendSvarint(nil, m.When))
}

// EncodeRemoval encodes a removal or a pin.
func EncodeRemoval(snapshots []Name) []byte { return appendNames(nil, recordSnapshot, snapshots) }

// decodeFields calls fn with each field. Tags must ascend; only the tag repeated may occur twice.
func decodeFields(b []byte, repeated uint64, fn func(tag uint64, v *decoder)) error {
	d := decoder{b: b}
	var last uint64
	for d.err == nil && len(d.b) > 0 {
		tag := d.uvarint()
		if tag < last || tag == last && tag != repeated {
			d.fail("fields out of order")
		}
		last = tag
		v := decoder{b: d.bytes(), err: d.err}
		fn(tag, &v)
		if err := v.done(); err != nil {
			return err
		}
	}
	return d.done()
}

// EncodeGivenUp encodes the removal that gives the change to an epoch up, by its id for that.
func EncodeGivenUp(epoch [32]byte) []byte { return appendField(nil, recordGivenUp, epoch[:]) }

// DecodePending decodes a pending object. Errors: ErrDamaged.
func DecodePending(b []byte) (p Pending, err error) {
	err = decodeFields(b, pendingIndex, func(tag uint64, v *decoder) {
		switch tag {
		case pendingIndex:
			p.Indexes = append(p.Indexes, Name(v.id()))
		case pendingSnapshot:
			s, err := DecodeSnapshot(v.take(len(v.b)))
			if err != nil {
				v.fail("bad snapshot")
			}
			p.Snapshot = s
		default:
			v.b = nil
		}
	})
	return p, err
}

// DecodeMark decodes a mark. Errors: ErrDamaged.
func DecodeMark(b []byte) (m Mark, err error) {
	known := false
	err = decodeFields(b, markPack, func(tag uint64, v *decoder) {
		switch tag {
		case markPruner:
			known = copy(m.Pruner[:], v.take(len(m.Pruner))) > 0
		case markPack:
			m.Packs = append(m.Packs, Name(v.id()))
		case markWhen:
			m.When = v.svarint()
		default:
			v.b = nil
		}
	})
	if err == nil && !known {
		err = fmt.Errorf("%w: a mark of nobody", ErrDamaged)
	}
	return m, err
}

// DecodeRemoval decodes removals and pins.
func DecodeRemoval(b []byte) (snapshots []Name, err error) {
	err = decodeFields(b, recordSnapshot, func(tag uint64, v *decoder) {
		if tag == recordSnapshot {
			snapshots = append(snapshots, Name(v.id()))
		} else {
			v.b = nil
		}
	})
	return snapshots, err
}

// DecodeGivenUp returns the epoch, by its id for that, that a removal gives up; the zero id for none.
func DecodeGivenUp(b []byte) (id [32]byte, err error) {
	err = decodeFields(b, recordSnapshot, func(tag uint64, v *decoder) {
		if tag == recordGivenUp {
			id = v.id()
		} else {
			v.b = nil
		}
	})
	return id, err
}
