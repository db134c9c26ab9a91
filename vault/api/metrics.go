package api

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// bounds of the latency histogram, in seconds.
var bounds = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}

// Gauge is a metric that the program adds; its name follows "holdfast_vault_".
type Gauge struct {
	Name, Help string
	Value      float64
}

// metrics count requests by route. Routes are known beforehand, so a stranger
// cannot add series.
type metrics struct {
	mu     sync.Mutex
	routes map[string]*routeMetrics
}

type routeMetrics struct {
	statuses map[int]uint64
	buckets  []uint64
	sum      float64
	count    uint64
}

func (m *metrics) add(route string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.routes == nil {
		m.routes = map[string]*routeMetrics{}
	}
	m.routes[route] = &routeMetrics{statuses: map[int]uint64{}, buckets: make([]uint64, len(bounds))}
}

func (m *metrics) observe(route string, status int, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.routes[route]
	r.statuses[status]++
	r.sum += took.Seconds()
	r.count++
	for i, bound := range bounds {
		if took.Seconds() <= bound {
			r.buckets[i]++
		}
	}
}

// Metrics answers GET /metrics in the Prometheus text format. It belongs on a
// listener of its own, which only the operator can reach.
func (s *Server) Metrics() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		s.writeMetrics(w, s.isReady(r.Context()) == nil)
	})
	return mux
}

func (s *Server) writeMetrics(w io.Writer, ready bool) {
	c := s.p.Vault.Counts()
	up := 0
	if ready {
		up = 1
	}
	for _, m := range []struct {
		name, kind, help string
		value            any
	}{
		{"ready", "gauge", "1 if the token answers and the store is anchored.", up},
		{"accounts", "gauge", "Accounts, destroyed ones included.", c.Accounts},
		{"open_starts", "gauge", "Recoveries that wait for their KE3.", c.OpenStarts},
		{"commit_number", "gauge", "Number of the last commit: how often a label on the token was written since init.", c.CommitNumber},
		{"storage_generation", "gauge", "Generation of the storage key.", c.Generation},
		{"commit_groups_total", "counter", "Groups of changes made durable.", c.Groups},
		{"commits_total", "counter", "Changes made durable.", c.Commits},
		{"registrations_total", "counter", "Passwords set.", c.Registrations},
		{"deletions_total", "counter", "Accounts removed by their owners.", c.Deletions},
		{"guesses_total", "counter", "Guesses counted.", c.Guesses},
		{"guesses_right_total", "counter", "Guesses with the right password.", c.Right},
		{"guesses_wrong_total", "counter", "Guesses that were wrong, also those that nobody finished.", c.Wrong},
		{"guesses_returned_total", "counter", "Guesses given back, since the token failed before it evaluated anything.", c.Returned},
		{"guesses_delayed_total", "counter", "Guesses refused because of a delay.", c.Waits},
		{"accounts_destroyed_total", "counter", "Accounts destroyed after ten guesses.", c.Destroyed},
		{"evaluations_total", "counter", "Evaluations by the HSM for recoveries.", c.Evaluations},
	} {
		_, _ = fmt.Fprintf(w, "# HELP holdfast_vault_%s %s\n# TYPE holdfast_vault_%s %s\nholdfast_vault_%s %v\n", m.name, m.help, m.name, m.kind,
			m.name, m.value)
	}
	if s.p.Gauges != nil {
		for _, g := range s.p.Gauges() {
			_, _ = fmt.Fprintf(w, "# HELP holdfast_vault_%s %s\n# TYPE holdfast_vault_%s gauge\nholdfast_vault_%s %g\n", g.Name, g.Help, g.Name,
				g.Name, g.Value)
		}
	}
	s.metrics.write(w)
}

func (m *metrics) write(w io.Writer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := slices.Sorted(maps.Keys(m.routes))
	const requests, seconds = "holdfast_vault_requests_total", "holdfast_vault_request_seconds"
	_, _ = fmt.Fprintf(w, "# HELP %s Requests by route and status.\n# TYPE %s counter\n", requests, requests)
	for _, name := range names {
		for _, status := range slices.Sorted(maps.Keys(m.routes[name].statuses)) {
			_, _ = fmt.Fprintf(w, "%s{route=%q,status=\"%d\"} %d\n", requests, name, status, m.routes[name].statuses[status])
		}
	}
	_, _ = fmt.Fprintf(w, "# HELP %s Time to answer by route.\n# TYPE %s histogram\n", seconds, seconds)
	for _, name := range names {
		r := m.routes[name]
		for i, bound := range bounds {
			_, _ = fmt.Fprintf(w, "%s_bucket{route=%q,le=\"%g\"} %d\n", seconds, name, bound, r.buckets[i])
		}
		_, _ = fmt.Fprintf(w, "%s_bucket{route=%q,le=\"+Inf\"} %d\n%s_sum{route=%q} %g\n%s_count{route=%q} %d\n", seconds, name, r.count, seconds,
			name, r.sum, seconds, name, r.count)
	}
}
