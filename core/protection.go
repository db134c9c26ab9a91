package core

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/profile"
)

// TurnOn gives the backup a key: a new epoch, a fresh backup, its
// proof, and then the unencrypted one is deleted. Cut off anywhere, at least
// one backup restores, and Resume goes on; until the new one is proven, GiveUp takes it back.
// password, if not nil, is to open the new backup too.
// Errors: ErrEncrypted, ErrIncomplete (files could not be read: nothing was deleted), ErrVault…, ….
func (enc Encryption) TurnOn(ctx context.Context, key *backupkey.Key, password *PasswordRequest, progress func(Progress)) (BackupReport,
	error) {
	return enc.change(ctx, ChangeTurnOn, key, password, progress)
}

// TurnOff makes the backup readable without a key, in the same way.
// Errors: ErrNotEncrypted, ErrIncomplete, ….
func (enc Encryption) TurnOff(ctx context.Context, progress func(Progress)) (BackupReport, error) {
	return enc.change(ctx, ChangeTurnOff, nil, nil, progress)
}

// Resume goes on with a change that was cut off, because somebody asks for it: also with turning encryption off where that was to be given
// up and is in force at the destination. Errors: as the change's own.
func (enc Encryption) Resume(ctx context.Context, progress func(Progress)) (BackupReport, error) {
	report, err := enc.resume(ctx, progress)
	if !errors.Is(err, ErrChangeMade) || enc.app.profile.Settings().Change != string(ChangeGiveUpOff) {
		return report, err
	}
	if err := enc.app.profile.Update(func(s *profile.Settings) { s.Change = string(ChangeTurnOff) }); err != nil {
		return report, err
	}
	return enc.change(ctx, ChangeTurnOff, nil, nil, progress)
}

func (enc Encryption) resume(ctx context.Context, progress func(Progress)) (BackupReport, error) {
	switch change := Change(enc.app.profile.Settings().Change); change {
	case ChangeGiveUpOn, ChangeGiveUpOff:
		return BackupReport{}, enc.GiveUp(ctx, progress)
	default:
		return enc.change(ctx, change, nil, nil, progress)
	}
}

func (enc Encryption) change(ctx context.Context, to Change, key *backupkey.Key, password *PasswordRequest,
	progress func(Progress)) (BackupReport, error) {
	kind := RunTurnOn
	if to == ChangeTurnOff {
		kind = RunTurnOff
	}
	return runFor(enc.app, kind, func(run *Run) (BackupReport, error) {
		set := enc.app.profile.Settings()
		switch {
		case set.Repository == "":
			return BackupReport{}, ErrNotSetUp
		case to == ChangeNone:
			return BackupReport{}, fmt.Errorf("%w: there is no change to go on with", ErrInvalid)
		case set.Change != "" && set.Change != string(to):
			return BackupReport{}, fmt.Errorf("%w: %s", ErrChangePending, set.Change)
		}
		c := change{enc: enc, to: to, wanted: key, password: password, run: run, progress: progress}
		return c.do(ctx)
	})
}

// GiveUp takes a change of encryption that is not finished back: what it has stored is
// deleted, and the backup is as it was before. Cut off anywhere, it is to be called again, which
// Backup and Resume do too. progress may be nil.
// Errors: ErrInvalid when there is no change, ErrChangeMade, ….
func (enc Encryption) GiveUp(ctx context.Context, progress func(Progress)) error {
	return enc.app.run(RunGiveUp, func(run *Run) error { return enc.giveUp(ctx, run, progress) })
}

func (enc Encryption) giveUp(ctx context.Context, run *Run, progress func(Progress)) error {
	c := change{enc: enc, giveUp: true, run: run, progress: progress}
	switch Change(enc.app.profile.Settings().Change) {
	case ChangeNone:
		return fmt.Errorf("%w: there is no change of encryption to give up", ErrInvalid)
	case ChangeTurnOn, ChangeGiveUpOn:
		c.to = ChangeTurnOn
	case ChangeTurnOff, ChangeGiveUpOff:
		c.to = ChangeTurnOff
	}
	_, err := c.do(ctx)
	return err
}

// Key returns the backup key, to show it. Errors: ErrNotEncrypted.
func (enc Encryption) Key(ctx context.Context) (*backupkey.Key, error) {
	k, err := enc.app.key(ctx)
	if err != nil {
		return nil, raise(err)
	}
	if k == nil {
		return nil, ErrNotEncrypted
	}
	return k, nil
}

// tryRemoveAccount removes the vault's account of a key that is not needed any more, if there is one. A vault
// that does not answer keeps an account that opens nothing.
func (enc Encryption) tryRemoveAccount(ctx context.Context, key *backupkey.Key) {
	card := enc.app.profile.Settings().VaultCard
	if card == nil || enc.app.p.Vaults == nil || key == nil {
		return
	}
	accounts := enc.app.Passwords().accounts()
	at, err := accounts.Own(card)
	if err == nil {
		err = accounts.Remove(ctx, at, key)
	}
	if err != nil {
		enc.app.p.Log.Warn("the account in the vault could not be removed", "cause", err)
	}
}
