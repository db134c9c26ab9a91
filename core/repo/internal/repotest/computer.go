package repotest

import (
	"context"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/store"
)

// Computer is a computer that prunes: what it remembers, and its clock.
type Computer struct {
	Seen repo.PruneState
	Now  time.Time
}

// NewComputer returns one that has pruned nothing yet.
func NewComputer() *Computer {
	return &Computer{Now: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}
}

// Options say what to prune.
func (c *Computer) Options(remove ...repo.Name) repo.PruneOptions {
	return repo.PruneOptions{Remove: remove, Seen: &c.Seen, Grace: 72 * time.Hour, MaxWaste: 0.25, Now: func() time.Time { return c.Now }}
}

// Prune prunes.
func (c *Computer) Prune(t testing.TB, s store.Store, o repo.PruneOptions) repo.Pruning {
	t.Helper()
	r := Open(t, s, nil)
	p, err := repo.Prune(context.Background(), r, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
