package repo

import "context"

// What tests of this package in package repo_test see.
const (
	MoveReserve  = moveReserve
	SmallPacks   = smallPacks
	SmallIndexes = smallIndexes
	PlanFor      = planFor
)

// Reindex is reindex.
func Reindex(ctx context.Context, r *Repository, known, busy map[Name]bool, keep func(pack Name) bool) error {
	return reindex(ctx, r.e, known, busy, keep)
}
