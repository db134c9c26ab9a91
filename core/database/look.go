package database

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/holdfast-backup/holdfast/core/source"
)

// The names of what lies beside a database are its own with one of these.
const (
	Journal = "-journal"
	WAL     = "-wal"
	Shared  = "-shm" // the index of the WAL: made anew by the next program that opens the database
)

// Of returns the name of the database that a name belongs to, if it is the name of a part beside one.
func Of(name string) (database string, ok bool) {
	for _, suffix := range []string{Journal, WAL, Shared} {
		if base, ok := strings.CutSuffix(name, suffix); ok && base != "" {
			return base, true
		}
	}
	return "", false
}

// Kind is what a file is.
type Kind byte

// The kinds of files.
const (
	None   Kind = iota // no database
	Plain              // SQLite can read it
	Sealed             // there is a log beside it, but SQLite cannot read the file: SQLCipher's, as Signal has
)

// HeadBytes is how much of a file Recognise wants.
const HeadBytes = 20

// Recognise reports whether a file begins as SQLite's do.
func Recognise(head []byte) bool { return bytes.HasPrefix(head, []byte("SQLite format 3\x00")) }

// PageBytes returns the size of a database's pages from the first bytes of its file, 0 if it is none (file format, 1.3.2).
func PageBytes(head []byte) int {
	if len(head) < HeadBytes || !Recognise(head) {
		return 0
	}
	page := int(binary.BigEndian.Uint16(head[16:]))
	if page == 1 {
		page = 64 << 10
	}
	if page < 512 || page&(page-1) != 0 {
		return 0
	}
	return page
}

// head reads the first bytes of a file, as many as there are.
func head(f io.ReaderAt, n int) ([]byte, error) {
	b := make([]byte, n)
	n, err := f.ReadAt(b, 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return b[:n], err
}

// State is what a database and the logs beside it are at one moment.
type State struct {
	Kind  Kind
	File  source.Entry
	parts []part // the file, and the logs in which there is something
}

type part struct {
	suffix string // "" for the file
	entry  source.Entry
	head   []byte // of a log: its first bytes
}

// Look looks at a file in a folder, and at what lies beside it. A log in which nothing is does not count.
func Look(dir *source.Dir, name string) (State, error) {
	s := State{}
	var err error
	if s.File, err = dir.Lstat(name); err != nil {
		return s, err
	}
	if s.File.Kind != source.File {
		return s, nil
	}
	first, err := headOf(dir, s.File, HeadBytes)
	if err != nil {
		return s, err
	}
	s.parts = []part{{entry: s.File}}
	for _, suffix := range []string{Journal, WAL} {
		e, err := dir.Lstat(name + suffix)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENAMETOOLONG) {
			continue
		}
		if err != nil {
			return s, err
		}
		if e.Kind != source.File || e.Size == 0 {
			continue
		}
		b, err := headOf(dir, e, logHeader)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, source.ErrChanged) {
			continue // it is made anew for each transaction
		}
		if err != nil {
			return s, err
		}
		if isLog(suffix, b) {
			s.parts = append(s.parts, part{suffix, e, b})
		}
	}
	switch {
	case Recognise(first):
		s.Kind = Plain
	case s.Logged():
		s.Kind = Sealed
	}
	return s, nil
}

func headOf(dir *source.Dir, e source.Entry, n int) ([]byte, error) {
	f, _, err := dir.OpenFile(e)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read from
	return head(f, n)
}

// logHeader is how much of a log is looked at: all of the WAL's header.
const logHeader = 32

// IsLog reports whether f, whose name ends with Journal or WAL, is a log in which something is.
func IsLog(f io.ReaderAt, suffix string) (bool, error) {
	b, err := head(f, logHeader)
	return err == nil && isLog(suffix, b), err
}

// isLog reports the same of its first bytes: SQLite leaves the file of a journal that is done with zeros at its start, or empty.
func isLog(suffix string, head []byte) bool {
	if suffix == WAL {
		return len(head) == logHeader && binary.BigEndian.Uint32(head)&^1 == 0x377f0682
	}
	return bytes.HasPrefix(head, []byte("\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"))
}

// Logged reports whether something is in a log beside the file.
func (s State) Logged() bool { return len(s.parts) > 1 }

// Settled reports whether all parts have been as they are for long enough at a moment: what is written from then on will show in their
// times.
func (s State) Settled(now time.Time) bool {
	for i := range s.parts {
		if !Settled(&s.parts[i].entry, now) {
			return false
		}
	}
	return true
}

// Settled reports the same of one file.
func Settled(e *source.Entry, now time.Time) bool {
	for _, t := range []source.Time{e.MTime, e.CTime} {
		if now.Sub(time.Unix(t.Sec, int64(t.Nsec))) < tick(e) {
			return false
		}
	}
	return true
}

// tick is how far apart changes must be to show in the times of a file. The kernel's clock moves every few
// milliseconds; file systems that keep no parts of a second keep whole ones, or two.
func tick(e *source.Entry) time.Duration {
	if e.MTime.Nsec == 0 && e.CTime.Nsec == 0 {
		return 2 * time.Second
	}
	return 50 * time.Millisecond
}

// same reports whether two looks saw the same.
func (s State) same(other State) bool {
	return slices.EqualFunc(s.parts, other.parts, func(a, b part) bool { return a.suffix == b.suffix && sameEntry(&a.entry, &b.entry) })
}

// Parts calls fn with the entry of the file and of each log in which there is something.
func (s State) Parts(fn func(e *source.Entry)) {
	for i := range s.parts {
		fn(&s.parts[i].entry)
	}
}

// Newest is when a part was last changed.
func (s State) Newest() source.Time {
	t := s.File.MTime
	for _, p := range s.parts {
		if m := p.entry.MTime; m.Sec > t.Sec || m.Sec == t.Sec && m.Nsec > t.Nsec {
			t = m
		}
	}
	return t
}

func sameFile(a, b *source.Entry) bool { return a.Device == b.Device && a.Inode == b.Inode }

func sameEntry(a, b *source.Entry) bool {
	return sameFile(a, b) && a.Size == b.Size && a.MTime == b.MTime && a.CTime == b.CTime
}

// stood reports whether a copy that was begun at s and ended at now is of one moment.
//
// With a WAL it is, if that was not begun anew meanwhile: each beginning has another header. What was moved from it
// into the file during the copy is in the copy of the WAL too, which was made after the file's, and SQLite takes a page
// from there. Its frames have sums, and count up to the last commit that is whole.
func (s State) stood(now State) bool {
	if s.Kind != now.Kind || !sameFile(&s.File, &now.File) {
		return false
	}
	w, q := s.part(WAL), now.part(WAL)
	if w != nil || q != nil {
		return w != nil && q != nil && sameFile(&w.entry, &q.entry) && bytes.Equal(w.head, q.head)
	}
	return s.same(now)
}

func (s State) part(suffix string) *part {
	for i := range s.parts {
		if s.parts[i].suffix == suffix {
			return &s.parts[i]
		}
	}
	return nil
}
