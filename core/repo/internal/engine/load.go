package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/sealed"
)

// LoadIndex reads the indexes that are not in memory yet. Call it after
// listing snapshots, never before (docs/format.md, chapter 11).
// A damaged index is reported in bad and the others are used.
func (eng *Engine) LoadIndex(ctx context.Context) (bad []error, err error) {
	eng.mu.Lock()
	defer eng.mu.Unlock()
	l := &loader{eng: eng, fresh: len(eng.loaded) == 0 && len(eng.listed) == 0, superseded: make(map[format.Name]bool)}
	for {
		again, err := l.load(ctx)
		if err != nil {
			return nil, err
		}
		if !again {
			return l.bad, nil
		}
		eng.Unsee() // something came between
	}
}

// IndexChunks is how many chunks an index is filled up to when indexes are merged.
const IndexChunks = 200_000

// loader is the state of one LoadIndex. Indexes are decoded straight into memory, one after the
// other: what is held beside the rows is the objects under way.
type loader struct {
	eng   *Engine
	fresh bool // nothing was loaded before: it may begin anew

	mu         sync.Mutex
	superseded map[format.Name]bool // by an index that is there
	taken      []format.Name
	bad        []error
	gone       bool // one was deleted since it was listed
}

// load reads what is listed and not loaded; again: something came between.
func (l *loader) load(ctx context.Context) (again bool, err error) {
	eng := l.eng
	names, err := eng.List(ctx, format.KindIndex)
	if err != nil {
		return false, err
	}
	l.bad, l.gone = nil, false
	if !l.fresh {
		err = l.later(ctx, names)
		return l.gone, err
	}
	if err := l.objects(ctx, names, func(n format.Name, payload []byte) error {
		if err := l.supersede(payload); err != nil {
			return err
		}
		if l.superseded[n] {
			return nil
		}
		l.taken = append(l.taken, n)
		_, err := format.ScanIndex(payload, eng.takePack)
		return err
	}); err != nil {
		l.forget()
		return false, err
	}
	if !slices.ContainsFunc(l.taken, func(n format.Name) bool { return l.superseded[n] }) {
		// Otherwise a prune has put a newer one in the place of one that is gone.
		return l.gone, nil
	}
	// Rare: a prune was cut off between the new indexes and the end of the old ones.
	l.forget()
	for n := range l.superseded {
		if _, there := names[n]; there {
			eng.loaded[n] = true
		}
	}
	return true, nil
}

// supersede notes what an index takes the place of, once all of it has decoded.
func (l *loader) supersede(payload []byte) error {
	supersedes, err := format.ScanIndex(payload, func(format.PackList) {})
	if err != nil {
		return err
	}
	for _, s := range supersedes {
		l.superseded[s] = true
	}
	return nil
}

// forget begins anew.
func (l *loader) forget() {
	l.eng.Index.Reset()
	clear(l.eng.loaded)
	clear(l.eng.listed)
	l.taken = nil
}

// later is load when rows have been numbered: nothing may be taken that is superseded.
func (l *loader) later(ctx context.Context, names map[format.Name]int64) error {
	eng := l.eng
	payloads := make(map[format.Name][]byte)
	if err := l.objects(ctx, names, func(n format.Name, payload []byte) error {
		if err := l.supersede(payload); err != nil {
			return err
		}
		payloads[n] = payload
		return nil
	}); err != nil {
		return err
	}
	for n, payload := range payloads {
		if l.superseded[n] {
			continue
		}
		if _, err := format.ScanIndex(payload, eng.takePack); err != nil {
			return err
		}
	}
	return nil
}

// objects reads the indexes that are not loaded yet and calls fn with one at
// a time. One that fn takes counts as loaded.
func (l *loader) objects(ctx context.Context, names map[format.Name]int64, fn func(n format.Name, payload []byte) error) error {
	eng := l.eng
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, eng.Store.Properties().Connections))
	for n := range names {
		l.mu.Lock()
		there := eng.loaded[n]
		l.mu.Unlock()
		if there {
			continue
		}
		g.Go(func() error {
			payload, err := eng.Read(gctx, format.KindIndex, n)
			l.mu.Lock()
			defer l.mu.Unlock()
			if err == nil {
				err = fn(n, payload)
			}
			switch {
			case err == nil:
				eng.loaded[n] = true
			case errors.Is(err, sealed.ErrGone):
				l.gone = true
			case errors.Is(err, format.ErrDamaged):
				l.bad = append(l.bad, fmt.Errorf("index %s: %w", n, err))
			default:
				return err
			}
			return nil
		})
	}
	return g.Wait()
}

// takePack puts a pack into memory; loadMu is held.
func (eng *Engine) takePack(p format.PackList) {
	if !eng.listed[p.Name] && eng.Counts(format.KindPack, p.Name) {
		eng.listed[p.Name] = true
		eng.Index.Add(p)
	}
}

// ReadIndex reads an index and returns the packs that it names.
func (eng *Engine) ReadIndex(ctx context.Context, n format.Name) (packs []format.PackList, err error) {
	_, err = eng.ScanIndex(ctx, n, func(p format.PackList) {
		p.Entries = slices.Clone(p.Entries)
		packs = append(packs, p)
	})
	return packs, err
}

// ScanIndex reads an index and calls fn as format.ScanIndex does.
func (eng *Engine) ScanIndex(ctx context.Context, n format.Name, fn func(format.PackList)) (supersedes []format.Name, err error) {
	payload, err := eng.Read(ctx, format.KindIndex, n)
	if err == nil {
		supersedes, err = format.ScanIndex(payload, fn)
	}
	if err != nil {
		return nil, fmt.Errorf("index %s: %w", n, err)
	}
	return supersedes, nil
}
