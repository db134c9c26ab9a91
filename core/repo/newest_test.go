package repo_test

import (
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core/repo"
)

// What was made while a clock was wrong is not the newest while something else is there.
func TestNewestIsNotInTheFuture(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) *repo.Snapshot { return &repo.Snapshot{Begin: now.Add(d)} }
	old, fresh, ahead, far, farther := at(-48*time.Hour), at(-time.Minute), at(time.Hour), at(1000*time.Hour), at(9000*time.Hour)
	for name, c := range map[string]struct {
		all  []*repo.Snapshot
		want *repo.Snapshot
	}{
		"none":                     {nil, nil},
		"all in the past":          {[]*repo.Snapshot{old, fresh}, fresh},
		"a clock an hour ahead":    {[]*repo.Snapshot{old, fresh, ahead}, ahead},
		"clocks that were wrong":   {[]*repo.Snapshot{old, fresh, far, farther}, fresh},
		"nothing but wrong clocks": {[]*repo.Snapshot{far, farther}, farther},
	} {
		if got := repo.Newest(c.all, now); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
