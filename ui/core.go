package ui

import (
	"context"
	"time"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
)

// Core is what the window uses of core.App.
type Core struct {
	App
	Passwords  Passwords
	Encryption Encryption
	Upkeep     Upkeep
}

// CoreOf returns the parts of an App.
func CoreOf(a *core.App) Core { return Core{a, a.Passwords(), a.Encryption(), a.Upkeep()} }

// App is what every screen may use: what is backed up, when and where to, and what happened.
type App interface {
	Status() core.Status
	Activity() []core.Run
	Setup(ctx context.Context, req core.SetupRequest) error
	SetSources(ctx context.Context, sources, excludes []string) error
	SetSchedule(s core.Schedule) error
	PauseSchedule(until time.Time) error
	SetDestination(ctx context.Context, destination string, fresh bool) error
	SetUploadLimit(bytesPerSecond int64) error
	Estimate(ctx context.Context, sources, excludes []string, progress func(files, bytes int64)) (files, bytes int64, err error)
	Backup(ctx context.Context, progress func(core.Progress)) (core.BackupReport, error)
	AcceptEmpty(sources ...string) error
	KeyringAnswers(ctx context.Context) error
	UseKeyFile() error
	Pause()
	Resume()
	Elsewhere() core.Elsewhere
	Reader(ctx context.Context) (*core.Reader, error)
}

// Passwords is core.Passwords.
type Passwords interface {
	Possible() bool
	Vaults() (tokens []core.VaultToken, software string)
	State(ctx context.Context) (core.VaultState, error)
	Question(card []byte) (show core.VaultTrust, known bool, err error)
	Ask(ctx context.Context, card []byte, typed core.TypedVault, trust core.VaultTrust) (core.VaultState, error)
	Set(ctx context.Context, req core.PasswordRequest) error
	Check(ctx context.Context, password []byte) error
	Remove(ctx context.Context) error
}

// Encryption is core.Encryption.
type Encryption interface {
	NewKey() (*backupkey.Key, error)
	ConfirmKey() error
	TurnOn(ctx context.Context, key *backupkey.Key, password *core.PasswordRequest, progress func(core.Progress)) (core.BackupReport, error)
	TurnOff(ctx context.Context, progress func(core.Progress)) (core.BackupReport, error)
	Resume(ctx context.Context, progress func(core.Progress)) (core.BackupReport, error)
	GiveUp(ctx context.Context, progress func(core.Progress)) error
	Key(ctx context.Context) (*backupkey.Key, error)
	BeforeKeyChange(ctx context.Context) ([]core.Kept, error)
	ChangeKey(ctx context.Context, key *backupkey.Key, password *core.PasswordRequest) error
}

// Upkeep is core.Upkeep.
type Upkeep interface {
	Drill(ctx context.Context, req core.DrillRequest, progress func(core.Progress)) (core.DrillReport, error)
	Prune(ctx context.Context, req core.PruneRequest, progress func(core.Progress)) (core.PruneReport, error)
	Retention() core.Retention
	Pin(ctx context.Context, ids []string, pinned bool) error
	Delete(ctx context.Context, ids []string) error
	Verify(ctx context.Context, req core.VerifyRequest, progress func(core.Progress)) (core.VerifyReport, error)
}
