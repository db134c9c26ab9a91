//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// onHangup calls do for each SIGHUP until the function it returns is called.
func onHangup(do func()) (stop func()) {
	signals, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, syscall.SIGHUP)
	go func() {
		defer close(done)
		for range signals {
			do()
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
		<-done
	}
}
