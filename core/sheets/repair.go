package sheets

import (
	"context"
	"slices"
)

// near returns the sheets that were most likely meant by digits: itself if its checksum holds; else those with one digit wrong, missing
// or too many, or two neighbours or neighbouring groups swapped; else those with any two digits wrong. The checksum has 80 bits, so none
// of them is one by chance but for one in 2^58.
func near(ctx context.Context, digits []byte) ([]*Sheet, error) {
	var found []*Sheet
	var s Sheet
	defer s.Clear()
	try := func(d []byte) bool {
		s.pack(d)
		if !s.holds() {
			return false
		}
		if !slices.ContainsFunc(found, func(o *Sheet) bool { return o.raw == s.raw }) {
			found = append(found, &Sheet{s.raw})
		}
		return true
	}
	if len(digits) == Digits && try(digits) {
		return found, nil
	}
	d := slices.Clone(digits)
	defer clear(d)
	switch len(d) {
	case Digits:
		oneWrong(d, func() { try(d) })
		swapped(d, 1, try)
		swapped(d, 4, try)
		if len(found) == 0 {
			for i := range d {
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				was := d[i]
				for v := range byte(16) {
					if d[i] = v; v != was {
						oneWrong(d[i+1:], func() { try(d) })
					}
				}
				d[i] = was
			}
		}
	case Digits - 1:
		for i := range Digits {
			for v := range byte(16) {
				try(slices.Insert(slices.Clone(d), i, v))
			}
		}
	case Digits + 1:
		for i := range d {
			try(slices.Delete(slices.Clone(d), i, i+1))
		}
	}
	return found, ctx.Err()
}

// oneWrong calls try with each digit changed to each other value, one at a time.
func oneWrong(d []byte, try func()) {
	for i, was := range d {
		for v := range byte(16) {
			if d[i] = v; v != was {
				try()
			}
		}
		d[i] = was
	}
}

// swapped tries all swaps of neighbouring runs of n digits.
func swapped(d []byte, n int, try func([]byte) bool) {
	for i := 0; i+2*n <= len(d); i += n {
		e := slices.Clone(d)
		copy(e[i:], d[i+n:i+2*n])
		copy(e[i+n:], d[i:i+n])
		try(e)
		clear(e)
	}
}

func (s *Sheet) pack(d []byte) {
	for i := range s.raw {
		s.raw[i] = d[2*i]<<4 | d[2*i+1]
	}
}

// holds reports whether it is a sheet, by its checksum and its number.
func (s *Sheet) holds() bool {
	sum := checksum(s.raw[:body])
	return sum == [size - body]byte(s.raw[body:]) && s.raw[0]&0xf0 == format && s.Number() >= 1 && s.Number() <= Count
}
