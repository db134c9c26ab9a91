package api

import (
	"net/netip"
	"sync"
	"time"
)

// Rate allows Burst requests at once and PerMinute in the long run. The zero Rate allows all.
type Rate struct{ PerMinute, Burst int }

// maxBuckets bounds the memory that strangers can fill.
const maxBuckets = 100_000

// limiter is a token bucket for each name.
type limiter struct {
	rate    Rate
	mu      sync.Mutex
	buckets map[string]bucket
}

type bucket struct {
	left float64
	at   time.Time
}

func newLimiter(rate Rate) *limiter { return &limiter{rate: rate, buckets: map[string]bucket{}} }

// take takes one request of name; it returns how long to wait, 0 if it may go on.
func (l *limiter) take(name string, now time.Time) (wait time.Duration) {
	if l.rate.PerMinute <= 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	perSecond, burst := float64(l.rate.PerMinute)/60, float64(max(1, l.rate.Burst))
	b, ok := l.buckets[name]
	if !ok {
		if len(l.buckets) >= maxBuckets {
			l.forget(now, perSecond, burst)
		}
		b = bucket{burst, now}
	}
	b.left = min(burst, b.left+max(0, now.Sub(b.at).Seconds())*perSecond)
	b.at = now
	if b.left >= 1 {
		b.left--
	} else {
		wait = time.Duration((1 - b.left) / perSecond * float64(time.Second))
	}
	l.buckets[name] = b
	return wait
}

// forget drops buckets that are full again; if that is not enough, all.
func (l *limiter) forget(now time.Time, perSecond, burst float64) {
	for name, b := range l.buckets {
		if b.left+now.Sub(b.at).Seconds()*perSecond >= burst {
			delete(l.buckets, name)
		}
	}
	if len(l.buckets) >= maxBuckets {
		clear(l.buckets)
	}
}

// address is what counts as one client: an IPv4 address, or the /64 of an IPv6 one.
func address(remote string) string {
	a, err := netip.ParseAddrPort(remote)
	if err != nil {
		return remote
	}
	ip := a.Addr().Unmap()
	if ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}
