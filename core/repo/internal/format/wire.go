package format

import (
	"encoding/binary"
	"fmt"
)

func appendUvarint(b []byte, v uint64) []byte { return binary.AppendUvarint(b, v) }
func appendSvarint(b []byte, v int64) []byte  { return binary.AppendVarint(b, v) }

func appendBytes[T ~string | ~[]byte](b []byte, v T) []byte {
	b = appendUvarint(b, uint64(len(v)))
	return append(b, v...)
}

// decoder reads the encodings of docs/format.md, chapter 1. The first fault
// sticks: later reads return zero values, and done reports it.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrDamaged, what)
		d.b = nil
	}
}

func (d *decoder) u8() byte {
	if len(d.b) < 1 {
		d.fail("cut short")
		return 0
	}
	v := d.b[0]
	d.b = d.b[1:]
	return v
}

func (d *decoder) uvarint() uint64 {
	if len(d.b) > 0 && d.b[0] < 0x80 {
		v := d.b[0]
		d.b = d.b[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail("bad number")
		return 0
	}
	if n > 1 && d.b[n-1] == 0 {
		d.fail("long-form number")
		return 0
	}
	d.b = d.b[n:]
	return v
}

// max reads a uvarint that must not exceed limit.
func (d *decoder) max(limit uint64, what string) uint64 {
	v := d.uvarint()
	if v > limit {
		d.fail(what + " out of range")
		return 0
	}
	return v
}

// count reads the number of things that take at least size bytes each, so
// that a lie about it cannot make the reader allocate more than it was given.
func (d *decoder) count(size int, what string) int {
	v := d.uvarint()
	if v > uint64(len(d.b)/size) {
		d.fail(what + " out of range")
		return 0
	}
	return int(v)
}

// few is count for what takes much more memory decoded than encoded, and of
// which no writer makes many.
func (d *decoder) few(size int, what string) int {
	n := d.count(size, what)
	if n > maxListed {
		d.fail(what + " out of range")
		return 0
	}
	return n
}

func (d *decoder) svarint() int64 {
	u := d.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// take returns the next n bytes without copying.
func (d *decoder) take(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.fail("cut short")
		return nil
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) bytes() []byte { return d.take(d.count(1, "length")) }

func (d *decoder) id() (id ID) {
	copy(id[:], d.take(len(id)))
	return id
}

func (d *decoder) u32() uint32 {
	if b := d.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// done returns the first fault, or one for left-over bytes.
func (d *decoder) done() error {
	if d.err == nil && len(d.b) > 0 {
		d.fail("left-over bytes")
	}
	return d.err
}

func appendU64(b []byte, v uint64) []byte { return binary.BigEndian.AppendUint64(b, v) }

func (d *decoder) u64() uint64 {
	if b := d.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}
