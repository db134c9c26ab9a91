package database

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/holdfast-backup/holdfast/core/source"
)

// ErrNone: the file is no database any more.
var ErrNone = errors.New("this is no database")

// Taken is a database that was taken. Close removes it.
type Taken struct {
	// State is what the parts were when the copy was begun.
	State State
	// Files are the copies, the database's first. Others are there only where SQLite could not put them into it.
	Files []File
	// Settled: the copies are of one moment. Otherwise they may not open.
	Settled bool
	// Same: nothing changed from State on until the end.
	Same bool

	dir *source.Dir
	at  string
}

// File is a copy of one part.
type File struct {
	Suffix string // behind the database's name; "" for its own file
	*source.Handle
	Size int64 // bytes
}

// Close closes the copies and removes them.
func (t *Taken) Close() error {
	if t == nil {
		return nil
	}
	var errs []error
	for _, f := range t.Files {
		errs = append(errs, f.Handle.Close())
	}
	if t.dir != nil {
		errs = append(errs, t.dir.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(t.at))...)
}

const (
	// copyName is a database's name in its scratch folder.
	copyName = "db"
	tries    = 5
	// tryAgain is how long it waits between two tries, twice as long each time.
	tryAgain = 50 * time.Millisecond
)

// Take takes the database called name in a folder. scratch is a folder for private files on this computer, with room for the
// database; it is made where it is not there.
// Errors: ErrNone, fs.ErrNotExist, source.ErrChanged (another file took its place in each try), of reading, of writing to scratch, ctx's.
func Take(ctx context.Context, dir *source.Dir, name, scratch string) (_ *Taken, err error) {
	if err := os.MkdirAll(scratch, 0o700); err != nil {
		return nil, err
	}
	at, err := os.MkdirTemp(scratch, "database-")
	if err != nil {
		return nil, err
	}
	t := &taking{dir: dir, name: name, at: at, buf: make([]byte, 2*copyBlock)}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(at))
		}
	}()
	wait := tryAgain
	settled := false
	for try := 1; ; try++ {
		if settled, err = t.once(ctx); err != nil {
			return nil, err
		}
		if settled || try == tries {
			break
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
		wait *= 2
	}
	if settled && t.before.Kind == Plain && len(t.copied) > 1 {
		err := t.merge()
		if errors.Is(err, errNotMerged) { // the parts are kept as they are
			settled = false
			_, _, err = t.copy(ctx)
		}
		if err != nil {
			return nil, err
		}
	}
	return t.open(settled)
}

// taking is a database that is being taken.
type taking struct {
	dir    *source.Dir
	name   string
	at     string // the scratch folder
	buf    []byte
	before State
	copied []string // the suffixes of the parts in the scratch folder
	same   bool

	seen   State // by the first try that saw it
	seenAt time.Time
}

// once tries once: without a lock, and then under one. It reports whether the copy is of one moment.
func (t *taking) once(ctx context.Context) (bool, error) {
	begin := time.Now()
	before, after, err := t.copy(ctx)
	if err != nil {
		return false, err
	}
	t.same = t.settled(before, begin) && before.same(after)
	if t.same || before.part(WAL) != nil && before.stood(after) {
		return true, nil
	}
	if !before.same(t.seen) {
		t.seen, t.seenAt = before, begin
	}
	if before.Kind != Plain {
		return false, nil
	}
	// The copy is nearly right: what differs is copied once more while nobody may write.
	unlock, err := t.lock(ctx)
	if err != nil {
		return false, ctx.Err() // somebody holds it, or it cannot be locked here
	}
	before, after, err = t.copy(ctx)
	if unlockErr := unlock(); err == nil && unlockErr != nil {
		return false, nil //nolint:nilerr // whether the lock held is not known: it is tried again
	}
	if err != nil {
		return false, err
	}
	if before.part(WAL) != nil || after.part(WAL) != nil {
		return before.stood(after), nil
	}
	if len(t.copied) == 0 || t.copied[0] != "" {
		return false, nil // another file took its place
	}
	// Nobody wrote to the file. A journal beside it is of a writer who waits for us: one of a crash would have kept us out.
	t.copied, err = t.copied[:1], os.RemoveAll(t.path(Journal))
	return sameEntry(&before.File, &after.File), err
}

// settled reports whether what is seen now has been so for long enough: by its times, or because an earlier try saw the same, where
// another computer's clock, which is ahead, makes the times.
func (t *taking) settled(s State, now time.Time) bool {
	return s.Settled(now) || s.same(t.seen) && now.Sub(t.seenAt) > tick(&s.parts[0].entry)
}

// copy copies the parts, the file first, and looks at them before and after.
func (t *taking) copy(ctx context.Context) (before, after State, err error) {
	if before, err = Look(t.dir, t.name); err != nil {
		return before, after, err
	}
	if before.Kind == None {
		return before, after, ErrNone
	}
	t.before = before
	had := t.copied
	t.copied = nil
	for _, p := range before.parts {
		err := t.copyPart(ctx, p)
		if errors.Is(err, source.ErrChanged) || p.suffix != "" && errors.Is(err, fs.ErrNotExist) {
			continue // by another file, or gone: the second look tells too
		}
		if err != nil {
			return before, after, err
		}
		t.copied = append(t.copied, p.suffix)
	}
	for _, suffix := range had {
		if slices.Contains(t.copied, suffix) {
			continue
		}
		if err := os.Remove(t.path(suffix)); err != nil {
			return before, after, err
		}
	}
	after, err = Look(t.dir, t.name)
	return before, after, err
}

func (t *taking) path(suffix string) string { return filepath.Join(t.at, copyName+suffix) }

// copyBlock is how much is read at once.
const copyBlock = 1 << 20

// copyPart makes the copy of a part what the part is now. What is there already is compared, and written only where it differs: reading
// is several times faster than writing, and somebody may be waiting.
func (t *taking) copyPart(ctx context.Context, p part) (err error) {
	from, now, err := t.dir.OpenFile(p.entry)
	if err != nil {
		return err
	}
	defer from.Close() //nolint:errcheck // only read from
	to, err := os.OpenFile(t.path(p.suffix), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	info, err := to.Stat()
	if err != nil {
		return err
	}
	have := info.Size()
	a, b := t.buf[:copyBlock], t.buf[copyBlock:]
	at := int64(0)
	for at < now.Size {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := from.ReadAt(a[:min(copyBlock, now.Size-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if n == 0 {
			break // it shrank
		}
		m := 0
		if at < have {
			if m, err = to.ReadAt(b[:min(int64(n), have-at)], at); err != nil && !errors.Is(err, io.EOF) {
				return err
			}
		}
		if m < n || string(a[:n]) != string(b[:n]) {
			if _, err := to.WriteAt(a[:n], at); err != nil {
				return err
			}
		}
		at += int64(n)
	}
	return to.Truncate(at)
}

// open opens the copies.
func (t *taking) open(settled bool) (*Taken, error) {
	if !slices.Contains(t.copied, "") {
		return nil, fmt.Errorf("%q: %w", t.name, source.ErrChanged)
	}
	dir, _, _, err := source.Open(t.at)
	if err != nil {
		return nil, err
	}
	out := &Taken{State: t.before, Settled: settled, Same: settled && t.same, dir: dir, at: t.at}
	for _, suffix := range t.copied {
		e, err := dir.Lstat(copyName + suffix)
		if err == nil {
			var f *source.Handle
			if f, e, err = dir.OpenFile(e); err == nil {
				out.Files = append(out.Files, File{suffix, f, e.Size})
			}
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("the copy of a database: %w", err), out.Close())
		}
	}
	return out, nil
}
