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
func (r *Repository) Reindex(ctx context.Context, known, busy map[Name]bool, keep func(pack Name) bool) error {
	return r.reindex(ctx, known, busy, keep)
}
