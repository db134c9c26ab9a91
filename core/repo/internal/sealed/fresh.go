package sealed

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/store"
)

// ErrStale: the destination does not list what was stored there a moment ago.
var ErrStale = errors.New("the place does not list what was just stored there: its lists lag behind")

// Doubt has lists show that they are fresh before they are believed, until end is called. It is for work that deletes, or
// gives up keys, because something is not listed. At places whose lists are
// what is there (store.Properties.Lags) it changes nothing.
func (o *Objects) Doubt() (end func()) {
	o.doubts.Add(1)
	return func() { o.doubts.Add(-1) }
}

// Names calls fn for each object, whether it counts or not, whose name begins with a kind's prefix.
// Errors: ErrStale, those of store and fn.
func (o *Objects) Names(ctx context.Context, kind format.ObjectKind, fn func(store.Object) error) error {
	if g := o.glimpsed(); g != nil {
		return each(g.of[kind], fn)
	}
	if o.doubts.Load() == 0 || !o.Store.Properties().Lags {
		return o.Store.List(ctx, kind.Prefix(), fn)
	}
	var all []store.Object
	err := untilFresh(ctx, kind.Prefix(), func() (fresh bool, err error) {
		all, fresh, err = o.fresh(ctx, kind)
		return fresh, err
	})
	if err != nil {
		return err
	}
	return each(all, fn)
}

func each(all []store.Object, fn func(store.Object) error) error {
	for _, there := range all {
		if err := fn(there); err != nil {
			return err
		}
	}
	return nil
}

// Between lists that are not fresh are pauses that double, half a minute in all.
const (
	staleFirst = 500 * time.Millisecond
	staleLast  = 16 * time.Second
)

// fresh lists the objects of a kind, and reports whether the list shows one that was stored just before: then it shows all
// that was there at that time.
func (o *Objects) fresh(ctx context.Context, kind format.ObjectKind) (all []store.Object, fresh bool, err error) {
	probe := newProbe(kind)
	if err := o.Put(ctx, probe, nil); err != nil {
		return nil, false, err
	}
	defer func() {
		// One that stays is deleted by the next list that shows it, a day later.
		if gone := o.Store.Delete(context.WithoutCancel(ctx), probe); gone != nil && err == nil {
			err = gone
		}
	}()
	err = o.Store.List(ctx, kind.Prefix(), func(there store.Object) error {
		switch {
		case there.Name == probe:
			fresh = true
		case !IsProbe(kind, there.Name):
			all = append(all, there)
		case left(there.Name):
			return o.Store.Delete(ctx, there.Name)
		}
		return nil
	})
	return all, fresh, err
}

const probePrefix = "fresh-"

// newProbe returns the name of an object that only shows whether a list is fresh (docs/format.md, chapter 12).
func newProbe(kind format.ObjectKind) string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // documented never to fail
	return kind.Prefix() + probePrefix + strconv.FormatInt(time.Now().Unix(), 16) + "-" + hex.EncodeToString(random[:])
}

// IsProbe reports whether a name is that of an object that only shows whether a list is fresh.
func IsProbe(kind format.ObjectKind, name string) bool {
	return strings.HasPrefix(name, kind.Prefix()+probePrefix)
}

// left reports whether a probe was left by somebody long ago. A clock that is wrong costs a list that is asked for again.
func left(name string) bool {
	_, rest, _ := strings.Cut(name, probePrefix)
	at, _, _ := strings.Cut(rest, "-")
	seconds, err := strconv.ParseInt(at, 16, 64)
	age := time.Since(time.Unix(seconds, 0))
	return err != nil || age > 24*time.Hour || age < -24*time.Hour
}
