package prune

import (
	"context"

	"github.com/holdfast-backup/holdfast/core/repo"
)

// What tests of this package in package prune_test see.
const (
	MoveReserve  = moveReserve
	SmallPacks   = smallPacks
	SmallIndexes = smallIndexes
	PlanFor      = planFor
)

// Reindex is reindex.
func Reindex(ctx context.Context, r *repo.Repository, known, busy map[repo.Name]bool, keep func(pack repo.Name) bool) error {
	return reindex(ctx, r.Engine(), known, busy, keep)
}
