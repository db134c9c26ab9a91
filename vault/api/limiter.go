package api

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rate allows Burst requests at once and PerMinute in the long run. The zero Rate allows all.
type Rate struct{ PerMinute, Burst int }

// Limiter returns one that holds to the rate, nil for the zero Rate.
func (r Rate) Limiter() *rate.Limiter {
	if r.PerMinute <= 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(float64(r.PerMinute)/60), max(1, r.Burst))
}

// maxBuckets bounds the memory that strangers can fill: about 10 MiB for each limiter.
const maxBuckets = 1 << 14

// limiter is a token bucket for each key. Keys have a fixed size. When there are too many,
// the one that was used longest ago is forgotten, and no other.
type limiter[K comparable] struct {
	rate    Rate
	mu      sync.Mutex
	buckets map[K]*list.Element // of order
	order   *list.List          // of *bucket[K]; the front was used last
}

type bucket[K comparable] struct {
	key     K
	limiter *rate.Limiter
}

func newLimiter[K comparable](rate Rate) *limiter[K] {
	return &limiter[K]{rate: rate, buckets: map[K]*list.Element{}, order: list.New()}
}

// take takes one request of key; it returns how long to wait, 0 if it may go on.
func (l *limiter[K]) take(key K, now time.Time) (wait time.Duration) {
	if l.rate.PerMinute <= 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.buckets[key]
	if one == nil {
		if l.order.Len() >= maxBuckets {
			oldest := l.order.Back()
			delete(l.buckets, oldest.Value.(*bucket[K]).key)
			l.order.Remove(oldest)
		}
		one = l.order.PushFront(&bucket[K]{key, l.rate.Limiter()})
		l.buckets[key] = one
	} else {
		l.order.MoveToFront(one)
	}
	r := one.Value.(*bucket[K]).limiter.ReserveN(now, 1)
	if wait = r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// address is what counts as one client: an IPv4 address, or the /64 of an IPv6 one. The zero Prefix is one client, too.
func address(remote string) netip.Prefix {
	a, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	ip := a.Addr().Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
