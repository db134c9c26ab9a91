// Package again does things again that failed for a reason that passes.
package again

import (
	"context"
	"time"
)

// Sleep waits; it returns earlier, with its error, when ctx ends.
func Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Tries is how often a service is asked that says of itself that it failed.
const Tries = 4

// Until calls do, Tries times at most, until passes does not report of its error that it may pass, after a pause that
// grows. try counts from 1. Errors: the last one of do, that of ctx.
func Until(ctx context.Context, passes func(error) bool, do func(try int) error) error {
	for try, wait := 1, 100*time.Millisecond; ; try, wait = try+1, 4*wait {
		err := do(try)
		if !passes(err) || try == Tries {
			return err
		}
		if err := Sleep(ctx, wait); err != nil {
			return err
		}
	}
}
