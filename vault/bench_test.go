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
	"github.com/holdfast-backup/holdfast/vault/hsm/hsmtest"
	"github.com/holdfast-backup/holdfast/vault/store"
)

var benchAccounts = flag.String("vault.accounts", "1000", "sizes of the store for BenchmarkRecovery, like 1000,1000000")
var benchSessions = flag.Int("vault.sessions", 8, "sessions on the token for BenchmarkRecovery")

const (
	benchPersons = 500 // who recover in one round, in each of two crowds
	benchRounds  = 5
	benchWorkers = 128 // at once
)

// BenchmarkRecovery measures full recoveries with SoftHSM and a bbolt file with fsync, the
// client's work kept out: of two crowds one has its KE3 ready and the other its KE1; the vault answers both at once
// (timed); then the clients do their part (not timed), and the crowds change places. It prints the ratio to what the same SoftHSM does
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
	uri := hsmtest.SoftHSM(b, "vault")
	must(b, hsm.Init(b.Context(), hsm.Params{URI: uri}))
	h, err := hsm.Open(b.Context(), hsm.Params{URI: uri, Sessions: *benchSessions})
	must(b, err)
	defer h.Close()
	db, err := store.OpenBolt(filepath.Join(b.TempDir(), "store.db"))
	must(b, err)
	defer db.Close() //nolint:errcheck // a test's
	v, err := vault.Open(b.Context(), vault.Params{Store: db, HSM: h})
	must(b, err)
	must(b, v.Fill(max(0, accounts-2*benchPersons)))
	v.Close()
	begun := time.Now()
	v, err = vault.Open(b.Context(), vault.Params{Store: db, HSM: h})
	must(b, err)
	defer v.Close()
	opened := time.Since(begun)
	crowds := [2][]*person{make([]*person, benchPersons), make([]*person, benchPersons)}
	for _, c := range crowds {
		parallelly(len(c), func(i int) { c[i] = registered(b, v) })
	}

	ending := prepare(crowds[0])
	parallelly(len(ending), func(i int) { ending[i].begin(b) })
	answer(ending)
	var took time.Duration
	step := func(round int, run func(n int, do func(int))) []*benchTry {
		beginning := prepare(crowds[(round+1)%2])
		took += timed(func() {
			run(2*benchPersons, func(i int) {
				if i%2 == 0 {
					beginning[i/2].begin(b)
				} else {
					ending[i/2].end(b)
				}
			})
		})
		answer(beginning)
		return beginning
	}
	var alone time.Duration // of four derives for each of a crowd
	for round := range benchRounds {
		ending = step(round, parallelly)
		alone += deriveAlone(b, h, 4*benchPersons)
	}
	rate := float64(benchPersons*benchRounds) / took.Seconds()
	limit := float64(benchPersons*benchRounds) / alone.Seconds()

	// Half of that load: messages come at even distances, and take their time from when they were due.
	var first, last []time.Duration
	step(benchRounds, func(n int, do func(int)) {
		for i, d := range paced(n, rate, do) { // two messages a recovery
			if i%2 == 0 {
				first = append(first, d)
			} else {
				last = append(last, d)
			}
		}
	})
	b.ReportMetric(rate, "recoveries/s")
	b.ReportMetric(limit, "hsm-limit/s")
	b.ReportMetric(100*rate/limit, "%of-limit")
	b.ReportMetric(ms(first, .5), "start-p50-ms")
	b.ReportMetric(ms(first, .99), "start-p99-ms")
	b.ReportMetric(ms(last, .5), "finish-p50-ms")
	b.ReportMetric(ms(last, .99), "finish-p99-ms")
	c := v.Counts()
	b.ReportMetric(float64(c.Commits-1)/float64(c.Groups), "changes/commit")
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

func (t *benchTry) begin(b *testing.B) { must(b, t.send(t.version)) }

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

// deriveAlone returns how long the token takes for n derives, with as many callers
// as in the measurement. It is measured in turns with that, since other work on the machine comes and goes.
func deriveAlone(b *testing.B, h *hsm.HSM, n int) time.Duration {
	p := opaque.NewScalar().MultiplyBase()
	return timed(func() {
		parallelly(n, func(int) {
			_, err := h.StorageSecret(context.Background(), 1, p)
			must(b, err)
		})
	})
}
