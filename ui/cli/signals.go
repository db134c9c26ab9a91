package cli

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// untilSignal returns a context that the first SIGINT, SIGTERM or SIGHUP ends. The second one ends the program at once, as if
// nobody caught it: a file system that does not answer can keep the work from ending. Nothing is lost by that: what is at the
// destination is whole at every moment. SIGHUP stays ignored where it was, as under nohup.
func untilSignal() (context.Context, func()) {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	// A shell without job control starts what runs beside it with SIGINT ignored. Who sends it all the same means it.
	ignored := signal.Ignored(os.Interrupt)
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, cancel := context.WithCancel(context.Background())
	came := make(chan os.Signal, 1)
	signal.Notify(came, signals...)
	done := make(chan struct{})
	go func() {
		select {
		case <-came:
			if !ignored {
				signal.Reset(signals...) // before anybody can know that the first one came
				cancel()
				return
			}
			cancel()
			select {
			case <-came:
				os.Exit(ExitFailed)
			case <-done:
			}
		case <-done:
		}
	}()
	var once sync.Once
	return ctx, func() {
		once.Do(func() {
			signal.Stop(came)
			close(done)
			cancel()
		})
	}
}
