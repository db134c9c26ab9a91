package shell

import (
	"context"
	"testing"
)

// What ends while the window closes may want to go on with more: none begins,
// also while somebody waits for the end of all.
func TestNoWorkBeginsAfterStop(t *testing.T) {
	var w *Work
	begun, let, again := make(chan struct{}), make(chan struct{}), false
	w = newWork(func(fn func()) { fn() })
	w.Run(func(context.Context) func() {
		close(begun)
		<-let
		return func() {
			w.Run(func(context.Context) func() { again = true; return nil })
		}
	})
	<-begun
	w.Stop()
	close(let)
	w.Wait()
	if again {
		t.Error("work began after the stop")
	}
}
