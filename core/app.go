package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/holdfast-backup/holdfast/core/backup"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/profile"
	"github.com/holdfast-backup/holdfast/core/store"
)

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
	p.Places = p.Places.KeptBy(prof)
	a := &App{p: p, profile: prof}
	a.uploads.Set(prof.Settings().UploadLimit, prof.Settings().UploadHours.Hold)
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

// Close gives the profile back. Long work must have ended.
func (a *App) Close() error { return a.profile.Close() }

// SetUploadLimit limits how many bytes a second go to the destination, from
// now on, a running backup's too, at those hours of the day; 0 is no limit. Errors: ErrInvalid.
func (a *App) SetUploadLimit(bytesPerSecond int64, at Hours) error {
	if bytesPerSecond < 0 || !at.Valid() {
		return fmt.Errorf("%w: %d bytes a second from %d to %d o'clock", ErrInvalid, bytesPerSecond, at.From, at.To)
	}
	err := a.profile.Update(func(s *profile.Settings) { s.UploadLimit, s.UploadHours = bytesPerSecond, at })
	if err == nil {
		a.uploads.Set(bytesPerSecond, at.Hold)
	}
	return err
}

// LimitUploads is SetUploadLimit for this process alone: nothing is remembered.
func (a *App) LimitUploads(bytesPerSecond int64) { a.uploads.Set(bytesPerSecond, nil) }

// KeyringAnswers returns nil if this computer has a safe place for a key. It may wait for a person who unlocks
// it. Errors: ErrNoKeyring, ….
func (a *App) KeyringAnswers(ctx context.Context) error { return raise(a.profile.KeyringAnswers(ctx)) }

// UseKeyFile keeps the key that protects this computer's secrets in a file that only its owner may read, where no keyring answers.
func (a *App) UseKeyFile() error { return raise(a.profile.UseKeyFile()) }

// Passwords holds the verbs about the password of the backup and the vault that checks it.
type Passwords struct{ app *App }

// Encryption holds the verbs about the key of the backup.
type Encryption struct{ app *App }

// Upkeep holds the verbs about stored data: verify, drill, prune, erase, repair.
type Upkeep struct{ app *App }

// Passwords returns the verbs about the password.
func (a *App) Passwords() Passwords { return Passwords{a} }

// Encryption returns the verbs about the key.
func (a *App) Encryption() Encryption { return Encryption{a} }

// Upkeep returns the verbs about what is stored.
func (a *App) Upkeep() Upkeep { return Upkeep{a} }
