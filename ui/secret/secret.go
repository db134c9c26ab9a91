// Package secret asks for what opens a backup: passwords, the 64 digits, the
// vaults that check passwords, and the PINs of their tokens. It makes new
// secrets known to the person, and turns encryption on and off.
package secret

import (
	"context"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/ui/shell"
)

// Core is what secrets need of core.App.
type Core struct {
	App
	Passwords  Passwords
	Encryption Encryption
}

// App is a part of core.App.
type App interface {
	Status() core.Status
	KeyringAnswers(ctx context.Context) error
	UseKeyFile() error
}

// Passwords is core.Passwords.
type Passwords interface {
	Possible() bool
	Vaults() (tokens []core.VaultToken, software string)
	State(ctx context.Context) (core.VaultState, error)
	Single() (core.TypedVault, bool)
	Own() []core.VaultTrust
	Find(ctx context.Context, address string) (typed core.TypedVault, show core.VaultTrust, err error)
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

// Params are what the feature needs.
type Params struct {
	Window *shell.Window
	Core   Core
	// KnownVaults are addresses of vaults that are offered for a password.
	KnownVaults []string
	// Print prints a PDF; nil where nothing prints.
	Print func(ctx context.Context, title string, pdf []byte) error
}

// Feature asks for secrets, and changes them.
type Feature struct {
	w     *shell.Window
	core  Core
	print func(ctx context.Context, title string, pdf []byte) error
	// knownVaults are addresses to choose from.
	knownVaults []string

	trusted []core.VaultTrust // vaults that the person agreed to in this window
}

// New makes the feature of a window.
func New(p Params) *Feature {
	return &Feature{w: p.Window, core: p.Core, print: p.Print, knownVaults: p.KnownVaults}
}
