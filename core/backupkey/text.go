package backupkey

import (
	"encoding/hex"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// The shape of the text form.
const (
	Digits    = 64 // hexadecimal digits of a key
	Groups    = 16
	GroupSize = 4 // digits
)

// ErrMalformed: a text is not 64 hexadecimal digits. It is wrapped by both
// *SyntaxError and *CountError.
var ErrMalformed = errors.New("not a backup key")

// SyntaxError names a character that is neither digit nor separator.
type SyntaxError struct {
	Char     rune // utf8.RuneError for a byte that is no UTF-8
	Position int  // of the character in the text, from 1
	Group    int  // the group it stands in, from 1; more than Groups when there are too many digits
	Digit    int  // its place in the group, 1 to GroupSize
	// Meant is the digit that this character is easily taken for, 0 if none.
	Meant rune
}

func (e *SyntaxError) Error() string {
	s := fmt.Sprintf("%v: character %d (group %d, digit %d) is %q; a backup key has only the digits 0 to 9 and a to f",
		ErrMalformed, e.Position, e.Group, e.Digit, e.Char)
	if e.Meant != 0 {
		s += fmt.Sprintf(", did you mean the digit %c?", e.Meant)
	}
	return s
}

// Unwrap returns ErrMalformed.
func (e *SyntaxError) Unwrap() error { return ErrMalformed }

// CountError: all characters are good, but there are not 64 digits.
type CountError struct {
	Digits int // how many there are
}

func (e *CountError) Error() string {
	return fmt.Sprintf("%v: it has %d digits, and a backup key has %d", ErrMalformed, e.Digits, Digits)
}

// Unwrap returns ErrMalformed.
func (e *CountError) Unwrap() error { return ErrMalformed }

// Text returns the 64 digits in lower case, in 16 groups of 4 separated by
// single spaces: 79 bytes. The caller clears them.
func (k *Key) Text() []byte {
	text := make([]byte, 0, Digits+Groups-1)
	for i, pair := range k.raw() {
		if i > 0 && i%(GroupSize/2) == 0 {
			text = append(text, ' ')
		}
		text = hex.AppendEncode(text, []byte{pair})
	}
	return text
}

// Groups returns the 16 groups of 4 digits. The caller clears them.
func (k *Key) Groups() [][]byte {
	text := k.Text()
	groups := make([][]byte, Groups)
	for i := range groups {
		at := i * (GroupSize + 1)
		groups[i] = text[at : at+GroupSize : at+GroupSize]
	}
	return groups
}

// Parse reads what a person typed or pasted: 64 digits in any case. Between
// them it passes over white space, line ends, hyphens and dashes of all
// kinds, and the invisible characters that come along with pasted text (byte order mark,
// no-break and zero-width spaces). Errors: *SyntaxError for the first
// other character, else *CountError; both wrap ErrMalformed. They hold nothing
// of the key but the one character that is none of its digits.
func Parse(text []byte) (*Key, error) {
	var nibbles [Digits]byte
	defer clear(nibbles[:])
	count := 0
	var first *SyntaxError
	eachDigit(text, func(_ rune, v byte, bad *SyntaxError) bool {
		if first = bad; bad != nil {
			return false
		}
		if count < Digits {
			nibbles[count] = v
		}
		count++
		return true
	})
	if first != nil {
		return nil, first
	}
	if count != Digits {
		return nil, &CountError{count}
	}
	return fromNibbles(&nibbles), nil
}

// eachDigit calls fn for every character that is no separator, with its value
// or with what is wrong with it, until fn returns false.
func eachDigit(text []byte, fn func(r rune, v byte, bad *SyntaxError) (more bool)) {
	count, position := 0, 0
	for rest := text; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		rest = rest[size:]
		position++
		if separates(r) {
			continue
		}
		v, ok := nibble(r)
		var bad *SyntaxError
		if !ok {
			bad = &SyntaxError{
				Char: r, Position: position,
				Group: count/GroupSize + 1, Digit: count%GroupSize + 1,
				Meant: lookalikes[r],
			}
		}
		if !fn(r, v, bad) {
			return
		}
		count++
	}
}

func fromNibbles(nibbles *[Digits]byte) *Key {
	k := newKey()
	pack(k.raw(), nibbles)
	return k
}

func pack(key *[Size]byte, nibbles *[Digits]byte) {
	for i := range key {
		key[i] = nibbles[2*i]<<4 | nibbles[2*i+1]
	}
}

func nibble(r rune) (byte, bool) {
	switch {
	case '0' <= r && r <= '9':
		return byte(r - '0'), true
	case 'a' <= r && r <= 'f':
		return byte(r-'a') + 10, true
	case 'A' <= r && r <= 'F':
		return byte(r-'A') + 10, true
	}
	return 0, false
}

func separates(r rune) bool {
	switch r {
	case '\u00ad', // soft hyphen
		'\u2212',                     // minus sign
		'\u200b', '\u2060', '\ufeff': // zero-width space, word joiner, byte order mark
		return true
	}
	return unicode.IsSpace(r) || unicode.Is(unicode.Zs, r) || unicode.Is(unicode.Pd, r)
}

// lookalikes are what people read for a digit in print or handwriting.
var lookalikes = map[rune]rune{
	'o': '0', 'O': '0', 'Q': '0',
	'l': '1', 'L': '1', 'i': '1', 'I': '1', '|': '1', '!': '1',
	'z': '2', 'Z': '2', 's': '5', 'S': '5', 'G': '6', 'g': '9', 'q': '9',
}

// ReadDigits reads hexadecimal digits as Parse does, whatever their number, and returns their values, 0 to 15. The caller clears them.
// Errors: *SyntaxError; *CountError for more than most.
func ReadDigits(text []byte, most int) ([]byte, error) {
	values := make([]byte, 0, most)
	var first *SyntaxError
	count := 0
	eachDigit(text, func(_ rune, v byte, bad *SyntaxError) bool {
		if first = bad; bad != nil {
			return false
		}
		if count++; count <= most {
			values = append(values, v)
		}
		return true
	})
	switch {
	case first != nil:
		clear(values)
		return nil, first
	case count > most:
		clear(values)
		return nil, &CountError{count}
	}
	return values, nil
}
