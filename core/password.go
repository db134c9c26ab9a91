package core

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-backup/holdfast/core/account"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/protection"
	"github.com/holdfast-backup/holdfast/core/vaults"
)

// Set puts the backup's key behind a password: a first one, another
// one, or a new one in place of one that was forgotten; this computer has the
// key, so the old password is not asked for. A destroyed account lives again.
// The password counts as set once it has opened the account.
// Errors: ErrNotSetUp, ErrNotEncrypted, ErrChangePending, ErrWeakPassword, ErrVault….
func (pw Passwords) Set(ctx context.Context, req PasswordRequest) error {
	return pw.app.run(RunPassword, func(*Run) error { return pw.setPassword(ctx, req) })
}

func (pw Passwords) setPassword(ctx context.Context, req PasswordRequest) error {
	r, key, err := pw.openForPassword(ctx)
	if err != nil {
		return err
	}
	defer r.Store().Close() //nolint:errcheck // nothing is buffered
	defer key.Clear()
	old := r.Facts().VaultCard
	c, err := pw.accounts().Choose(req.request(), old)
	if err != nil {
		return err
	}
	if c.Shared() {
		if old != nil && c.New() {
			return pw.spread(ctx, req, old, key)
		}
		place, err := pw.accounts().Register(ctx, c, req.request(), key, pw.accounts().KeepIn(r))
		if err != nil {
			return err
		}
		return pw.accounts().Set(place, req.Vault)
	}
	// What is needed to reach the account there is now, before another address is remembered.
	before, beforeErr := pw.accounts().Own(old)
	place, err := pw.accounts().Register(ctx, c, req.request(), key, nil)
	if err != nil {
		return err
	}
	moves := !req.Vault.IsZero() && beforeErr == nil && !before.SameAccount(place)
	if moves {
		if err := pw.accounts().Retire(ctx, before, key); err != nil {
			return err
		}
	}
	if err := protection.SetVaultCard(ctx, r, place.Text()); err != nil {
		if !req.Vault.IsZero() {
			err = errors.Join(err, pw.accounts().Remove(ctx, place, key))
		}
		return err
	}
	if err := pw.accounts().Set(place, req.Vault); err != nil {
		return err
	}
	if moves {
		// The old vault need not answer: what it holds opens the backup as before,
		// with the old password. It is told in the history.
		return pw.accounts().Replaced(ctx, before, place.Text())
	}
	return nil
}

func (pw Passwords) accounts() account.Accounts {
	return account.Accounts{Profile: pw.app.profile, Vaults: pw.app.p.Vaults, Log: pw.app.p.Log}
}

// openForPassword opens the profile's encrypted backup, with its key.
func (pw Passwords) openForPassword(ctx context.Context) (*repo.Repository, *backupkey.Key, error) {
	switch set := pw.app.profile.Settings(); {
	case pw.app.p.Vaults == nil:
		return nil, nil, fmt.Errorf("%w: this build has no vaults", ErrInvalid)
	case set.Repository == "":
		return nil, nil, ErrNotSetUp
	case set.Change != "":
		return nil, nil, ErrChangePending
	}
	r, err := pw.app.openToWrite(ctx, asItIs)
	if err != nil {
		return nil, nil, err
	}
	if r.Facts().Protection != repo.ProtectionKey {
		return nil, nil, errors.Join(ErrNotEncrypted, r.Store().Close())
	}
	key, err := pw.app.key(ctx)
	if err == nil && key == nil {
		err = ErrSecretsDamaged
	}
	if err != nil {
		return nil, nil, errors.Join(err, r.Store().Close())
	}
	return r, key, nil
}

// spread moves a password from one vault to several. That vault's operator can test the old password,
// and with it the old key, for ever. So both are new: a password that opens the old account is refused, and the key is changed.
func (pw Passwords) spread(ctx context.Context, req PasswordRequest, old []byte, key *backupkey.Key) error {
	at, err := pw.accounts().Own(old)
	if err != nil {
		return err
	}
	same, err := account.Recover(ctx, pw.app.p.Vaults, at, req.Password, key.ID(), nil)
	switch {
	case err == nil:
		same.Clear()
		return ErrSamePassword
	case ctx.Err() != nil:
		return ctx.Err()
	case !errors.Is(err, ErrWrongPassword):
		pw.app.p.Log.Info("the old vault did not say whether the password is new", "cause", err)
	}
	next, err := backupkey.New()
	if err != nil {
		return err
	}
	defer next.Clear()
	return pw.app.Encryption().changeKey(ctx, next, &req)
}

// registerNew makes accounts in the vaults that the person named, with a key that no backup has yet. old is the card of the
// backup whose vaults it is where none is named; nil: there is none.
func (pw Passwords) registerNew(ctx context.Context, req PasswordRequest, old []byte, key *backupkey.Key) (VaultPlace, error) {
	c, err := pw.accounts().Choose(req.request(), old)
	if err != nil {
		return VaultPlace{}, err
	}
	return pw.accounts().Register(ctx, c.Anew(), req.request(), key, account.NotYet)
}

// Check reports whether the person still knows the password, by opening
// the account with it: one guess, given back when it is right.
// Errors: ErrNoPassword, ErrWrongPassword, ErrPasswordGone, ErrVault….
func (pw Passwords) Check(ctx context.Context, password []byte) error {
	return pw.app.run(RunPassword, func(*Run) error { return pw.checkPassword(ctx, password) })
}

func (pw Passwords) checkPassword(ctx context.Context, password []byte) error {
	r, key, err := pw.openForPassword(ctx)
	if err != nil {
		return err
	}
	defer r.Store().Close() //nolint:errcheck // only read from
	defer key.Clear()
	card := r.Facts().VaultCard
	if card == nil {
		return ErrNoPassword
	}
	at, err := pw.accounts().Own(card)
	if err != nil {
		return err
	}
	var report VaultReport
	got, err := account.Recover(ctx, pw.app.p.Vaults, at, password, key.ID(), func(got *vaults.Recovered) {
		report = got.Report
		pw.accounts().Mend(ctx, r, key, got)
	})
	if err != nil {
		pw.accounts().Ask(ctx, card)
		return err
	}
	got.Clear()
	card = r.Facts().VaultCard // this very text: it is the header's, mended or not
	pw.accounts().SweepBriefly(ctx, card)
	if err := pw.accounts().Confirm(card); err != nil {
		return err
	}
	if s, ok := pw.accounts().Ask(ctx, card); ok { // all guesses are there again
		s.Findings = report.Findings
		return pw.accounts().Remember(s)
	}
	return nil
}

// Remove deletes the account in the vault: from then on only the 64
// digits open the backup. Errors: ErrNoPassword, ErrVault….
func (pw Passwords) Remove(ctx context.Context) error {
	return pw.app.run(RunPassword, func(*Run) error { return pw.removePassword(ctx) })
}

func (pw Passwords) removePassword(ctx context.Context) error {
	r, key, err := pw.openForPassword(ctx)
	if err != nil {
		return err
	}
	defer r.Store().Close() //nolint:errcheck // nothing is buffered
	defer key.Clear()
	card := r.Facts().VaultCard
	if card == nil {
		return ErrNoPassword
	}
	at, err := pw.accounts().Own(card)
	if err != nil {
		return err
	}
	if err := pw.accounts().Retire(ctx, at, key); err != nil {
		return err
	}
	if err := pw.accounts().Removed(ctx, at); err != nil {
		return err // the header still has the card: what it names is not old
	}
	if err := protection.SetVaultCard(ctx, r, nil); err != nil {
		return err
	}
	return pw.app.profile.Update(account.Forget)
}

// Vaults are the vaults on offer without an address: this computer's tokens
// and its own software token ("" where there can be none).
func (pw Passwords) Vaults() (tokens []VaultToken, software string) {
	if pw.app.p.Vaults == nil {
		return nil, ""
	}
	return pw.app.p.Vaults.Tokens(), pw.app.p.Vaults.SoftwareToken()
}

// Possible reports whether this build reaches vaults at all; a card is all it
// takes then.
func (pw Passwords) Possible() bool { return pw.app.p.Vaults != nil }

// Find asks the vault at an address who it is. show is for the person, who compares it with what they know before the vault is
// given anything; typed is for PasswordRequest then. Errors: ErrInvalid (no such address), ErrVaultUnreachable.
func (pw Passwords) Find(ctx context.Context, address string) (typed TypedVault, show VaultTrust, err error) {
	return pw.app.Elsewhere().FindVault(ctx, address)
}

// Ask asks the vault of a backup somewhere about its account, as on a new
// computer: no profile is needed, no guess is used. card is the one at the
// destination; typed and trust are as in PasswordRequest.
// Errors: *VaultNotTrustedError, ErrNoPassword, ErrVault….
func (pw Passwords) Ask(ctx context.Context, card []byte, typed TypedVault, trust VaultTrust) (VaultState, error) {
	if pw.app.p.Vaults == nil {
		return VaultState{}, ErrNoPassword
	}
	at, err := placeOf(card, typed, trust, pw.accounts().Knows)
	if err != nil {
		return VaultState{}, err
	}
	s, err := pw.app.p.Vaults.State(ctx, at)
	return s, raise(err)
}

// State asks the vault about the account. Errors: ErrNotSetUp, ErrNoPassword, ErrVault….
func (pw Passwords) State(ctx context.Context) (VaultState, error) {
	set := pw.app.profile.Settings()
	switch {
	case set.Repository == "":
		return VaultState{}, ErrNotSetUp
	case account.Vouched(set) == nil || pw.app.p.Vaults == nil:
		return VaultState{}, ErrNoPassword
	}
	at, err := pw.accounts().Own(set.VaultCard)
	if err != nil {
		return VaultState{}, err
	}
	s, err := pw.app.p.Vaults.State(ctx, at)
	if err != nil {
		return VaultState{}, raise(err)
	}
	if s.OldAccounts, err = pw.accounts().Waiting(ctx); err != nil {
		pw.app.p.Log.Info("the old accounts are not known", "cause", err)
	}
	return s, pw.accounts().Remember(s)
}
