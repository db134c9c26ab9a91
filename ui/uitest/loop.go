// Package uitest is a person in front of a window, for the tests of the window and of what is in it: it reads
// what is shown. Only tests import it.
package uitest

import (
	"os"
	"sync"
	"time"
)

// Loop is the toolkit's goroutine of a test: what the window's work hands in
// runs on the test's own goroutine, so that nothing is read while it changes.
type Loop struct {
	Wake chan struct{} // gets a value when something was handed in
	// Run, if not nil, runs what was handed in, and may measure it.
	Run func(fn func())

	mu  sync.Mutex
	fns []func()
}

// NewLoop makes a loop.
func NewLoop() *Loop { return &Loop{Wake: make(chan struct{}, 1)} }

// Do hands in a function, from any goroutine.
func (l *Loop) Do(fn func()) {
	l.mu.Lock()
	l.fns = append(l.fns, fn)
	l.mu.Unlock()
	select {
	case l.Wake <- struct{}{}:
	default:
	}
}

// Drain runs what was handed in, until there is nothing more.
func (l *Loop) Drain() {
	for {
		l.mu.Lock()
		fns := l.fns
		l.fns = nil
		l.mu.Unlock()
		if len(fns) == 0 {
			return
		}
		for _, fn := range fns {
			if l.Run != nil {
				l.Run(fn)
			} else {
				fn()
			}
		}
	}
}

// Prepare has the tests of a package read English at noon. The toolkit speaks the system's language, which it
// learns from the environment, and complains of the locale C. Tests speak of today and let hours pass: they
// must not depend on when they run.
func Prepare() {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANGUAGE"} {
		if err := os.Unsetenv(name); err != nil {
			panic(err)
		}
	}
	if err := os.Setenv("LANG", "en_US.UTF-8"); err != nil {
		panic(err)
	}
	ahead := 12 - time.Now().UTC().Hour()
	time.Local = time.FixedZone("noon", ahead*60*60)
}
