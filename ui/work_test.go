package ui

import (
	"context"
	"testing"
)

// What ends while the window closes may want to go on with more: none begins,
// also while somebody waits for the end of all.
func TestNoWorkBeginsAfterStop(t *testing.T) {
	var w *work
	begun, let, again := make(chan struct{}), make(chan struct{}), false
	w = newWork(func(fn func()) { fn() })
	w.run(func(context.Context) func() {
		close(begun)
		<-let
		return func() {
			w.run(func(context.Context) func() { again = true; return nil })
		}
	})
	<-begun
	w.stop()
	close(let)
	w.wg.Wait()
	if again {
		t.Error("work began after the stop")
	}
}
