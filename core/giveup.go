package core

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/profile"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/protection"
)

// GiveUp takes a change of encryption that is not finished back: what it has stored is
// deleted, and the backup is as it was before. Cut off anywhere, it is to be called again, which
// Backup and ResumeChange do too. progress may be nil.
// Errors: ErrInvalid when there is no change, ErrChangeMade, ….
func (enc Encryption) GiveUp(ctx context.Context, progress func(Progress)) error {
	return enc.app.run(RunGiveUp, func(*Run) error { return enc.giveUpChange(ctx, progress) })
}

func (enc Encryption) giveUpChange(ctx context.Context, progress func(Progress)) error {
	set := enc.app.profile.Settings()
	change := Change(set.Change)
	begun, giving := ChangeTurnOn, ChangeGiveUpOn
	switch change {
	case ChangeNone:
		return fmt.Errorf("%w: there is no change of encryption to give up", ErrInvalid)
	case ChangeTurnOff, ChangeGiveUpOff:
		begun, giving = ChangeTurnOff, ChangeGiveUpOff
	}
	var key *backupkey.Key
	if begun == ChangeTurnOn {
		var err error
		if key, err = enc.nextKey(ctx, begun); err != nil {
			return err
		}
		defer key.Clear()
	}
	r, err := enc.app.openToWrite(ctx)
	if err != nil {
		return err
	}
	defer r.Store().Close() //nolint:errcheck // nothing is buffered
	if made(r.Facts(), begun) {
		// A header without encryption needs no secret to forge, and this person has just said that they want it kept: no backup
		// goes on by itself from here. ResumeChange does, when somebody asks for it.
		kept := begun
		if begun == ChangeTurnOff {
			kept = giving
		}
		return errors.Join(ErrChangeMade, enc.app.profile.Update(func(s *profile.Settings) { s.Change = string(kept) }))
	}
	if err := enc.app.profile.Update(func(s *profile.Settings) { s.Change = string(giving) }); err != nil {
		return err
	}
	if err := protection.GiveUp(ctx, r, key, deleting(progress)); err != nil {
		return err
	}
	done := func(s *profile.Settings) {
		s.Change = ""
		s.Known = slices.DeleteFunc(slices.Clone(s.Known), func(id string) bool {
			n, ok := repo.ParseName(id)
			return ok && !r.Wrote(n)
		})
	}
	if begun == ChangeTurnOff {
		return enc.app.profile.Update(done)
	}
	enc.tryRemoveAccount(ctx, key)
	if err := enc.app.profile.Update(func(s *profile.Settings) { done(s); forgetKey(s) }); err != nil {
		return err
	}
	return enc.app.profile.SetSecrets(ctx, &profile.Secrets{})
}

// made reports whether a change is the protection in force, so that deleting what was before is all that is left.
func made(f repo.Facts, change Change) bool {
	return (f.Protection == repo.ProtectionKey) == (change == ChangeTurnOn) && !f.Changing
}
