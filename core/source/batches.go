package source

import (
	"context"
	"errors"
	"io/fs"
	"slices"
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
	l := looker{d: d}
	names, err := l.list(ctx)
	if err != nil {
		return err
	}
	for first := true; first || len(names) > 0; first = false {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(batch, len(names))
		if err := fn(l.at(names[:n])); err != nil {
			return err
		}
		names = names[n:]
	}
	return nil
}

// looker looks at the names of a folder.
type looker struct {
	d       *Dir
	halves  [2]looked
	looked  bool // at all names, which are few
	entries []Entry
}

// list returns the folder's names, sorted. At those of a small folder it looks in one go.
func (l *looker) list(ctx context.Context) (names []string, err error) {
	if !l.d.asks() {
		if names, err = l.d.names(ctx); err == nil {
			slices.Sort(names)
		}
		return names, err
	}
	if err := l.d.disk.away(""); err != nil {
		return nil, err
	}
	var seen looked
	_, err = do(l.d.watch, func(step int) spot {
		if step == 0 {
			return spot{path: l.d.path(""), disk: l.d.disk}
		}
		return spot{path: l.d.path(names[step-1]), disk: l.d.disk}
	}, func(c *Call) (struct{}, error) {
		found, err := l.d.In(c).names(ctx)
		if err != nil {
			return struct{}{}, err
		}
		slices.Sort(found)
		names = found
		if len(names) >= batch/2 {
			return struct{}{}, nil
		}
		seen.room(len(names))
		return struct{}{}, seen.some(l.d, c, names, 0, 1)
	})
	var none *NoAnswerError
	switch {
	case err == nil:
		l.looked = len(names) < batch/2
		l.halves[0] = seen
		return names, nil
	case errors.As(err, &none) && none.Step > 0:
		l.halves[0] = seen
		l.looked = true
		l.halves[0].goOn(l.d, names, l.halves[0].without(names, 0, none.Step-1, err))
		return names, nil
	}
	return nil, err
}

// at looks at names, with two goroutines when there are many: a million files are a million lstat.
func (l *looker) at(names []string) ([]Entry, []Problem) {
	half := len(names)
	if half >= batch/2 {
		half /= 2
	}
	if !l.looked {
		var other sync.WaitGroup
		if half < len(names) {
			other.Go(func() { l.halves[1].look(l.d, names[half:]) })
		}
		l.halves[0].look(l.d, names[:half])
		other.Wait()
	}
	if l.entries == nil {
		l.entries = make([]Entry, 0, min(batch, len(names)))
	}
	entries, problems := l.entries[:0], []Problem(nil)
	for i, name := range names {
		h, k := &l.halves[0], i
		if i >= half {
			h, k = &l.halves[1], i-half
		}
		switch err := h.errs[k]; {
		case err == nil:
			entries = append(entries, h.entries[k])
		case !errors.Is(err, fs.ErrNotExist):
			problems = append(problems, Problem{name, err})
		}
	}
	return entries, problems
}

// looked is what was seen at some names. A runner that is left behind may still write to it.
type looked struct {
	entries []Entry
	errs    []error
}

func (l *looked) room(n int) {
	if len(l.entries) < n {
		l.entries, l.errs = make([]Entry, n), make([]error, n)
	}
}

// look looks at names.
func (l *looked) look(d *Dir, names []string) {
	l.room(len(names))
	if !d.asks() {
		_ = l.some(d, nil, names, 0, 0) // only ever that it is left behind
		return
	}
	l.goOn(d, names, 0)
}

// goOn looks at names from one of them on. What does not answer is left out.
func (l *looked) goOn(d *Dir, names []string, from int) {
	for from < len(names) {
		err, step := d.disk.away(""), from
		if err == nil {
			seen := *l
			_, err = do(d.watch, func(i int) spot { return spot{path: d.path(names[i]), disk: d.disk} }, func(c *Call) (struct{}, error) {
				return struct{}{}, seen.some(d, c, names, from, 0)
			})
		}
		if err == nil {
			return
		}
		var none *NoAnswerError
		if errors.As(err, &none) && !none.Rest {
			step = none.Step
		}
		from = l.without(names, from, step, err)
	}
}

// some looks at names from one of them on; the step of the first name is first.
func (l *looked) some(d *Dir, c *Call, names []string, from, first int) error {
	for i := from; i < len(names); i++ {
		if !c.Step(first + i) {
			return errLeftBehind
		}
		l.entries[i], l.errs[i] = d.lstat(names[i])
	}
	return nil
}

// without goes on after an error at a name, in memory of its own, and returns with which name. Only ErrNoAnswer is of one name, other
// errors are of all that follow.
func (l *looked) without(names []string, from, at int, err error) int {
	before := *l
	*l = looked{make([]Entry, len(names)), make([]error, len(names))}
	copy(l.entries, before.entries[:at])
	copy(l.errs, before.errs[:at])
	var none *NoAnswerError
	if errors.As(err, &none) && !none.Rest {
		l.errs[at] = err
		return at + 1
	}
	for i := from; i < len(names); i++ {
		l.errs[i] = err
	}
	return len(names)
}
