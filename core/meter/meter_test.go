package meter

import (
	"testing"
	"time"
)

// A pause does not count as slowness, and early on nothing is said about the time left.
func TestSpeedAndTimeLeft(t *testing.T) {
	r := Report{BytesTotal: 1000}
	m := &Meter{read: func() Report { return r }}
	at := func(after time.Duration, done int64) Report {
		r.BytesDone = done
		return m.progress(time.Unix(1_000_000, 0).Add(after))
	}
	if got := at(0, 0); got.BytesPerSecond != 0 || got.TimeLeft >= 0 {
		t.Errorf("the first report says %v a second and %v", got.BytesPerSecond, got.TimeLeft)
	}
	if got := at(2*time.Second, 5); got.BytesPerSecond != 2.5 || got.TimeLeft >= 0 {
		t.Errorf("with 0.5 %% done: %v a second and %v left", got.BytesPerSecond, got.TimeLeft)
	}
	if got := at(4*time.Second, 200); got.BytesPerSecond != 50 || got.TimeLeft != 16*time.Second {
		t.Errorf("with 20 %% done: %v a second and %v left", got.BytesPerSecond, got.TimeLeft)
	}
	r.Paused = true
	at(5*time.Second, 200)
	r.Paused = false
	at(100*time.Second, 200)
	if got := at(101*time.Second, 300); got.BytesPerSecond != 100 || got.TimeLeft != 7*time.Second {
		t.Errorf("behind a pause: %v a second and %v left", got.BytesPerSecond, got.TimeLeft)
	}
	if got := at(130*time.Second, 300); got.BytesPerSecond != 0 {
		t.Errorf("the average goes over more than its window: %v", got.BytesPerSecond)
	}
}
