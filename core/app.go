package core

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-backup/holdfast/core/backup"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/profile"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/source"
	"github.com/holdfast-backup/holdfast/core/store"
)

// Program is what snapshots say made them.
const Program = "holdfast 0.1"

// Keyring keeps the device key that seals this computer's secrets.
type Keyring = profile.Keyring

// Params are what an App needs.
type Params struct {
	Profile string // the profile's folder
	Keyring Keyring
	// Places is how destinations are opened; the zero value knows folders.
	Places places.Places
	// PackBytes is how large the objects with file data are to be; 0: 16 MiB.
	PackBytes int
	// Vaults reaches vaults; nil: there are no passwords.
	Vaults Vaults
	// Waiting, if not nil, is called with a path of a source that has not answered for a while, from another goroutine, besides being in the
	// Progress.
	Waiting func(path string)
	Log     *slog.Logger // nil logs nothing
}

// App is one profile's Holdfast. It is safe for concurrent use.
type App struct {
	p       Params
	profile *profile.Profile

	mu      sync.Mutex
	running RunKind
	gate    *backup.Gate // of the running work
	uploads store.Bandwidth
	runs    []Run // the history, oldest first
	counted counted
}

// counted is what Estimate counted last.
type counted struct {
	sources, excludes []string
	files, bytes      int64
}

// Open opens a profile. Errors: ErrProfileInUse, ErrSettingsDamaged.
func Open(_ context.Context, p Params) (*App, error) {
	switch {
	case p.Profile == "":
		panic("core.Open: Profile is missing")
	case p.Keyring == nil:
		panic("core.Open: Keyring is missing")
	}
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	prof, err := profile.Open(p.Profile, p.Keyring)
	if err != nil {
		return nil, raise(err)
	}
	a := &App{p: p, profile: prof}
	a.uploads.Set(prof.Settings().UploadLimit)
	err = prof.Runs(func(line []byte) {
		var r Run
		if json.Unmarshal(line, &r) == nil {
			a.runs = append(a.runs, r)
		}
	})
	if err != nil {
		return nil, errors.Join(err, prof.Close())
	}
	a.noteInterrupted()
	return a, nil
}

// noteInterrupted puts a run that was cut off, by a crash or a kill, into the history.
func (a *App) noteInterrupted() {
	var run Run
	if b := a.profile.UnderWay(); b == nil || json.Unmarshal(b, &run) != nil {
		return
	}
	ended := slices.ContainsFunc(a.runs, func(r Run) bool { return r.ID == run.ID }) // it was cut off between the two
	if !ended {
		run.Ended, run.Outcome = run.Started, OutcomeInterrupted
		a.runs = append(a.runs, run)
		if err := a.profile.AppendRun(run); err != nil {
			a.p.Log.Warn("the history could not be written", "cause", err)
			return
		}
	}
	if err := a.profile.EndUnderWay(); err != nil {
		a.p.Log.Warn("the history could not be written", "cause", err)
	}
}

// Close gives the profile back. Long work must have ended.
func (a *App) Close() error { return a.profile.Close() }

// Status tells what the profile knows, without touching the destination.
func (a *App) Status() Status {
	s := a.profile.Settings()
	a.mu.Lock()
	defer a.mu.Unlock()
	st := Status{
		SetUp: s.Repository != "", Destination: s.Destination, Sources: slices.Clone(s.Sources), Excludes: slices.Clone(s.Excludes),
		Protection: Protection(s.Protection), Change: Change(s.Change), KeyConfirmed: s.KeyConfirmed, Running: a.running,
		Password: vouchedCard(s) != nil, PasswordConfirmed: s.PasswordConfirmed, PasswordCheckDue: nextCheck(s), Vault: lastState(s),
	}
	st.Schedule, st.UploadLimit = s.Schedule, s.UploadLimit
	if st.SetUp {
		st.NextBackup = s.Schedule.Next(time.Now(), past(a.runs))
	}
	var made *Run    // the newest backup, whether or not it is there still
	var settled *Run // the newest one that was no part of a change which is not finished
	for i := range a.runs {
		r := &a.runs[i]
		switch r.Kind {
		case RunGiveUp:
			if r.Outcome == OutcomeDone {
				st.LastBackup = settled
			}
		case RunBackup, RunTurnOn, RunTurnOff:
			if (r.Kind == RunBackup || r.Snapshot != "") && !r.Started.Before(s.PlaceSince) {
				st.LastBackup = r
			}
			if r.Kind == RunBackup || r.Outcome == OutcomeDone {
				settled = st.LastBackup
			}
			if r.Snapshot != "" && (r.Outcome == OutcomeDone || r.Outcome == OutcomePartly) {
				made = r
				if slices.Contains(s.Known, r.Snapshot) {
					st.LastGood = r
				}
			}
			if r.Kind != RunBackup && r.Outcome == OutcomeDone {
				st.LastCheck, st.LastDrill, st.Proven = nil, nil, nil // they were of what is deleted
			}
		}
		if r.Started.Before(s.PlaceSince) {
			continue
		}
		switch r.Kind {
		case RunVerify:
			st.LastCheck = r
		case RunPrune:
			st.LastPrune = r
		case RunDrill:
			st.LastDrill = r
			if r.Outcome == OutcomeDone {
				st.Proven = r
			}
		}
	}
	if st.LastGood == nil && len(s.Known) > 0 {
		st.LastGood = made // it has another name since something was erased from it
	}
	if st.LastGood != nil && st.LastGood.Sources != nil {
		for _, path := range st.Sources {
			if name := DisplayName(path); !slices.Contains(st.LastGood.Sources, name) {
				st.NotBackedUp = append(st.NotBackedUp, name)
			}
		}
	}
	for _, last := range []**Run{&st.LastBackup, &st.LastGood, &st.LastCheck, &st.LastPrune, &st.LastDrill, &st.Proven} {
		if *last != nil { // the caller's own, not the history's
			r := **last
			*last = &r
		}
	}
	return st
}

// Activity returns the history, newest first.
func (a *App) Activity() []Run {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := slices.Clone(a.runs)
	slices.Reverse(out)
	return out
}

// NewKey makes a backup key. It is not in use until it is given to Setup,
// TurnOnEncryption or ChangeKey.
func (a *App) NewKey() (*backupkey.Key, error) { return backupkey.New() }

// begin claims the App for one piece of long work. The returned function ends
// it and writes the run into the history.
func (a *App) begin(kind RunKind) (*Run, func(error) error, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running != "" {
		return nil, nil, fmt.Errorf("%w: %s", ErrBusy, a.running)
	}
	a.running, a.gate = kind, &backup.Gate{}
	var id [8]byte
	_, _ = rand.Read(id[:]) // documented never to fail
	run := &Run{ID: hex.EncodeToString(id[:]), Kind: kind, Started: time.Now()}
	if err := a.profile.SetUnderWay(run); err != nil {
		a.p.Log.Warn("the history could not be written", "cause", err)
	}
	return run, func(err error) error { return a.end(run, raise(err)) }, nil
}

const keptProblems = 1000

func (a *App) end(run *Run, err error) error {
	run.Ended = time.Now()
	switch {
	case err == nil && run.ProblemsTotal > 0:
		run.Outcome = OutcomePartly
	case err == nil:
		run.Outcome = OutcomeDone
	case errors.Is(err, context.Canceled):
		run.Outcome = OutcomeCancelled
	default:
		run.Outcome = OutcomeFailed
	}
	if err != nil {
		run.Error, run.Code = err.Error(), Code(err)
	}
	if len(run.Problems) > keptProblems {
		run.Problems = run.Problems[:keptProblems]
	}
	a.mu.Lock()
	a.running, a.gate = "", nil
	a.runs = append(a.runs, *run)
	a.mu.Unlock()
	if herr := errors.Join(a.profile.AppendRun(run), a.profile.EndUnderWay()); herr != nil {
		a.p.Log.Warn("the history could not be written", "cause", herr)
	}
	return err
}

// Pause holds the running backup between files; Resume lets it go on.
func (a *App) Pause() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gate != nil {
		a.gate.Pause()
	}
}

// Resume lets a paused backup go on.
func (a *App) Resume() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gate != nil {
		a.gate.Resume()
	}
}

// Setup makes a new backup, or joins an existing one, and remembers it. When
// it fails the profile is as it was. Errors: ErrAlreadySetUp, ErrInvalid,
// ErrExistingBackup, ErrNoBackup, ErrWrongKey, ErrKeyNeeded, ErrNotEncrypted, ErrNoKeyring, ….
func (a *App) Setup(ctx context.Context, req SetupRequest) error {
	_, end, err := a.begin(RunSetup)
	if err != nil {
		return err
	}
	return end(a.setup(ctx, req))
}

func (a *App) setup(ctx context.Context, req SetupRequest) error {
	if a.profile.Settings().Repository != "" {
		return fmt.Errorf("%w: %s", ErrAlreadySetUp, a.profile.Dir())
	}
	if req.Destination == "" {
		return fmt.Errorf("%w: no destination", ErrInvalid)
	}
	destination, err := places.Absolute(req.Destination)
	if err != nil {
		return err
	}
	sources, err := cleanSources(ctx, req.Sources, destination)
	if err != nil {
		return err
	}
	if _, err := newExclude(req.Excludes); err != nil {
		return err
	}
	s, err := a.p.Places.Open(ctx, destination, !req.Existing)
	if err != nil {
		return err
	}
	defer s.Close() //nolint:errcheck // nothing is buffered
	key := req.Key
	if req.Existing && key == nil && req.Password != nil {
		if key, err = a.Elsewhere().RecoverKey(ctx, destination, *req.Password); err != nil {
			return err
		}
		defer key.Clear()
	}
	// The key is kept before the destination learns of it, so that no crash
	// leaves a backup whose key nobody has.
	if key != nil {
		if err := a.profile.SetSecrets(ctx, &profile.Secrets{Key: key.Bytes()}); err != nil {
			return err
		}
	}
	j, err := a.createOrJoin(ctx, s, req, key)
	if err != nil {
		if key != nil {
			err = errors.Join(err, a.profile.SetSecrets(ctx, &profile.Secrets{}))
		}
		return err
	}
	err = a.profile.Update(func(set *profile.Settings) {
		set.Destination, set.Sources, set.Excludes = destination, sources, slices.Clone(req.Excludes)
		set.Repository, set.Protection, set.Seen = j.repository, string(j.protection), j.seen
		if j.protection == repo.ProtectionKey { // nobody vouches for the card of another one
			set.VaultCard = j.card
		}
		if req.Password != nil {
			set.PasswordConfirmed = time.Now()
			rememberAddress(set, req.Password.Vault)
		}
	})
	if err == nil && req.Existing && req.Password != nil {
		a.askVault(ctx, j.card) // the person's own wrong guesses of just now are no news to them
	}
	return err
}

// joined is what a profile remembers of the backup that it is set up for.
type joined struct {
	repository string
	protection repo.Protection
	card       []byte
	seen       json.RawMessage
}

func joinedTo(r *repo.Repository, key *backupkey.Key) joined {
	j := joined{repository: r.Facts().Repository, protection: repo.ProtectionNone, card: r.Facts().VaultCard, seen: seenBy(r)}
	if key != nil { // the caller's word, not the header's
		j.protection = repo.ProtectionKey
	}
	return j
}

// join opens the backup that is there. Who gives a key demands encryption; without one the person has said
// that the backup has none. Nobody joins in the middle of a change.
func join(ctx context.Context, s store.Store, key *backupkey.Key) (joined, error) {
	r, err := repo.Open(ctx, s, repo.By(key))
	switch {
	case err != nil:
		return joined{}, err
	case r.Facts().Changing:
		return joined{}, ErrChangePending
	}
	return joinedTo(r, key), nil
}

// createOrJoin makes the backup, with its account in the vault, or opens the one there is.
func (a *App) createOrJoin(ctx context.Context, s store.Store, req SetupRequest, key *backupkey.Key) (joined, error) {
	if req.Existing {
		return join(ctx, s, key)
	}
	var account VaultCard
	var card []byte
	if req.Password != nil {
		if key == nil {
			return joined{}, fmt.Errorf("%w: a password without a key", ErrInvalid)
		}
		// No account is made for a place that is taken.
		if _, err := repo.Inspect(ctx, s); !errors.Is(err, repo.ErrNotRepository) {
			return joined{}, cmp.Or(err, repo.ErrExists)
		}
		c, err := a.registerNew(ctx, *req.Password, key)
		if err != nil {
			return joined{}, err
		}
		account, card = c, c.Encode()
	}
	r, err := repo.Create(ctx, s, key, card)
	if err != nil {
		if card != nil {
			err = errors.Join(err, a.removeAccountAt(ctx, registered(account, req.Password.Vault), key))
		}
		return joined{}, err
	}
	return joinedTo(r, key), nil
}

// SetSources changes what is backed up, from the next backup on.
// Errors: ErrNotSetUp, ErrInvalid.
func (a *App) SetSources(ctx context.Context, sources, excludes []string) error {
	settings := a.profile.Settings()
	if settings.Repository == "" {
		return ErrNotSetUp
	}
	clean, err := cleanSources(ctx, sources, settings.Destination)
	if err != nil {
		return err
	}
	if _, err := newExclude(excludes); err != nil {
		return raise(err)
	}
	return a.profile.Update(func(s *profile.Settings) { s.Sources, s.Excludes = clean, slices.Clone(excludes) })
}

// SetUploadLimit limits how many bytes a second go to the destination, from
// now on, a running backup's too; 0 is no limit. Errors: ErrInvalid.
func (a *App) SetUploadLimit(bytesPerSecond int64) error {
	if bytesPerSecond < 0 {
		return fmt.Errorf("%w: %d bytes a second", ErrInvalid, bytesPerSecond)
	}
	if err := a.profile.Update(func(s *profile.Settings) { s.UploadLimit = bytesPerSecond }); err != nil {
		return err
	}
	a.uploads.Set(bytesPerSecond)
	return nil
}

// LimitUploads is SetUploadLimit for this process alone: nothing is remembered.
func (a *App) LimitUploads(bytesPerSecond int64) { a.uploads.Set(bytesPerSecond) }

// KeyringAnswers returns nil if this computer has a safe place for a key. It may wait for a person who unlocks it. Errors: ErrNoKeyring, ….
func (a *App) KeyringAnswers(ctx context.Context) error { return raise(a.profile.KeyringAnswers(ctx)) }

// UseKeyFile keeps the key that protects this computer's secrets in a file that only its owner may read, where no keyring answers.
func (a *App) UseKeyFile() error { return raise(a.profile.UseKeyFile()) }

// ConfirmKey remembers that the person showed to have the 64 digits.
func (a *App) ConfirmKey() error {
	return a.profile.Update(func(s *profile.Settings) { s.KeyConfirmed = time.Now() })
}

// Estimate counts files and bytes of what would be backed up.
func (a *App) Estimate(ctx context.Context, sources, excludes []string, progress func(files, bytes int64)) (files, bytes int64, err error) {
	x, err := newExclude(excludes)
	if err != nil {
		return 0, 0, raise(err)
	}
	files, bytes, err = source.Estimate(ctx, sources, x, progress)
	if err == nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.counted = counted{slices.Clone(sources), slices.Clone(excludes), files, bytes}
	}
	return files, bytes, err
}

// countedOf returns what Estimate counted last, if it was of these sources.
func (a *App) countedOf(sources, excludes []string) (files, bytes int64, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.counted
	return c.files, c.bytes, c.files > 0 && slices.Equal(c.sources, sources) && slices.Equal(c.excludes, excludes)
}

// FoundApp is a program whose files on this computer are worth keeping. ID is
// one of signal, telegram, telegram-export, whatsapp, whatsapp-export, element,
// thunderbird, messages.
type FoundApp = source.App

// FindApps returns the message programs that have files on this computer.
func FindApps() []FoundApp { return source.FindApps() }

// presetPrefix marks a preset among the exclude patterns.
const presetPrefix = "preset:"

func newExclude(patterns []string) (*source.Exclude, error) {
	var ids, own []string
	for _, p := range patterns {
		if id, ok := strings.CutPrefix(p, presetPrefix); ok {
			ids = append(ids, id)
		} else {
			own = append(own, p)
		}
	}
	presets, err := source.PresetsByID(ids)
	if err != nil {
		return nil, err
	}
	return source.NewExclude(own, presets...)
}

// Preset is a group of exclusions; put "preset:" and its ID among the excludes.
type Preset struct{ ID, Title string }

// Presets returns the groups of exclusions on offer.
func Presets() []Preset {
	var out []Preset
	for _, p := range source.Presets() {
		out = append(out, Preset{p.ID, p.Title})
	}
	return out
}

// cleanSources makes the paths absolute and refuses what cannot work.
func cleanSources(ctx context.Context, sources []string, destination string) ([]string, error) {
	if len(sources) == 0 {
		return nil, fmt.Errorf("%w: nothing to back up", ErrInvalid)
	}
	var out []string
	for _, s := range sources {
		abs, err := filepath.Abs(s)
		if err != nil {
			return nil, err
		}
		inside, err := source.Answer(ctx, abs, func() (bool, error) {
			_, err := os.Stat(abs)
			return err == nil && liesIn(abs, destination), err
		})
		switch {
		case errors.Is(err, source.ErrNoAnswer), ctx.Err() != nil:
			return nil, err
		case err != nil:
			return nil, fmt.Errorf("%w: %w", ErrNoSource, err)
		case inside:
			return nil, &fs.PathError{Op: "backup inside of", Path: abs, Err: ErrPlaceInside}
		}
		if !slices.Contains(out, abs) {
			out = append(out, abs)
		}
	}
	for _, a := range out {
		for _, b := range out {
			if a != b && places.Within(a, b) {
				return nil, fmt.Errorf("%w: %s is in %s already", ErrInvalid, b, a)
			}
		}
	}
	return out, nil
}

// liesIn reports whether a destination is a folder or below it, as far as that can be seen.
func liesIn(folder, destination string) bool {
	return places.IsPath(destination) && (places.Within(folder, destination) || places.Holds(folder, destination))
}

// namedSources gives each source its name in the root directory: its last
// path element, made unique.
func namedSources(paths []string) []repo.Source {
	taken := make(map[string]bool)
	var out []repo.Source
	for _, p := range paths {
		base := filepath.Base(p)
		if !repo.ValidName(base) {
			base = "computer" // the root of the file system
		}
		name := base
		for i := 2; taken[name]; i++ {
			name = fmt.Sprintf("%s (%d)", base, i)
		}
		taken[name] = true
		out = append(out, repo.Source{Name: name, Path: p})
	}
	return out
}

func whoami() (host, name string) {
	host, _ = os.Hostname() // "" where unknown: it is only shown
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return host, name
}
