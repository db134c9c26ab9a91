package source

// place is how a folder or a file makes its system calls: with a runner of a Watch, as part of a call that a runner makes already, or
// without a Watch at all.
type place struct {
	watch *Watch
	call  *Call
	disk  *disk // nil: not known
}

// asks reports whether a runner is to be asked.
func (p *place) asks() bool { return p.watch != nil && p.call == nil }

// step comes before each system call that is made here. Errors: ErrNoAnswer for one that is better not made.
func (p *place) step(path string) error {
	if p.call == nil {
		return nil
	}
	if err := p.disk.away(path); err != nil {
		return err
	}
	if !p.call.next() {
		return errLeftBehind
	}
	return nil
}

// ask makes a system call with a runner.
func ask[T any](p *place, f *file, path func() string, fn func(c *Call) (T, error)) (T, error) {
	if p.disk != nil && p.disk.silent.Load() >= mostSilent {
		var none T
		return none, p.disk.away(path())
	}
	return do(p.watch, func(int) spot { return spot{path(), p.disk, f} }, fn)
}

// opening is what Open returns.
type opening struct {
	*Dir
	entry Entry
	isDir bool
}

// Open is the function of that name. What is reached by the folder is watched.
func (w *Watch) Open(path string) (dir *Dir, entry Entry, isDir bool, err error) {
	// It tells the disk before anything is asked of it, but by a link.
	var on *disk
	if device, at := mountOf(path); at != "" && at != "/" {
		on = w.disk(device)
	}
	p := place{watch: w, disk: on}
	o, err := ask(&p, nil, func() string { return path }, func(c *Call) (opening, error) {
		dir, entry, isDir, err := open(path, place{w, c, on})
		return opening{dir, entry, isDir}, err
	})
	if err != nil {
		return nil, o.entry, false, err
	}
	dir = o.In(nil)
	dir.On(o.entry.Device)
	return dir, o.entry, o.isDir, nil
}

// On tells a folder which file system it is on, where that is another than that of the folder it was opened by.
func (d *Dir) On(device uint64) {
	switch {
	case d.watch == nil || d.disk != nil && d.disk.number == device:
	case device == 0: // this system does not tell: each source is taken for a disk of its own
		d.disk = &disk{}
	default:
		d.disk = d.watch.disk(device)
	}
}

// Away reports whether the folder's disk is taken for away, because it did not answer.
func (d *Dir) Away() bool { return d.disk.away("") != nil }

// Do makes many system calls as one piece of work. at tells what the step-th is about: a path, and a folder of the same disk. fn calls
// Step before each. Errors: fn's, ErrNoAnswer as a *NoAnswerError with the step, the context's.
func (w *Watch) Do(at func(step int) (path string, d *Dir), fn func(c *Call) error) error {
	_, err := do(w, func(step int) spot {
		path, d := at(step)
		return spot{path: path, disk: d.disk}
	}, func(c *Call) (struct{}, error) { return struct{}{}, fn(c) })
	return err
}
