package store

import (
	"cmp"
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Bandwidth is how fast all that share it may upload. The zero value is no limit.
type Bandwidth struct{ limit atomic.Pointer[limit] }

// limit is one that holds at some times.
type limit struct {
	*rate.Limiter
	holds func(time.Time) bool // nil: always
}

// perSecond is into how many parts a second is cut: a new limit counts after
// one of them, and no more than one is sent at once.
const perSecond = 4

// Set changes the limit; 0 is none. holds reports when it holds, nil: always. What is being waited for goes on at the new one.
func (b *Bandwidth) Set(bytesPerSecond int64, holds func(time.Time) bool) {
	if bytesPerSecond <= 0 {
		b.limit.Store(nil)
		return
	}
	l := rate.NewLimiter(rate.Limit(bytesPerSecond), int(min(max(bytesPerSecond/perSecond, 1), 1<<30)))
	b.limit.Store(&limit{l, holds})
}

// wait returns when n bytes may be sent.
func (b *Bandwidth) wait(ctx context.Context, n int) error {
	for n > 0 {
		l := b.limit.Load()
		if l == nil || l.holds != nil && !l.holds(time.Now()) {
			return nil
		}
		part := min(n, l.Burst())
		if err := l.WaitN(ctx, part); err != nil {
			return cmp.Or(ctx.Err(), context.DeadlineExceeded) // it also fails early, when the deadline would come first
		}
		n -= part
	}
	return nil
}

// Limited is a store whose uploads share a bandwidth: each object is sent when
// as much time has gone by as it may take. The average holds the limit, not
// the single object, which a store takes whole.
func Limited(s Store, b *Bandwidth) Store {
	if b == nil {
		panic("store.Limited: Bandwidth is missing")
	}
	return &limited{s, b}
}

type limited struct {
	Store
	bandwidth *Bandwidth
}

// Free implements Spacer, if the store does.
func (l *limited) Free(ctx context.Context) (uint64, error) { return Free(ctx, l.Store) }

// CleanTemporary implements TemporaryCleaner, if the store does.
func (l *limited) CleanTemporary(ctx context.Context, olderThan time.Duration) (int, error) {
	return CleanTemporary(ctx, l.Store, olderThan)
}

// ReadWhole implements WholeReader.
func (l *limited) ReadWhole(ctx context.Context, name string, maxBytes int64) ([]byte, error) {
	return ReadAll(ctx, l.Store, name, maxBytes)
}

func (l *limited) Put(ctx context.Context, name string, data []byte) error {
	return l.paced(ctx, "put", name, data, l.Store.Put)
}

func (l *limited) Replace(ctx context.Context, name string, data []byte) error {
	return l.paced(ctx, "replace", name, data, l.Store.Replace)
}

func (l *limited) paced(ctx context.Context, op, name string, data []byte, send func(context.Context, string, []byte) error) error {
	if err := CheckName(name); err != nil {
		return send(ctx, name, data) // which refuses it
	}
	if err := l.bandwidth.wait(ctx, len(data)); err != nil {
		return &Error{Op: op, Name: name, Location: l.Properties().Location, Err: err}
	}
	return send(ctx, name, data)
}
