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
	l := d.ahead
	if d.ahead = nil; l == nil {
		l = d.list(ctx)
	}
	if l.err != nil {
		return l.err
	}
	l.logged = logged(l.names)
	for names, first := l.names, true; first || len(names) > 0; first = false {
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

// OpenAhead is OpenDir of a folder that was listed, for Batches, of which it does the first part: most folders are small, and all that is
// asked about one is one piece of work.
func (d *Dir) OpenAhead(ctx context.Context, e *Entry) (*Dir, error) {
	if !d.asks() {
		return d.OpenDir(e.Name)
	}
	on := *d
	on.On(e.Device)
	if err := on.disk.away(e.Name); err != nil {
		return nil, err
	}
	at := func() spot { return spot{path: d.path(e.Name), disk: on.disk} }
	l, err := look(on.watch, at, func(c *Call, found *looker) error {
		child, err := on.In(c).OpenDir(e.Name)
		if err != nil {
			return err
		}
		found.d = child.In(nil)
		if !c.Step(1) {
			return errors.Join(errLeftBehind, child.Close())
		}
		found.err = found.listIn(ctx, c)
		return nil
	})
	if err != nil {
		return nil, err
	}
	l.d.ahead = l
	return l.d, nil
}

// looker looks at the names of a folder.
type looker struct {
	d       *Dir
	names   []string // sorted
	logged  map[string]bool
	err     error // of listing
	halves  [2]looked
	looked  bool // at all names, which are few
	entries []Entry
}

// list lists the folder.
func (d *Dir) list(ctx context.Context) *looker {
	if !d.asks() {
		names, err := d.names(ctx)
		slices.Sort(names)
		return &looker{d: d, names: names, err: err}
	}
	if err := d.disk.away(d.path("")); err != nil {
		return &looker{err: err}
	}
	at := func() spot { return spot{path: d.path(""), disk: d.disk} }
	l, err := look(d.watch, at, func(c *Call, found *looker) error {
		if found.d = d; !c.Step(1) {
			return errLeftBehind
		}
		found.err = found.listIn(ctx, c)
		return nil
	})
	if err != nil {
		return &looker{err: err}
	}
	return l
}

// spot is what listIn asks about.
func (l *looker) spot(step int) spot {
	if step < 2 {
		return spot{path: l.d.path(""), disk: l.d.disk}
	}
	return spot{path: l.d.path(l.names[step-2]), disk: l.d.disk}
}

// listIn lists the folder in a runner, which is at step 1, and looks at the names, from step 2 on, if they are few.
func (l *looker) listIn(ctx context.Context, c *Call) error {
	names, err := l.d.In(c).names(ctx)
	if err != nil {
		return err
	}
	slices.Sort(names)
	if len(names) >= batch/2 {
		l.names = names
		return nil
	}
	var seen looked
	seen.room(len(names))
	l.names, l.halves[0], l.looked = names, seen, true
	return seen.some(l.d, c, names, 0, 2)
}

// look has a runner do something that ends with listIn. at is what step 0 is about. Where what follows has no answer it goes on without.
// What the runner has found until then may be read, but for what that step is about.
func look(w *Watch, at func() spot, fn func(c *Call, found *looker) error) (*looker, error) {
	found := &looker{}
	_, err := do(w, func(step int) spot {
		if step == 0 {
			return at()
		}
		return found.spot(step)
	}, func(c *Call) (struct{}, error) { return struct{}{}, fn(c, found) })
	var none *NoAnswerError
	switch {
	case err == nil:
		return found, nil
	case !errors.As(err, &none) || none.Step == 0:
		return nil, err
	case none.Step == 1:
		return &looker{d: found.d, err: err}, nil
	}
	l := &looker{d: found.d, names: found.names, looked: true}
	l.halves[0] = found.halves[0]
	l.halves[0].goOn(l.d, l.names, l.halves[0].without(l.names, 0, none.Step-2, err))
	return l, nil
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
			h.entries[k].Logged = l.logged[name]
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
func (l looked) some(d *Dir, c *Call, names []string, from, first int) error {
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
