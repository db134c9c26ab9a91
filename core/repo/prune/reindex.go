package prune

import (
	"context"
	"errors"
	"slices"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/internal/engine"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/sealed"
)

// Under how many chunks an index counts as small; small ones are merged when there are that many.
const (
	indexSmall   = 20_000
	smallIndexes = 8
	manyIndexes  = 64
)

// reindex writes indexes without the packs that keep refuses, in the place of
// those known indexes that name them, and merges small ones. Those that are busy, or not known, stay as they are.
func reindex(ctx context.Context, eng *engine.Engine, known, busy map[repo.Name]bool, keep func(pack repo.Name) bool) error {
	names, err := eng.List(ctx, format.KindIndex)
	if err != nil {
		return err
	}
	var rewrite, small []repo.Name
	superseded := make(map[repo.Name]bool)
	for n := range names {
		if !known[n] {
			continue
		}
		chunks, refused := 0, false
		supersedes, err := eng.ScanIndex(ctx, n, func(p format.PackList) {
			if keep(p.Name) {
				chunks += len(p.Entries)
			} else {
				refused = true
			}
		})
		if errors.Is(err, sealed.ErrGone) {
			continue // another prune is at it as well
		}
		if err != nil {
			return err
		}
		for _, s := range supersedes {
			superseded[s] = true
		}
		switch {
		case refused:
			rewrite = append(rewrite, n)
		case chunks < indexSmall && !busy[n]:
			small = append(small, n)
		}
	}
	if len(small) >= smallIndexes {
		rewrite = append(rewrite, small...)
	}
	// A superseded one that a crash left may name anything.
	var old []repo.Name
	for n := range superseded {
		if _, there := names[n]; there {
			old = append(old, n)
		}
	}
	rewrite = slices.DeleteFunc(rewrite, func(n repo.Name) bool { return superseded[n] })
	// They are read again, so that one new index is in memory and not all.
	for len(rewrite) > 0 {
		var packs []format.PackList
		var replaced []repo.Name
		for chunks := 0; len(rewrite) > 0 && chunks < engine.IndexChunks; rewrite = rewrite[1:] {
			named, err := eng.ReadIndex(ctx, rewrite[0])
			if errors.Is(err, sealed.ErrGone) {
				continue
			}
			if err != nil {
				return err
			}
			replaced = append(replaced, rewrite[0])
			for _, p := range named {
				if keep(p.Name) {
					packs = append(packs, p)
					chunks += len(p.Entries)
				}
			}
		}
		if len(packs) > 0 {
			if _, err := eng.PutIndex(ctx, replaced, packs); err != nil {
				return err
			}
		}
		old = append(old, replaced...)
	}
	// What was just put must count, also if the key was changed meanwhile, before what it stands for goes.
	if err := eng.CheckHeader(ctx); err != nil {
		return err
	}
	return eng.DeleteAll(ctx, format.KindIndex, old)
}
