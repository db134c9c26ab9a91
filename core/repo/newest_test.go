package repo

import (
	"testing"
	"time"
)

// What was made while a clock was wrong is not the newest while something else is there.
func TestNewestIsNotInTheFuture(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) *Snapshot { return &Snapshot{Begin: now.Add(d)} }
	old, fresh, ahead, far, farther := at(-48*time.Hour), at(-time.Minute), at(time.Hour), at(1000*time.Hour), at(9000*time.Hour)
	for name, c := range map[string]struct {
		all  []*Snapshot
		want *Snapshot
	}{
		"none":                     {nil, nil},
		"all in the past":          {[]*Snapshot{old, fresh}, fresh},
		"a clock an hour ahead":    {[]*Snapshot{old, fresh, ahead}, ahead},
		"clocks that were wrong":   {[]*Snapshot{old, fresh, far, farther}, fresh},
		"nothing but wrong clocks": {[]*Snapshot{far, farther}, farther},
	} {
		if got := Newest(c.all, now); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
