package browse

import (
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/holdfast-backup/holdfast/core/repo"
)

// EntryKind is what an entry of a snapshot is.
type EntryKind string

// The kinds of entries.
const (
	EntryFile    EntryKind = "file"
	EntryFolder  EntryKind = "folder"
	EntrySymlink EntryKind = "symlink"
	EntryOther   EntryKind = "other" // FIFO, socket, device
)

// Entry is one name in a folder of a snapshot.
type Entry struct {
	// Name holds the raw bytes, Path the slash-separated raw path in the snapshot.
	// Either may hold newlines or invalid UTF-8: show them with DisplayName.
	Name     string
	Path     string
	Kind     EntryKind
	Size     int64 // a folder's: of all files below it
	Files    int64 // a folder's: the files below it
	Modified time.Time
	Mode     uint32 // POSIX permission bits
	Link     string // a symlink's target
	// Original is the path on the computer that was backed up.
	Original string
}

// The first and the last moment that are shown. Files can have times far outside of the years that JSON
// and people have, by mistake or on purpose; one of them must not spoil the list.
var (
	firstTime = time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC)
	lastTime  = time.Date(9999, 12, 30, 0, 0, 0, 0, time.UTC)
)

// ShownTime is a time within the years that are shown.
func ShownTime(t time.Time) time.Time {
	// time.Time wraps around far from now: the seconds do not.
	switch s := t.Unix(); {
	case s < firstTime.Unix():
		return firstTime
	case s > lastTime.Unix():
		return lastTime
	}
	return t
}

// toEntry shows a node of a snapshot. prefix is the path of its folder, with a slash at its end.
func toEntry(s *repo.Snapshot, n *repo.Node, prefix string) Entry {
	e := Entry{
		Name: n.Name, Path: prefix + n.Name, Size: n.Size, Mode: n.Mode, Link: n.Target,
		Modified: ShownTime(time.Unix(n.MTime, int64(n.MNanos))), Files: n.Files,
	}
	switch n.Kind {
	case repo.NodeFile:
		e.Kind = EntryFile
	case repo.NodeDir:
		e.Kind = EntryFolder
	case repo.NodeSymlink:
		e.Kind = EntrySymlink
	default:
		e.Kind = EntryOther
	}
	top, rest, _ := strings.Cut(e.Path, "/")
	for _, src := range s.Sources {
		if src.Name == top {
			e.Original = path.Join(filepath.ToSlash(src.Path), rest)
		}
	}
	return e
}

// DisplayName makes a raw name or path printable: control characters and
// bytes that are no UTF-8 are escaped as in Go strings.
func DisplayName(raw string) string {
	ok := utf8.ValidString(raw) && !strings.ContainsFunc(raw, func(r rune) bool { return !unicode.IsPrint(r) })
	if ok {
		return raw
	}
	q := strconv.Quote(raw)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}
