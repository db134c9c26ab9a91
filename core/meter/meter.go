package meter

import (
	"context"
	"sync"
	"time"
)

// Meter turns counters into reports, several times a second.
type Meter struct {
	report func(Report)
	read   func() Report // the counters, without speed and time left

	mu      sync.Mutex
	samples []sample
	stop    context.CancelFunc
	done    chan struct{}
}

type sample struct {
	at    time.Time
	bytes int64
}

const (
	meterEvery  = 200 * time.Millisecond
	meterWindow = 20 * time.Second // the moving average
	// trust is how much must be done before a time left is shown: early
	// estimates are wrong.
	trustTime  = time.Second
	trustShare = 0.01
	trustLong  = 5 * time.Second // after that also where less was done
)

// Start reports until End is called. report may be nil.
func Start(ctx context.Context, report func(Report), read func() Report) *Meter {
	ctx, stop := context.WithCancel(ctx)
	m := &Meter{report: report, read: read, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(m.done)
		if report == nil {
			return
		}
		tick := time.NewTicker(meterEvery)
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				report(m.progress(now))
			case <-ctx.Done():
				return
			}
		}
	}()
	return m
}

// End stops the reports and sends a last one.
func (m *Meter) End() {
	m.stop()
	<-m.done
	if m.report != nil {
		m.report(m.progress(time.Now()))
	}
}

func (m *Meter) progress(now time.Time) Report {
	p := m.read()
	p.TimeLeft = -1
	m.mu.Lock()
	defer m.mu.Unlock()
	if p.Paused {
		m.samples = nil // the pause must not count as slowness
		return p
	}
	m.samples = append(m.samples, sample{now, p.BytesDone})
	for len(m.samples) > 2 && now.Sub(m.samples[0].at) > meterWindow {
		m.samples = m.samples[1:]
	}
	first := m.samples[0]
	passed := now.Sub(first.at)
	if passed < meterEvery {
		return p
	}
	p.BytesPerSecond = float64(p.BytesDone-first.bytes) / passed.Seconds()
	left := p.BytesTotal - p.BytesDone
	if passed >= trustTime && p.BytesPerSecond > 0 && left >= 0 && p.BytesTotal > 0 &&
		(passed >= trustLong || float64(p.BytesDone) >= trustShare*float64(p.BytesTotal)) {
		p.TimeLeft = time.Duration(float64(left) / p.BytesPerSecond * float64(time.Second))
	}
	return p
}
