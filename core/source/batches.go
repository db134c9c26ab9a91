package source

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"sync"
)

// batch is how many entries are looked at before they are handed on: enough
// that the looks follow each other, few enough that a folder of a million
// files takes memory for its names alone.
const batch = 256

// Batches calls fn with the folder's entries, some at a time, sorted by the
// bytes of their names over all calls. A name that cannot be looked at is a
// problem, not an error; one that vanishes meanwhile is left out. fn must not
// keep the slices. It is called at least once.
func (d *Dir) Batches(ctx context.Context, fn func([]Entry, []Problem) error) error {
	names, err := d.names(ctx)
	if err != nil {
		return err
	}
	slices.Sort(names)
	l := looked{logged: logged(names), entries: make([]Entry, min(batch, len(names))), errs: make([]error, min(batch, len(names)))}
	for first := true; first || len(names) > 0; first = false {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(batch, len(names))
		if err := fn(l.at(d, names[:n])); err != nil {
			return err
		}
		names = names[n:]
	}
	return nil
}

// logged returns those of sorted names beside which one with -wal or -journal stands; nil for none, as nearly always.
func logged(names []string) (out map[string]bool) {
	for _, name := range names {
		if name[len(name)-1] != 'l' {
			continue
		}
		for _, suffix := range []string{"-wal", "-journal"} {
			base, ok := strings.CutSuffix(name, suffix)
			if _, there := slices.BinarySearch(names, base); ok && there {
				if out == nil {
					out = make(map[string]bool)
				}
				out[base] = true
			}
		}
	}
	return out
}

// looked is what was seen at the names of a batch.
type looked struct {
	logged  map[string]bool
	entries []Entry
	errs    []error
}

// at looks at names, with two goroutines when there are many: a million files are a million lstat.
func (l *looked) at(d *Dir, names []string) ([]Entry, []Problem) {
	half := len(names)
	if half >= batch/2 {
		half /= 2
	}
	var other sync.WaitGroup
	if half < len(names) {
		other.Go(func() { l.some(d, names, half, len(names)) })
	}
	l.some(d, names, 0, half)
	other.Wait()
	entries, problems := l.entries[:0], []Problem(nil)
	for i, name := range names {
		switch err := l.errs[i]; {
		case err == nil:
			l.entries[i].Logged = l.logged[name]
			entries = append(entries, l.entries[i])
		case !errors.Is(err, fs.ErrNotExist):
			problems = append(problems, Problem{name, err})
		}
	}
	return entries, problems
}

func (l *looked) some(d *Dir, names []string, from, to int) {
	for i := from; i < to; i++ {
		l.entries[i], l.errs[i] = d.Lstat(names[i])
	}
}
