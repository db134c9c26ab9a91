package sealed

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
)

// Records reads all objects of a kind that count. One that is gone by the time it is
// read is left out: a later listing would not have shown it either.
func Records[T any](ctx context.Context, o *Objects, kind format.ObjectKind, decode func([]byte) (T, error)) (map[format.Name]T, error) {
	return RecordsOf(ctx, o, kind, func(n format.Name) bool { return o.Counts(kind, n) }, decode)
}

// RecordsOf is Records of the names that believed picks.
func RecordsOf[T any](ctx context.Context, o *Objects, kind format.ObjectKind, believed func(format.Name) bool,
	decode func([]byte) (T, error)) (map[format.Name]T, error) {
	names, err := o.listOf(ctx, kind, believed)
	if err != nil {
		return nil, err
	}
	out := make(map[format.Name]T, len(names))
	var mu sync.Mutex
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, o.Store.Properties().Connections))
	for n := range names {
		g.Go(func() error {
			payload, err := o.readUnder(gctx, o.Owner(kind, n), kind, n)
			if errors.Is(err, ErrGone) {
				return nil
			}
			if err != nil {
				return err
			}
			v, err := decode(payload)
			if err != nil {
				return fmt.Errorf("%s %s: %w", kind, n, err)
			}
			mu.Lock()
			defer mu.Unlock()
			out[n] = v
			return nil
		})
	}
	return out, g.Wait()
}

// MarkedPacks are the packs of all marks.
func (o *Objects) MarkedPacks(ctx context.Context) (map[format.Name]bool, error) {
	marks, err := Records(ctx, o, format.KindMark, format.DecodeMark)
	out := make(map[format.Name]bool)
	for m := range maps.Values(marks) {
		for _, p := range m.Packs {
			out[p] = true
		}
	}
	return out, err
}
