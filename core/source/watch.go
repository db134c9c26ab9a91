package source

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"
)

// ErrNoAnswer: a system call on a file or folder did not return for a long time, as on a network drive whose server is
// gone. Nothing can end such a call. It is left behind.
var ErrNoAnswer = errors.New("its disk or server does not answer")

// NoAnswerError is an [ErrNoAnswer].
type NoAnswerError struct {
	Path string
	// Step is where a call of [Watch.Do] was.
	Step int
	// Rest: the call was not made, because others on the same disk have no answer.
	Rest bool
	disk *disk
}

func (e *NoAnswerError) Error() string {
	if e.Rest {
		return ErrNoAnswer.Error() + "; nothing more of it was read"
	}
	return ErrNoAnswer.Error()
}

// Is makes it an ErrNoAnswer.
func (e *NoAnswerError) Is(target error) bool { return target == ErrNoAnswer }

// Again reports whether an error tells of a disk without an answer what an error before has told.
func Again(err error) bool {
	var e *NoAnswerError
	return errors.As(err, &e) && e.Rest && e.disk.told.Swap(true)
}

// DefaultPatience is how long a system call may take. A disk that has to start up first, or reads a bad sector again and
// again, takes less.
const DefaultPatience = time.Minute

const (
	// mostSilent is how many calls on one disk are left without an answer. From then on it counts as away, until one is answered.
	mostSilent = 4
	// A call on a disk where another one is without an answer has this part of the patience.
	silentPatience = 10
	// This part of the patience passes before a call is shown as waiting.
	shownPatience = 12
)

// WatchParams are what NewWatch takes.
type WatchParams struct {
	Patience time.Duration // 0: DefaultPatience
	// Waiting, if not nil, is told of the path that has not answered for a while, and of "" when it has.
	Waiting func(path string)
	// Hangs, if not nil, decides in place of the clock which paths get no answer: for tests.
	Hangs func(path string) bool
}

// Watch makes system calls on sources that can be left behind. Each is made by a goroutine of its own, a runner, for the one
// that asks and waits; many that follow each other are one piece of work. When a call has no answer, or the Watch's context ends, whoever
// asked goes on without it, and the runner stays until the kernel lets go of it. It must not be used after Close.
//
// A runner keeps what it was given to write into: after an error the caller must not use that again.
type Watch struct {
	ctx   context.Context
	p     WatchParams
	stop  context.CancelFunc
	ended chan struct{} // of the watching goroutine

	mu      sync.Mutex
	runners map[*Call]struct{} // that are not left behind
	idle    []*Call
	closed  bool
	none    chan struct{} // closed when closed and no runner is left
	disks   map[uint64]*disk

	handles sync.Mutex
	open    map[interface{ drop() }]struct{} // what was opened and is not closed yet: a run that fails leaves such things
}

// disk is a file system. Only what must be known of it while calls wait.
type disk struct {
	number uint64
	silent atomic.Int32 // calls without an answer
	told   atomic.Bool  // that the rest of it is left out
}

// away returns the error for a disk that no call is made on any more.
func (d *disk) away(path string) error {
	if d == nil || d.silent.Load() < mostSilent {
		return nil
	}
	return &fs.PathError{Op: "read", Path: path, Err: &NoAnswerError{Path: path, Rest: true, disk: d}}
}

// NewWatch begins to watch. Every call ends when ctx does. Close it.
func NewWatch(ctx context.Context, p WatchParams) *Watch {
	if p.Patience == 0 {
		p.Patience = DefaultPatience
	}
	w := &Watch{ctx: ctx, p: p, ended: make(chan struct{}), runners: make(map[*Call]struct{}), none: make(chan struct{}),
		disks: make(map[uint64]*disk), open: make(map[interface{ drop() }]struct{})}
	var watching context.Context
	watching, w.stop = context.WithCancel(context.WithoutCancel(ctx))
	go w.watch(watching)
	return w
}

// closing is how long Close waits for calls that are still under way after a cancelled run.
const closing = time.Second

// Close ends the runners. It waits for those that are not stuck.
func (w *Watch) Close() {
	w.stop()
	<-w.ended
	w.mu.Lock()
	w.closed = true
	for _, c := range w.idle {
		close(c.work)
	}
	w.idle = nil
	if len(w.runners) == 0 {
		close(w.none)
	}
	w.mu.Unlock()
	late := time.NewTimer(closing)
	defer late.Stop()
	select {
	case <-w.none:
	case <-late.C:
	}
	w.handles.Lock()
	defer w.handles.Unlock()
	for h := range w.open {
		go h.drop()
	}
	w.open = nil
}

// opened notes what is open.
func (w *Watch) opened(h interface{ drop() }) {
	if w == nil {
		return
	}
	w.handles.Lock()
	defer w.handles.Unlock()
	if w.open != nil {
		w.open[h] = struct{}{}
	}
}

// closes forgets what is about to be closed.
func (w *Watch) closes(h interface{ drop() }) {
	if w == nil {
		return
	}
	w.handles.Lock()
	defer w.handles.Unlock()
	delete(w.open, h)
}

// disk returns what is known of a file system, by its device number.
func (w *Watch) disk(number uint64) *disk {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.numbered(number)
}

func (w *Watch) numbered(number uint64) *disk {
	d := w.disks[number]
	if d == nil {
		d = &disk{number: number}
		w.disks[number] = d
	}
	return d
}

// Call is a piece of work that is under way with a runner.
type Call struct {
	work  chan func() bool // of the runner; returns whether it was in time
	done  chan bool        // gets one word for each piece of work: true when it ended, false when it is left behind
	state atomic.Uint64    // in the upper half how many steps were begun, by this runner
	now   uint64           // the state, as the runner set it
	at    func(step int) spot
	lost  int   // the step at which it was left behind
	on    *disk // that counts it as silent, under the Watch's lock

	// of the watching goroutine
	seen   uint64
	waited time.Duration
}

// spot is what a system call is made on.
type spot struct {
	path string
	disk *disk // nil: not known
	file *file // nil: not of an open file
}

// The lower half of a state is the index of the step, or one of these.
const (
	gone     = ^uint64(0) // the whole state: the work is left behind
	resting  = 1 << 31
	finished = resting | 1
)

// Step begins with system calls on the step-th thing. It returns false when the work is left behind: it must end at once.
func (c *Call) Step(step int) bool { return c.set(uint64(step)) }

// Rest tells that what comes next is no system call on a source. It returns false when the work is left behind.
func (c *Call) Rest() bool { return c.set(resting) }

// next begins with another system call on the same thing.
func (c *Call) next() bool { return c == nil || c.set(c.now&(1<<32-1)) }

func (c *Call) set(low uint64) bool {
	if c == nil {
		return true
	}
	next := (c.now>>32+1)<<32 | low
	if !c.state.CompareAndSwap(c.now, next) {
		return false
	}
	c.now = next
	return true
}

// errLeftBehind ends work that nobody waits for any more.
var errLeftBehind = errors.New("nobody waits for this any more")

// do lets a runner make system calls, and waits. A result that comes too late is closed if it can be.
func do[T any](w *Watch, at func(step int) spot, fn func(c *Call) (T, error)) (T, error) {
	var none T
	c := w.runner()
	if c == nil {
		return none, w.ctx.Err()
	}
	result := new(struct {
		value T
		err   error
	})
	c.at = at
	c.set(0)
	c.work <- func() bool {
		result.value, result.err = fn(c)
		if c.set(finished) {
			return true
		}
		if late, ok := any(result.value).(io.Closer); ok && result.err == nil {
			_ = late.Close() // only read from
		}
		return false
	}
	select {
	case ended := <-c.done:
		if !ended {
			sp := at(c.lost)
			return none, &fs.PathError{Op: "read", Path: sp.path, Err: &NoAnswerError{Path: sp.path, Step: c.lost, disk: sp.disk}}
		}
	case <-w.ctx.Done():
		if w.leave(c) {
			return none, w.ctx.Err()
		}
		if !<-c.done {
			return none, w.ctx.Err()
		}
	}
	w.rest(c)
	return result.value, result.err
}

// runner returns a runner without work, nil when the watch's context has ended.
func (w *Watch) runner() *Call {
	if w.ctx.Err() != nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.idle); n > 0 {
		c := w.idle[n-1]
		w.idle = w.idle[:n-1]
		return c
	}
	c := &Call{work: make(chan func() bool), done: make(chan bool, 1)}
	c.set(finished)
	w.runners[c] = struct{}{}
	go func() {
		for work := range c.work {
			if !work() {
				break
			}
			c.done <- true
		}
		w.end(c)
	}()
	return c
}

// rest takes a runner back whose work is done.
func (w *Watch) rest(c *Call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		close(c.work)
		return
	}
	w.idle = append(w.idle, c)
}

// end forgets a runner that has nothing to do any more, or whose work was left behind and has an answer after all.
func (w *Watch) end(c *Call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.on != nil {
		c.on.silent.Add(-1)
	}
	w.forget(c)
}

func (w *Watch) forget(c *Call) {
	if _, ok := w.runners[c]; !ok {
		return
	}
	delete(w.runners, c)
	if w.closed && len(w.runners) == 0 {
		close(w.none)
	}
}

// leave leaves work behind whose result nobody wants. It returns false when a word of its end is on the way.
func (w *Watch) leave(c *Call) bool {
	for {
		state := c.state.Load()
		if state == gone || uint32(state) == finished {
			return false
		}
		if c.state.CompareAndSwap(state, gone) {
			return true
		}
	}
}

// watch looks at the calls under way now and then, and leaves those behind that have no answer.
func (w *Watch) watch(ctx context.Context) {
	defer close(w.ended)
	every := max(5*time.Millisecond, min(w.p.Patience/60, 500*time.Millisecond))
	if w.p.Hangs != nil {
		every = time.Millisecond
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	last, shown := time.Now(), ""
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			// A process that was stopped for a while has not waited.
			waiting := w.look(min(now.Sub(last), 2*every))
			if last = now; waiting != shown && w.p.Waiting != nil {
				w.p.Waiting(waiting)
			}
			shown = waiting
		}
	}
}

// look looks at all calls, the last time this long ago, and returns the path of one that has had no answer for a while.
func (w *Watch) look(passed time.Duration) (waiting string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var longest time.Duration
	for c := range w.runners {
		state := c.state.Load()
		if state != c.seen || state == gone || state&resting != 0 {
			c.seen, c.waited = state, 0
			continue
		}
		c.waited += passed
		step := int(uint32(state))
		sp, patience := spot{}, w.p.Patience
		if w.p.Hangs != nil {
			if sp = c.at(step); !w.p.Hangs(sp.path) {
				c.waited = 0
				continue
			}
			patience = 2 * passed
		}
		if c.waited < patience/shownPatience {
			continue
		}
		sp = c.at(step)
		if c.waited > longest {
			longest, waiting = c.waited, sp.path
		}
		if sp.disk != nil && sp.disk.silent.Load() > 0 {
			patience /= silentPatience
		}
		if c.waited >= patience && c.state.CompareAndSwap(state, gone) {
			w.silent(c, step, sp)
		}
	}
	return waiting
}

// silent leaves a call behind that has no answer.
func (w *Watch) silent(c *Call, step int, sp spot) {
	on := sp.disk
	if number, at := mountOf(sp.path); at == sp.path && at != "" && (on == nil || on.number != number) {
		on = w.numbered(number) // what is mounted there hangs, and not the disk that it is mounted on
	}
	// The blocks of a file that hangs are one.
	if on != nil && (sp.file == nil || !sp.file.silent.Swap(true)) {
		on.silent.Add(1)
		c.on = on
	}
	c.lost = step
	w.forget(c)
	c.done <- false
}

// Answer makes system calls on a path, and goes on without them where they have no answer, or when ctx ends.
func Answer[T any](ctx context.Context, path string, fn func() (T, error)) (T, error) {
	w := NewWatch(ctx, WatchParams{})
	defer w.Close()
	return do(w, func(int) spot { return spot{path: path} }, func(*Call) (T, error) { return fn() })
}
