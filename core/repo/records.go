package repo

import "fmt"

// The small objects of docs/format.md, chapter 12.

// pending is a backup that is about to be visible.
type pending struct {
	indexes  []Name    // that it has written
	snapshot *Snapshot // nil while its trees are not stored yet
}

// mark is packs that somebody is going to delete.
type mark struct {
	pruner [16]byte
	packs  []Name
	when   int64 // Unix seconds by the writer's clock, for people
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

func encodePending(p pending) []byte {
	b := appendNames(nil, pendingIndex, p.indexes)
	if p.snapshot != nil {
		b = appendField(b, pendingSnapshot, encodeSnapshot(p.snapshot))
	}
	return b
}

func encodeMark(m mark) []byte {
	b := appendField(nil, markPruner, m.pruner[:])
	b = appendNames(b, markPack, m.packs)
	return appendField(b, markWhen, appendSvarint(nil, m.when))
}

func encodeRemoval(snapshots []Name) []byte { return appendNames(nil, recordSnapshot, snapshots) }

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

func decodePending(b []byte) (p pending, err error) {
	err = decodeFields(b, pendingIndex, func(tag uint64, v *decoder) {
		switch tag {
		case pendingIndex:
			p.indexes = append(p.indexes, Name(v.id()))
		case pendingSnapshot:
			s, err := decodeSnapshot(v.take(len(v.b)))
			if err != nil {
				v.fail("bad snapshot")
			}
			p.snapshot = s
		default:
			v.b = nil
		}
	})
	return p, err
}

func decodeMark(b []byte) (m mark, err error) {
	known := false
	err = decodeFields(b, markPack, func(tag uint64, v *decoder) {
		switch tag {
		case markPruner:
			known = copy(m.pruner[:], v.take(len(m.pruner))) > 0
		case markPack:
			m.packs = append(m.packs, Name(v.id()))
		case markWhen:
			m.when = v.svarint()
		default:
			v.b = nil
		}
	})
	if err == nil && !known {
		err = fmt.Errorf("%w: a mark of nobody", ErrDamaged)
	}
	return m, err
}

// decodeRemoval decodes removals and pins.
func decodeRemoval(b []byte) (snapshots []Name, err error) {
	err = decodeFields(b, recordSnapshot, func(tag uint64, v *decoder) {
		if tag == recordSnapshot {
			snapshots = append(snapshots, Name(v.id()))
		} else {
			v.b = nil
		}
	})
	return snapshots, err
}

// decodeGivenUp returns the epoch, by its id for that, that a removal gives up; the zero id for none.
func decodeGivenUp(b []byte) (id [32]byte, err error) {
	err = decodeFields(b, recordSnapshot, func(tag uint64, v *decoder) {
		if tag == recordGivenUp {
			id = v.id()
		} else {
			v.b = nil
		}
	})
	return id, err
}
