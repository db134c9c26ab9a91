package vault_test

import (
	"bytes"
	"context"
	"flag"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core/opaque"
	"github.com/holdfast-backup/holdfast/core/opaque/opaquetest"
	"github.com/holdfast-backup/holdfast/vault"
	"github.com/holdfast-backup/holdfast/vault/hsm"
)

var benchAccounts = flag.String("vault.accounts", "1000", "sizes of the store for BenchmarkRecovery, like 1000,1000000")

const (
	benchPersons = 400 // who recover in one round
	benchRounds  = 5
	benchWorkers = 64 // at once
)

// BenchmarkRecovery measures full recoveries with SoftHSM and a bbolt file with fsync, the
// client's work kept out: all KE1 are made before, the vault answers them all (timed), the clients work out
// their KE3, and the vault answers those (timed). It prints the ratio to what the same SoftHSM does
// at four derives each, and the latencies of both messages at half the load. Run it with -benchtime 1x.
func BenchmarkRecovery(b *testing.B) {
	for size := range strings.SplitSeq(*benchAccounts, ",") {
		n, err := strconv.Atoi(size)
		must(b, err)
		b.Run(size, func(b *testing.B) {
			for b.Loop() {
				benchRecovery(b, n)
			}
		})
	}
}

func benchRecovery(b *testing.B, accounts int) {
	h := openToken(b)
	store, err := vault.OpenBolt(filepath.Join(b.TempDir(), "store.db"))
	must(b, err)
	defer store.Close() //nolint:errcheck // a test's
	v, err := vault.Open(b.Context(), vault.Params{Store: store, HSM: h})
	must(b, err)
	must(b, v.Fill(max(0, accounts-benchPersons)))
	v.Close()
	begun := time.Now()
	v, err = vault.Open(b.Context(), vault.Params{Store: store, HSM: h})
	must(b, err)
	defer v.Close()
	opened := time.Since(begun)
	persons := make([]*person, benchPersons)
	parallelly(len(persons), func(i int) { persons[i] = registered(b, v) })

	var starts, finishes time.Duration
	for range benchRounds {
		tries := prepare(persons)
		starts += timed(func() { parallelly(len(tries), func(i int) { must(b, tries[i].send(tries[i].version)) }) })
		answer(tries)
		finishes += timed(func() { parallelly(len(tries), func(i int) { tries[i].end(b) }) })
	}
	recoveries := float64(benchPersons * benchRounds)
	rate := recoveries / (starts + finishes).Seconds()
	limit := derivesPerSecond(b, h) / 4

	// Half of that load: starts and finishes come at even distances, and take their time from when they were due.
	tries := prepare(persons)
	first := paced(len(tries), recoveries/starts.Seconds()/2, func(i int) { must(b, tries[i].send(tries[i].version)) })
	answer(tries)
	last := paced(len(tries), recoveries/finishes.Seconds()/2, func(i int) { tries[i].end(b) })
	b.ReportMetric(rate, "recoveries/s")
	b.ReportMetric(limit, "hsm-limit/s")
	b.ReportMetric(100*rate/limit, "%of-limit")
	b.ReportMetric(ms(first, .5), "start-p50-ms")
	b.ReportMetric(ms(first, .99), "start-p99-ms")
	b.ReportMetric(ms(last, .5), "finish-p50-ms")
	b.ReportMetric(ms(last, .99), "finish-p99-ms")
	b.ReportMetric(opened.Seconds(), "open-s")
	b.ReportMetric(0, "ns/op")
}

type benchTry struct {
	*try
	version uint64
	ke3     []byte
}

func prepare(persons []*person) []*benchTry {
	tries := make([]*benchTry, len(persons))
	parallelly(len(persons), func(i int) {
		p, c := persons[i], opaquetest.New()
		tries[i] = &benchTry{try: &try{p: p, client: c, ke1: c.KE1(p.password)}, version: p.account().Version}
	})
	runtime.GC()
	return tries
}

// answer is the client's work after KE2.
func answer(tries []*benchTry) {
	parallelly(len(tries), func(i int) {
		t := tries[i]
		ke3, _, _, err := t.client.KE3(t.reply.KE2, t.p.id[:], t.p.v.Public().PublicKey)
		must(t.p.t, err)
		t.ke3 = ke3
	})
	runtime.GC()
}

func (t *benchTry) end(b *testing.B) {
	id := vault.StartID(t.ke1)
	released, err := t.p.v.RecoverFinish(context.Background(), t.p.id, vault.RecoveryFinish{Start: id[:], KE3: t.ke3})
	must(b, err)
	if len(released) == 0 || bytes.Equal(released, t.p.sealedKey) {
		b.Error("nothing was released")
	}
}

func parallelly(n int, do func(int)) {
	work := make(chan int)
	var group sync.WaitGroup
	for range benchWorkers {
		group.Go(func() {
			for i := range work {
				do(i)
			}
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	group.Wait()
}

func timed(do func()) time.Duration {
	begun := time.Now()
	do()
	return time.Since(begun)
}

// paced calls do n times at a rate, and returns how long after it was due each was done.
func paced(n int, perSecond float64, do func(int)) []time.Duration {
	took := make([]time.Duration, n)
	var group sync.WaitGroup
	begun := time.Now()
	for i := range n {
		due := begun.Add(time.Duration(float64(i) / perSecond * float64(time.Second)))
		<-time.After(time.Until(due))
		group.Go(func() {
			do(i)
			took[i] = time.Since(due)
		})
	}
	group.Wait()
	return took
}

func ms(all []time.Duration, quantile float64) float64 {
	slices.Sort(all)
	return float64(all[int(float64(len(all)-1)*quantile)].Microseconds()) / 1000
}

// derivesPerSecond is the most that the token does, with as many callers as sessions.
func derivesPerSecond(b *testing.B, h *hsm.HSM) float64 {
	p := opaque.NewScalar().MultiplyBase()
	const n = 4000
	best := 0.0
	for range 3 {
		took := timed(func() {
			parallelly(n, func(int) {
				_, err := h.StorageSecret(context.Background(), 1, p)
				must(b, err)
			})
		})
		best = max(best, n/took.Seconds())
	}
	return best
}
