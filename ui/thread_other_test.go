//go:build !linux

package ui

import "time"

var started = time.Now()

// threadTime is the clock's, where there is none of the thread's own at hand.
func threadTime() time.Duration { return time.Since(started) }
