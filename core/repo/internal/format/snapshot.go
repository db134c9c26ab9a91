package format

import (
	"fmt"
	"time"
)

// Source is one folder or file that a snapshot holds.
type Source struct {
	Name string // its entry in the root directory
	Path string // the absolute path on the computer, raw bytes
}

// Snapshot is what one backup saved (docs/format.md, chapter 10).
type Snapshot struct {
	Name       Name `json:"-"` // the object's name; not in the payload
	Begin, End time.Time
	Host, User string
	Program    string
	System     string
	Root       Content // tree blocks of the root directory
	Sources    []Source
	Excludes   []string
	Files      int64
	Dirs       int64
	Bytes      int64
	Previous   *Name // the newest snapshot the writer saw
	Unread     int64 // files that could not be read
	// Writer is the profile that made it, and Sequence how many it has made with this one; zero: a version that did not say.
	Writer   Profile
	Sequence uint64
	// Seen are the newest snapshots of the other profiles that the writer saw when it began.
	Seen []Sighting
}

// Profile names what makes snapshots, one computer's profile: 16 random bytes.
type Profile [16]byte

// Sighting is what a writer saw of another one.
type Sighting struct {
	Writer   Profile
	Sequence uint64
	Snapshot Name
}

// ID returns the snapshot's id: 64 hexadecimal digits.
func (s *Snapshot) ID() string { return s.Name.String() }

// Sees returns the newest sequence of a writer that a snapshot's writer saw.
func (s *Snapshot) Sees(w Profile) uint64 {
	for _, seen := range s.Seen {
		if seen.Writer == w {
			return seen.Sequence
		}
	}
	return 0
}

const (
	fieldBegin = iota + 1
	fieldEnd
	fieldHost
	fieldUser
	fieldProgram
	fieldRoot
	fieldSource
	fieldExclude
	fieldTotals
	fieldPrevious
	fieldSystem
	fieldUnread
	fieldWriter
	fieldSeen
)

// EncodeSnapshot encodes a snapshot's payload (chapter 10).
func EncodeSnapshot(s *Snapshot) []byte {
	var b []byte
	field := func(tag uint64, v []byte) {
		b = appendUvarint(b, tag)
		b = appendBytes(b, v)
	}
	moment := func(t time.Time) []byte {
		return appendUvarint(appendSvarint(nil, t.Unix()), uint64(t.Nanosecond()))
	}
	field(fieldBegin, moment(s.Begin))
	field(fieldEnd, moment(s.End))
	field(fieldHost, []byte(s.Host))
	field(fieldUser, []byte(s.User))
	field(fieldProgram, []byte(s.Program))
	var root []byte
	for _, e := range s.Root.Extents {
		root = append(root, e.Chunk[:]...)
		root = appendUvarint(root, uint64(e.Length))
	}
	field(fieldRoot, root)
	for _, src := range s.Sources {
		field(fieldSource, append(appendBytes(nil, src.Name), appendBytes(nil, src.Path)...))
	}
	for _, x := range s.Excludes {
		field(fieldExclude, []byte(x))
	}
	field(fieldTotals, appendUvarint(appendUvarint(appendUvarint(nil, uint64(s.Files)), uint64(s.Dirs)), uint64(s.Bytes)))
	if s.Previous != nil {
		field(fieldPrevious, s.Previous[:])
	}
	field(fieldSystem, []byte(s.System))
	field(fieldUnread, appendUvarint(nil, uint64(s.Unread)))
	if s.Sequence > 0 {
		field(fieldWriter, appendUvarint(s.Writer[:], s.Sequence))
		for _, seen := range s.Seen {
			field(fieldSeen, append(appendUvarint(seen.Writer[:], seen.Sequence), seen.Snapshot[:]...))
		}
	}
	return b
}

// DecodeSnapshot decodes a snapshot's payload. Errors: ErrDamaged.
func DecodeSnapshot(b []byte) (*Snapshot, error) {
	s := &Snapshot{}
	d := decoder{b: b}
	var last uint64
	for d.err == nil && len(d.b) > 0 {
		tag := d.uvarint()
		if tag < last || tag == last && tag != fieldSource && tag != fieldExclude && tag != fieldSeen {
			d.fail("fields out of order")
		}
		last = tag
		v := decoder{b: d.bytes(), err: d.err}
		s.field(tag, &v)
		if err := v.done(); err != nil {
			return nil, fmt.Errorf("snapshot: %w", err)
		}
	}
	if err := d.done(); err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	if s.Begin.IsZero() || s.End.IsZero() || len(s.Root.Extents) == 0 {
		return nil, fmt.Errorf("%w: snapshot without a time or a root", ErrDamaged)
	}
	return s, nil
}

func (s *Snapshot) field(tag uint64, v *decoder) {
	rest := func() string { return string(v.take(len(v.b))) }
	moment := func() time.Time {
		sec := v.svarint()
		return time.Unix(sec, int64(v.max(999_999_999, "nanoseconds")))
	}
	switch tag {
	case fieldBegin:
		s.Begin = moment()
	case fieldEnd:
		s.End = moment()
	case fieldHost:
		s.Host = rest()
	case fieldUser:
		s.User = rest()
	case fieldProgram:
		s.Program = rest()
	case fieldRoot:
		for v.err == nil && len(v.b) > 0 {
			e := Extent{Chunk: v.id(), Length: int64(v.max(MaxChunk, "tree block length"))}
			if e.Length == 0 {
				v.fail("empty tree block")
			}
			s.Root.Extents = append(s.Root.Extents, e)
		}
	case fieldSource:
		src := Source{Name: string(v.bytes()), Path: string(v.bytes())}
		if !ValidName(src.Name) {
			v.fail("bad source name")
		}
		s.Sources = append(s.Sources, src)
	case fieldExclude:
		s.Excludes = append(s.Excludes, rest())
	case fieldTotals:
		s.Files, s.Dirs, s.Bytes = int64(v.max(1<<62, "files")), int64(v.max(1<<62, "directories")), int64(v.max(1<<62, "bytes"))
	case fieldPrevious:
		n := Name(v.id())
		s.Previous = &n
	case fieldSystem:
		s.System = rest()
	case fieldUnread:
		s.Unread = int64(v.max(1<<62, "unread files"))
	case fieldWriter:
		copy(s.Writer[:], v.take(len(s.Writer)))
		if s.Sequence = v.uvarint(); s.Sequence == 0 {
			v.fail("a sequence of zero")
		}
	case fieldSeen:
		var seen Sighting
		copy(seen.Writer[:], v.take(len(seen.Writer)))
		seen.Sequence, seen.Snapshot = v.uvarint(), Name(v.id())
		s.Seen = append(s.Seen, seen)
	default:
		rest()
	}
}
