package repotest

import (
	"context"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/prune"
	"github.com/holdfast-backup/holdfast/core/store"
)

// Computer is a computer that prunes: what it remembers, and its clock.
type Computer struct {
	Seen prune.State
	Now  time.Time
}

// NewComputer returns one that has pruned nothing yet.
func NewComputer() *Computer {
	return &Computer{Now: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}
}

// Options say what to prune.
func (c *Computer) Options(remove ...repo.Name) prune.Options {
	return prune.Options{Remove: remove, Seen: &c.Seen, Grace: 72 * time.Hour, MaxWaste: 0.25, Now: func() time.Time { return c.Now }}
}

// Prune prunes.
func (c *Computer) Prune(t testing.TB, s store.Store, o prune.Options) prune.Report {
	t.Helper()
	r := Open(t, s, nil)
	p, err := prune.Run(context.Background(), r, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
