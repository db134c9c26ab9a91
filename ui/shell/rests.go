package shell

import "time"

// rests let the toolkit's loop rest while there is no window. It looks for
// input sixty times a second, which nobody gives to a window that is not there,
// and takes as much of the processor as the whole rest of Holdfast. So its
// goroutine is held, a lull at a time: between two lulls it does all that waits
// for it, and looks once.
type rests struct {
	w    *Window
	do   func(func()) // runs a function on the toolkit's goroutine, later
	bell chan struct{}
	on   bool // of the toolkit's goroutine
}

func newRests(w *Window, do func(func())) *rests {
	return &rests{w: w, do: do, bell: make(chan struct{}, 1)}
}

// later runs a function on the toolkit's goroutine, at once if it rests.
func (r *rests) later(fn func()) {
	r.do(fn)
	select {
	case r.bell <- struct{}{}:
	default: // it rings already
	}
}

// begin rests from now on, as long as the window is hidden.
func (r *rests) begin() {
	if r.w.desk.Lull > 0 && !r.on {
		r.on = true
		r.do(r.rest)
	}
}

func (r *rests) rest() {
	if r.on = r.w.Hidden; !r.on {
		return
	}
	lull := r.w.desk.Lull
	if r.w.Clip.holds { // who pastes the key is answered by the loop
		lull = min(lull, time.Second/60)
	}
	t := time.NewTimer(lull)
	defer t.Stop()
	select {
	case <-r.bell:
	case <-t.C:
	}
	r.do(r.rest)
}
