package ui

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
)

// All stories run on a core that fails the test when the toolkit's goroutine,
// which a test is for its window, calls what may wait: for a disk, a vault, a
// keyring. So no handler can hold the window up. How long handlers take in
// fact is measured: -v tells the slowest.

// offUI watches who calls core. What it does not override answers from memory.
type offUI struct {
	App
	t  *testing.T
	ui string // the goroutine that must not
}

func goroutine() string {
	var b [64]byte
	line := b[:runtime.Stack(b[:], false)]
	return string(bytes.Fields(line)[1])
}

func (o *offUI) away(call string) {
	if goroutine() == o.ui {
		o.t.Errorf("%s is called on the toolkit's goroutine", call)
	}
}

func (o *offUI) Setup(ctx context.Context, r core.SetupRequest) error {
	o.away("Setup")
	return o.App.Setup(ctx, r)
}

func (o *offUI) SetSources(ctx context.Context, s, x []string) error {
	o.away("SetSources")
	return o.App.SetSources(ctx, s, x)
}

func (o *offUI) SetSchedule(s core.Schedule) error {
	o.away("SetSchedule")
	return o.App.SetSchedule(s)
}

func (o *offUI) PauseSchedule(t time.Time) error {
	o.away("PauseSchedule")
	return o.App.PauseSchedule(t)
}

func (o *offUI) SetDestination(ctx context.Context, d string, fresh bool) error {
	o.away("SetDestination")
	return o.App.SetDestination(ctx, d, fresh)
}

func (o *offUI) SetUploadLimit(n int64) error {
	o.away("SetUploadLimit")
	return o.App.SetUploadLimit(n)
}

func (o *offUI) Pin(ctx context.Context, ids []string, pinned bool) error {
	o.away("Pin")
	return o.App.Pin(ctx, ids, pinned)
}

func (o *offUI) DeleteSnapshots(ctx context.Context, ids []string) error {
	o.away("DeleteSnapshots")
	return o.App.DeleteSnapshots(ctx, ids)
}

func (o *offUI) ConfirmKey() error {
	o.away("ConfirmKey")
	return o.App.ConfirmKey()
}

func (o *offUI) Estimate(ctx context.Context, s, x []string, p func(int64, int64)) (int64, int64, error) {
	o.away("Estimate")
	return o.App.Estimate(ctx, s, x, p)
}

func (o *offUI) Backup(ctx context.Context, p func(core.Progress)) (core.BackupReport, error) {
	o.away("Backup")
	return o.App.Backup(ctx, p)
}

func (o *offUI) TurnOnEncryption(ctx context.Context, k *backupkey.Key, r *core.PasswordRequest, p func(core.Progress)) (core.BackupReport, error) {
	o.away("TurnOnEncryption")
	return o.App.TurnOnEncryption(ctx, k, r, p)
}

func (o *offUI) TurnOffEncryption(ctx context.Context, p func(core.Progress)) (core.BackupReport, error) {
	o.away("TurnOffEncryption")
	return o.App.TurnOffEncryption(ctx, p)
}

func (o *offUI) GiveUpChange(ctx context.Context, p func(core.Progress)) error {
	o.away("GiveUpChange")
	return o.App.GiveUpChange(ctx, p)
}

func (o *offUI) ResumeChange(ctx context.Context, p func(core.Progress)) (core.BackupReport, error) {
	o.away("ResumeChange")
	return o.App.ResumeChange(ctx, p)
}

func (o *offUI) Key(ctx context.Context) (*backupkey.Key, error) {
	o.away("Key")
	return o.App.Key(ctx)
}

func (o *offUI) BeforeKeyChange(ctx context.Context) ([]core.Kept, error) {
	o.away("BeforeKeyChange")
	return o.App.BeforeKeyChange(ctx)
}

func (o *offUI) ChangeKey(ctx context.Context, k *backupkey.Key, r *core.PasswordRequest) error {
	o.away("ChangeKey")
	return o.App.ChangeKey(ctx, k, r)
}

func (o *offUI) Vaults() ([]core.VaultToken, string) {
	o.away("Vaults")
	return o.App.Vaults()
}

func (o *offUI) VaultStatus(ctx context.Context) (core.VaultState, error) {
	o.away("VaultStatus")
	return o.App.VaultStatus(ctx)
}

func (o *offUI) AskVault(ctx context.Context, card []byte, typed core.TypedVault, trust core.VaultTrust) (core.VaultState, error) {
	o.away("AskVault")
	return o.App.AskVault(ctx, card, typed, trust)
}

func (o *offUI) SetPassword(ctx context.Context, r core.PasswordRequest) error {
	o.away("SetPassword")
	return o.App.SetPassword(ctx, r)
}

func (o *offUI) CheckPassword(ctx context.Context, p []byte) error {
	o.away("CheckPassword")
	return o.App.CheckPassword(ctx, p)
}

func (o *offUI) RemovePassword(ctx context.Context) error {
	o.away("RemovePassword")
	return o.App.RemovePassword(ctx)
}

// Elsewhere only gives a value: what it does is called on that.
func (o *offUI) Elsewhere() core.Elsewhere {
	return o.App.Elsewhere()
}

func (o *offUI) Reader(ctx context.Context) (*core.Reader, error) {
	o.away("Reader")
	return o.App.Reader(ctx)
}

func (o *offUI) Drill(ctx context.Context, r core.DrillRequest, p func(core.Progress)) (core.DrillReport, error) {
	o.away("Drill")
	return o.App.Drill(ctx, r, p)
}

func (o *offUI) Prune(ctx context.Context, r core.PruneRequest, p func(core.Progress)) (core.PruneReport, error) {
	o.away("Prune")
	return o.App.Prune(ctx, r, p)
}

func (o *offUI) Verify(ctx context.Context, r core.VerifyRequest, p func(core.Progress)) (core.VerifyReport, error) {
	o.away("Verify")
	return o.App.Verify(ctx, r, p)
}

// stopwatch is how long the handlers of all stories kept a processor, by what
// was pressed: by the clock, whatever else the machine does would count too.
type stopwatch struct {
	mu    sync.Mutex
	taken map[string][]time.Duration
}

var handlers = stopwatch{taken: make(map[string][]time.Duration)}

func (s *stopwatch) measure(what string, handler func()) {
	runtime.LockOSThread()
	begin := threadTime()
	handler()
	took := threadTime() - begin
	runtime.UnlockOSThread()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken[what] = append(s.taken[what], took)
}

// report tells the slowest by their median.
func (s *stopwatch) report(to io.Writer) {
	median := func(d []time.Duration) time.Duration { slices.Sort(d); return d[len(d)/2] }
	slow, calls, over := slices.Collect(maps.Keys(s.taken)), 0, 0
	for _, d := range s.taken {
		calls += len(d)
		for _, took := range d {
			if took > frame {
				over++
			}
		}
	}
	slices.SortFunc(slow, func(a, b string) int { return cmp.Compare(median(s.taken[b]), median(s.taken[a])) })
	_, _ = fmt.Fprintf(to, "%d handlers ran, %d of them over %v; the slowest:\n", calls, over, frame)
	for _, what := range slow[:min(15, len(slow))] {
		d := s.taken[what]
		_, _ = fmt.Fprintf(to, "%8.1f ms median, %6.1f ms most, %3d times  %s\n", ms(median(d)), ms(d[len(d)-1]), len(d), what)
	}
}

// frame is how long a handler may hold up the window.
const frame = 16 * time.Millisecond

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
