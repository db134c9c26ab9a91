package sealed

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/store"
)

// glimpses are what one list of everything showed, while it is believed.
type glimpses struct {
	mu   sync.Mutex
	now  *glimpse // nil: there is none
	last int      // how many objects were seen the last time
}

// glimpse is what a list of everything showed.
type glimpse struct {
	at    time.Time
	of    map[format.ObjectKind][]store.Object
	names int
	fresh bool // it shows what was put just before
}

// glimpseFor is how long a list of everything is believed. A computer may have slept in between.
const glimpseFor = time.Minute

// fewNames is how many objects one question lists everywhere.
const fewNames = 900

// Glimpse lists everything at once, where that costs one question instead of many (store.Properties.Flat), and has lists
// of kinds come from that until Unsee. shows, if not "", is an object that was put just before: a list that does not show it is
// not believed, as with Doubt. Such a place looks at marks before packs (docs/format.md, chapter 12). Elsewhere it does
// nothing. Errors: ErrStale, those of store.
func (o *Objects) Glimpse(ctx context.Context, shows string) error {
	if !o.Store.Properties().Flat {
		return nil
	}
	var g *glimpse
	err := untilFresh(ctx, "", func() (fresh bool, err error) {
		g, err = o.look(ctx)
		if err != nil || shows == "" {
			return true, err
		}
		_, g.fresh = g.find(shows)
		return g.fresh, nil
	})
	if err != nil {
		return err
	}
	o.seen.mu.Lock()
	defer o.seen.mu.Unlock()
	o.seen.now, o.seen.last = g, g.names
	return nil
}

func (o *Objects) look(ctx context.Context) (*glimpse, error) {
	g := &glimpse{at: time.Now().Round(0), of: make(map[format.ObjectKind][]store.Object)}
	err := o.Store.List(ctx, "", func(there store.Object) error {
		g.names++
		for _, kind := range format.Kinds {
			if strings.HasPrefix(there.Name, kind.Prefix()) {
				g.of[kind] = append(g.of[kind], there)
				break
			}
		}
		return nil
	})
	return g, err
}

// find returns an object of some kind, if it was listed.
func (g *glimpse) find(name string) (store.Object, bool) {
	for _, all := range g.of {
		for _, there := range all {
			if there.Name == name {
				return there, true
			}
		}
	}
	return store.Object{}, false
}

// Unsee has lists ask again. What this computer puts and deletes is not in what was seen before.
func (o *Objects) Unsee() {
	o.seen.mu.Lock()
	defer o.seen.mu.Unlock()
	o.seen.now = nil
}

// glimpsed returns what was seen, nil if nothing that is still believed. Who doubts believes only what is fresh.
func (o *Objects) glimpsed() *glimpse {
	o.seen.mu.Lock()
	defer o.seen.mu.Unlock()
	if g := o.seen.now; g != nil && (g.fresh || o.doubts.Load() == 0) {
		if age := time.Since(g.at); age >= 0 && age < glimpseFor {
			return g
		}
		o.seen.now = nil
	}
	return nil
}

// AreThere makes sure that an object is there that was put just before. It reports whether another one is there, too.
// Errors: *LostError if the first is not there, those of store.
func (o *Objects) AreThere(ctx context.Context, put string, size int, other string) (bool, error) {
	o.seen.mu.Lock()
	few := o.seen.last <= fewNames
	o.seen.mu.Unlock()
	if p := o.Store.Properties(); few && p.Flat && p.Lags { // elsewhere a list takes longer than two looks
		if g, err := o.look(ctx); err == nil {
			there, first := g.find(put)
			if _, second := g.find(other); first && second && there.Size == int64(size) {
				return true, nil
			}
		}
	}
	var there bool
	both, bctx := errgroup.WithContext(ctx)
	both.Go(func() error { return o.sure(bctx, put, size) })
	both.Go(func() (err error) {
		there, err = o.isThere(bctx, other)
		return err
	})
	return there, both.Wait()
}

// untilFresh asks until a list is fresh, for half a minute. Errors: ErrStale, those of ask and ctx.
func untilFresh(ctx context.Context, what string, ask func() (fresh bool, err error)) error {
	for wait := staleFirst; ; wait *= 2 {
		fresh, err := ask()
		switch {
		case err != nil:
			return err
		case fresh:
			return nil
		case wait > staleLast:
			return fmt.Errorf("%w (%s)", ErrStale, what)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
