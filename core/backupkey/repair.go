package backupkey

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"unicode/utf8"
)

// maxUnknown is how many characters that are no digits Repair tries all
// digits for: 16^4 keys at the most.
const maxUnknown = 4

// Proposal is a key that has the wanted id and is near what was typed.
type Proposal struct {
	Key *Key
	// Changes are the groups that differ, in order. None: the text was right.
	Changes []Change
}

// Change is one group as typed and as proposed, for a question to the person.
type Change struct {
	Group  int    // from 1
	Before []byte // as typed, in lower case; 3 or 5 digits where one was missing or too many
	After  []byte // 4 digits
}

// Format writes only the group's number: the rest is part of the key.
func (c Change) Format(s fmt.State, _ rune) { _, _ = fmt.Fprintf(s, "group %d (hidden)", c.Group) }

// LogValue returns only the group's number.
func (c Change) LogValue() slog.Value { return slog.IntValue(c.Group) }

// MarshalJSON always gives ErrHidden.
func (c Change) MarshalJSON() ([]byte, error) { return nil, ErrHidden }

// Format writes a placeholder.
func (p Proposal) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "backupkey.Proposal(hidden)") }

// Clear overwrites key and groups.
func (p Proposal) Clear() {
	p.Key.Clear()
	for _, c := range p.Changes {
		clear(c.Before)
		clear(c.After)
	}
}

// Repair looks for the key with the id want that a person most likely meant
// by text, which Parse refused or which gave a key with another id. It
// finds, trying the likelier first:
//
//   - characters that are no digits, up to four of them;
//   - one wrong digit, two swapped neighbours, two swapped neighbouring groups;
//   - one digit missing, or one too many;
//   - any two wrong digits, which is 453,600 keys: under half a second
//     on two cores with SHA-256 instructions.
//
// The ids are 64 bits, so a proposal is right but for a chance of 2^-45. It
// is still a question to the person, never an answer. No proposal and no
// error: the key is not near. Errors: those of Parse for a text too far from
// 64 digits to be tried, and that of ctx, which is looked at every few
// milliseconds.
func Repair(ctx context.Context, text []byte, want ID) ([]Proposal, error) {
	t, err := readTyped(text)
	if err != nil {
		return nil, err
	}
	defer t.clear()
	s := &search{want: want}
	for _, stage := range t.stages() {
		found, err := s.run(ctx, stage)
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			return t.proposals(found), nil
		}
	}
	return nil, nil
}

// typed is a text split into what stands for a digit each.
type typed struct {
	chars   []rune // lower case
	nibbles []byte // 0 for an unknown
	unknown []int  // indexes of characters that are no digits
}

func readTyped(text []byte) (*typed, error) {
	t := &typed{chars: make([]rune, 0, Digits+1), nibbles: make([]byte, 0, Digits+1)}
	var first *SyntaxError
	count := 0
	eachDigit(text, func(r rune, v byte, bad *SyntaxError) bool {
		if first == nil {
			first = bad
		}
		count++
		if count > Digits+1 {
			return true // hopeless; counted for the message
		}
		if bad != nil {
			t.unknown = append(t.unknown, len(t.chars))
		} else if r >= 'A' && r <= 'F' {
			r += 'a' - 'A'
		}
		t.chars, t.nibbles = append(t.chars, r), append(t.nibbles, v)
		return true
	})
	n, u := len(t.chars), len(t.unknown)
	switch {
	case u > maxUnknown, u > 0 && n != Digits, first != nil && count > n:
		t.clear()
		return nil, first
	case count < Digits-1 || count > Digits+1:
		t.clear()
		return nil, &CountError{count}
	}
	return t, nil
}

func (t *typed) clear() {
	clear(t.chars)
	clear(t.nibbles)
}

// proposals turns what the search found into changed groups.
func (t *typed) proposals(found []hit) []Proposal {
	list := make([]Proposal, 0, len(found))
	for _, h := range found {
		p := Proposal{Key: fromNibbles(&h.nibbles)}
		before, after := t.groups(h.edited), p.Key.Groups()
		for i := range after {
			if !bytes.Equal(before[i], after[i]) {
				p.Changes = append(p.Changes, Change{Group: i + 1, Before: before[i], After: after[i]})
			}
		}
		clear(h.nibbles[:])
		list = append(list, p)
	}
	return list
}

// groups cuts what was typed into 16 groups. With a digit missing or too
// many, the group of the edited place is the one that is short or long.
func (t *typed) groups(edited int) [][]byte {
	odd := min(edited/GroupSize, Groups-1)
	groups := make([][]byte, Groups)
	at := 0
	for i := range groups {
		size := GroupSize
		if i == odd {
			size += len(t.chars) - Digits
		}
		for _, r := range t.chars[at : at+size] {
			groups[i] = utf8.AppendRune(groups[i], r)
		}
		at += size
	}
	return groups
}
