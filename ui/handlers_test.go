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
	"github.com/holdfast-backup/holdfast/ui/secret"
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

type (
	offPasswords struct {
		secret.Passwords
		*offUI
	}
	offEncryption struct {
		secret.Encryption
		*offUI
	}
	offUpkeep struct {
		Upkeep
		*offUI
	}
)

// watched is a core whose callers are watched.
func watched(t *testing.T, c Core) Core {
	o := &offUI{App: c.App, t: t, ui: goroutine()}
	return Core{o, offPasswords{c.Passwords, o}, offEncryption{c.Encryption, o}, offUpkeep{c.Upkeep, o}}
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

func (o *offUI) AcceptEmpty(sources ...string) error {
	o.away("AcceptEmpty")
	return o.App.AcceptEmpty(sources...)
}

func (o *offUI) KeyringAnswers(ctx context.Context) error {
	o.away("KeyringAnswers")
	return o.App.KeyringAnswers(ctx)
}

func (o *offUI) UseKeyFile() error {
	o.away("UseKeyFile")
	return o.App.UseKeyFile()
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

func (o *offUI) SetUploadLimit(n int64, at core.Hours) error {
	o.away("SetUploadLimit")
	return o.App.SetUploadLimit(n, at)
}

func (o offUpkeep) Pin(ctx context.Context, ids []string, pinned bool) error {
	o.away("Upkeep.Pin")
	return o.Upkeep.Pin(ctx, ids, pinned)
}

func (o offUpkeep) Delete(ctx context.Context, ids []string) error {
	o.away("Upkeep.Delete")
	return o.Upkeep.Delete(ctx, ids)
}

func (o offEncryption) ConfirmKey() error {
	o.away("Encryption.ConfirmKey")
	return o.Encryption.ConfirmKey()
}

func (o *offUI) Estimate(ctx context.Context, s, x []string, p func(int64, int64)) (int64, int64, error) {
	o.away("Estimate")
	return o.App.Estimate(ctx, s, x, p)
}

func (o *offUI) Backup(ctx context.Context, p func(core.Progress)) (core.BackupReport, error) {
	o.away("Backup")
	return o.App.Backup(ctx, p)
}

func (o offEncryption) TurnOn(ctx context.Context, k *backupkey.Key, r *core.PasswordRequest, p func(core.Progress)) (core.BackupReport,
	error) {
	o.away("Encryption.TurnOn")
	return o.Encryption.TurnOn(ctx, k, r, p)
}

func (o offEncryption) TurnOff(ctx context.Context, p func(core.Progress)) (core.BackupReport, error) {
	o.away("Encryption.TurnOff")
	return o.Encryption.TurnOff(ctx, p)
}

func (o offEncryption) GiveUp(ctx context.Context, p func(core.Progress)) error {
	o.away("Encryption.GiveUp")
	return o.Encryption.GiveUp(ctx, p)
}

func (o offEncryption) Resume(ctx context.Context, p func(core.Progress)) (core.BackupReport, error) {
	o.away("Encryption.Resume")
	return o.Encryption.Resume(ctx, p)
}

func (o offEncryption) Key(ctx context.Context) (*backupkey.Key, error) {
	o.away("Encryption.Key")
	return o.Encryption.Key(ctx)
}

func (o offEncryption) BeforeKeyChange(ctx context.Context) ([]core.Kept, error) {
	o.away("Encryption.BeforeKeyChange")
	return o.Encryption.BeforeKeyChange(ctx)
}

func (o offEncryption) ChangeKey(ctx context.Context, k *backupkey.Key, r *core.PasswordRequest) error {
	o.away("Encryption.ChangeKey")
	return o.Encryption.ChangeKey(ctx, k, r)
}

func (o offPasswords) Vaults() ([]core.VaultToken, string) {
	o.away("Passwords.Vaults")
	return o.Passwords.Vaults()
}

func (o offPasswords) State(ctx context.Context) (core.VaultState, error) {
	o.away("Passwords.State")
	return o.Passwords.State(ctx)
}

func (o offPasswords) Ask(ctx context.Context, card []byte, typed core.TypedVault, trust core.VaultTrust) (core.VaultState, error) {
	o.away("Passwords.Ask")
	return o.Passwords.Ask(ctx, card, typed, trust)
}

func (o offPasswords) Set(ctx context.Context, r core.PasswordRequest) error {
	o.away("Passwords.Set")
	return o.Passwords.Set(ctx, r)
}

func (o offPasswords) Check(ctx context.Context, p []byte) error {
	o.away("Passwords.Check")
	return o.Passwords.Check(ctx, p)
}

func (o offPasswords) Remove(ctx context.Context) error {
	o.away("Passwords.Remove")
	return o.Passwords.Remove(ctx)
}

// Elsewhere only gives a value: what it does is called on that.
func (o *offUI) Elsewhere() core.Elsewhere {
	return o.App.Elsewhere()
}

func (o *offUI) Reader(ctx context.Context) (*core.Reader, error) {
	o.away("Reader")
	return o.App.Reader(ctx)
}

func (o offUpkeep) Drill(ctx context.Context, r core.DrillRequest, p func(core.Progress)) (core.DrillReport, error) {
	o.away("Upkeep.Drill")
	return o.Upkeep.Drill(ctx, r, p)
}

func (o offUpkeep) Prune(ctx context.Context, r core.PruneRequest, p func(core.Progress)) (core.PruneReport, error) {
	o.away("Upkeep.Prune")
	return o.Upkeep.Prune(ctx, r, p)
}

func (o offUpkeep) Verify(ctx context.Context, r core.VerifyRequest, p func(core.Progress)) (core.VerifyReport, error) {
	o.away("Upkeep.Verify")
	return o.Upkeep.Verify(ctx, r, p)
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
