// Package sheets splits a backup key into three sheets of paper for people to hold. Any two of them give the key back, and
// one alone tells nothing (docs/shared-vaults.md, chapter 9).
//
// A sheet is 48 bytes, 96 digits in 24 groups:
//
//	0x10 + number(1) ‖ split(5) ‖ share(32) ‖ SHA-256("holdfast sheet v1" ‖ the 38 bytes before)[:10]
//
// The number is 1, 2 or 3, the split five random bytes that the three have in common, and the share Shamir's (package shamir). The
// checksum is over the sheet and never over the key, so that it says nothing of it.
package sheets

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/shamir"
)

// Count is how many sheets there are, Needed how many of them give the key back.
const (
	Count  = 3
	Needed = 2
	// Digits of a sheet, in Groups of backupkey.GroupSize.
	Digits = 96
	Groups = Digits / backupkey.GroupSize
)

const (
	size      = Digits / 2
	splitSize = 5
	body      = 1 + splitSize + backupkey.Size
	format    = 0x10
	label     = "holdfast sheet v1"
)

// What a caller decides on.
var (
	// ErrMalformed: a text is not two sheets. It is a backupkey.ErrMalformed.
	ErrMalformed = fmt.Errorf("%w: not two sheets of one", backupkey.ErrMalformed)
	// ErrApart: the sheets are not of one split, or are one twice. It is a backupkey.ErrMalformed.
	ErrApart = fmt.Errorf("%w: the two sheets do not belong together", backupkey.ErrMalformed)
)

// Sheet is one of three. Clear it after use.
type Sheet struct{ raw [size]byte }

// Split makes the three sheets of a key. Each call makes others: sheets of two splits do not fit together.
func Split(key *backupkey.Key) [Count]*Sheet {
	secret := key.Bytes()
	defer clear(secret)
	p, err := shamir.New(secret, Needed)
	if err != nil {
		panic("sheets: " + err.Error()) // a constant
	}
	defer p.Clear()
	var split [splitSize]byte
	_, _ = rand.Read(split[:]) // never fails since Go 1.24
	var all [Count]*Sheet
	for i := range all {
		s := &Sheet{}
		s.raw[0] = format + byte(i+1)
		copy(s.raw[1:], split[:])
		share := p.Share(byte(i + 1)).Bytes
		copy(s.raw[1+splitSize:], share)
		clear(share)
		sum := checksum(s.raw[:body])
		copy(s.raw[body:], sum[:])
		all[i] = s
	}
	return all
}

func checksum(b []byte) [size - body]byte {
	var text [len(label) + body]byte
	copy(text[copy(text[:], label):], b)
	sum := sha256.Sum256(text[:])
	return [size - body]byte(sum[:])
}

// Number is which of the three it is, from 1.
func (s *Sheet) Number() int { return int(s.raw[0] & 0xf) }

// Split names the split, ten digits: those of one split have it in common. It says nothing of the key.
func (s *Sheet) Split() string { return hex.EncodeToString(s.raw[1 : 1+splitSize]) }

// Groups are the 24 groups of four digits. The caller clears them.
func (s *Sheet) Groups() [][]byte {
	text := hex.AppendEncode(nil, s.raw[:])
	groups := make([][]byte, Groups)
	for i := range groups {
		groups[i] = text[i*backupkey.GroupSize : (i+1)*backupkey.GroupSize : (i+1)*backupkey.GroupSize]
	}
	return groups
}

// Text is the sheet in three lines of eight groups. The caller clears it.
func (s *Sheet) Text() []byte {
	return append(append(append(bytes.Join(s.Groups()[:8], []byte(" ")), '\n'), append(bytes.Join(s.Groups()[8:16], []byte(" ")), '\n')...),
		append(bytes.Join(s.Groups()[16:], []byte(" ")), '\n')...)
}

// Clear overwrites the sheet, best effort.
func (s *Sheet) Clear() {
	if s != nil {
		clear(s.raw[:])
	}
}

// Format writes only the number: the rest is half of a key.
func (s *Sheet) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "sheet %d (hidden)", s.Number()) }

// LogValue returns only the number.
func (s *Sheet) LogValue() slog.Value { return slog.IntValue(s.Number()) }

// Combine gives the key back. Errors: ErrApart.
func Combine(a, b *Sheet) (*backupkey.Key, error) {
	if a.Number() == b.Number() || a.Split() != b.Split() {
		return nil, ErrApart
	}
	raw, err := shamir.Combine(0, shamir.Share{Number: byte(a.Number()), Bytes: a.raw[1+splitSize : body]},
		shamir.Share{Number: byte(b.Number()), Bytes: b.raw[1+splitSize : body]})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrApart, err)
	}
	defer clear(raw)
	return backupkey.FromBytes(raw)
}

// ReadKey reads what a person typed, pasted or has in a file: the 64 digits of a key, or two sheets one after the other. Typing errors
// in a sheet are mended where there is one sheet near what was typed. Errors: ErrMalformed, ErrApart, those of backupkey.Parse, that
// of ctx.
func ReadKey(ctx context.Context, text []byte) (*backupkey.Key, error) {
	digits, err := backupkey.ReadDigits(text, 2*Digits+4)
	if err != nil || len(digits) < backupkey.Digits+backupkey.Digits/2 {
		clear(digits)
		return backupkey.Parse(text)
	}
	defer clear(digits)
	for _, cut := range []int{Digits, Digits - 1, Digits + 1} {
		if cut >= len(digits) {
			continue
		}
		a, b, err := both(ctx, digits[:cut], digits[cut:])
		if err != nil {
			return nil, err
		}
		if a != nil {
			defer a.Clear()
			defer b.Clear()
			return Combine(a, b)
		}
	}
	return nil, fmt.Errorf("%w: they have %d digits each, with what makes sure of them; %d were typed", ErrMalformed, Digits, len(digits))
}

// both reads two sheets; nil: one of them is not near any sheet, or near more than one.
func both(ctx context.Context, first, second []byte) (a, b *Sheet, err error) {
	as, err := near(ctx, first)
	if err != nil || len(as) != 1 {
		return nil, nil, err
	}
	bs, err := near(ctx, second)
	if err != nil || len(bs) != 1 {
		return nil, nil, err
	}
	return as[0], bs[0], nil
}

// WriteTo writes Text.
func (s *Sheet) WriteTo(w io.Writer) (int64, error) {
	text := s.Text()
	defer clear(text)
	n, err := w.Write(text)
	return int64(n), err
}

// Part is what one file holds of a key, by the file's name.
type Part struct {
	Name string
	Text []byte
}

// PartError names the file that is at fault.
type PartError struct {
	Name string
	Err  error
}

func (e *PartError) Error() string { return e.Name + ": " + e.Err.Error() }

// Unwrap returns Err.
func (e *PartError) Unwrap() error { return e.Err }

// Read reads one sheet, and mends typing errors as ReadKey does. The caller clears it. Errors: ErrMalformed, that of ctx.
func Read(ctx context.Context, text []byte) (*Sheet, error) {
	digits, err := backupkey.ReadDigits(text, Digits+2)
	defer clear(digits)
	if err != nil {
		return nil, fmt.Errorf("%w: it is no sheet", ErrMalformed)
	}
	found, err := near(ctx, digits)
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%w: it is no sheet", ErrMalformed)
	}
	return found[0], nil
}

// Join returns the text that ReadKey takes. One file may hold anything that ReadKey reads. Of several files each holds one sheet, and the
// text has two of the sheets. The caller clears it. Errors: *PartError with ErrMalformed or ErrApart, that of ctx.
func Join(ctx context.Context, parts []Part) ([]byte, error) {
	if len(parts) == 1 {
		return bytes.Clone(parts[0].Text), nil
	}
	var text []byte
	var first *Sheet
	for i, p := range parts {
		s, err := Read(ctx, p.Text)
		switch {
		case err != nil && ctx.Err() != nil:
			return nil, err
		case err != nil:
			clear(text)
			return nil, &PartError{p.Name, err}
		}
		defer s.Clear()
		switch {
		case i == 0:
			first = s
		case s.Split() != first.Split():
			clear(text)
			return nil, &PartError{p.Name, fmt.Errorf("%w: its number is %s, that of %s is %s", ErrApart, s.Split(), parts[0].Name, first.Split())}
		case i == 1 && s.Number() == first.Number():
			clear(text)
			return nil, &PartError{p.Name, fmt.Errorf("%w: it is sheet %d, as %s is", ErrApart, s.Number(), parts[0].Name)}
		}
		if i < Needed {
			text = append(text, s.Text()...)
		}
	}
	return text, nil
}
