package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/profile"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/check"
	"github.com/holdfast-backup/holdfast/core/repo/protection"
)

// TurnOn gives the backup a key: a new epoch, a fresh backup, its
// proof, and then the unencrypted one is deleted. Cut off anywhere, at least
// one backup restores, and ResumeChange goes on; until the new one is proven, GiveUpChange takes it back.
// password, if not nil, is to open the new backup too.
// Errors: ErrEncrypted, ErrIncomplete (files could not be read: nothing was deleted), ErrVault…, ….
func (enc Encryption) TurnOn(ctx context.Context, key *backupkey.Key, password *PasswordRequest, progress func(Progress)) (BackupReport, error) {
	return enc.change(ctx, ChangeTurnOn, key, password, progress)
}

// TurnOff makes the backup readable without a key, in the same way.
// Errors: ErrNotEncrypted, ErrIncomplete, ….
func (enc Encryption) TurnOff(ctx context.Context, progress func(Progress)) (BackupReport, error) {
	return enc.change(ctx, ChangeTurnOff, nil, nil, progress)
}

// Resume goes on with a change that was cut off, because somebody asks for it: also with turning encryption off where that was to be given
// up and turns out to be made. Errors: as the change's own.
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

func (enc Encryption) change(ctx context.Context, change Change, key *backupkey.Key, password *PasswordRequest, progress func(Progress)) (BackupReport, error) {
	kind := RunTurnOn
	if change == ChangeTurnOff {
		kind = RunTurnOff
	}
	return runFor(enc.app, kind, func(run *Run) (BackupReport, error) {
		return enc.changeProtection(ctx, change, key, password, run, progress)
	})
}

// changeProtection follows docs/format.md, chapter 11. What the profile
// remembers is always ahead of what the destination knows:
//
//	secrets.Next kept → the vault has it → settings.Change set → BeginTurnOn, BeginTurnOff → fresh backup and
//	proof → CommitChange → settings.Protection, secrets.Key → DropOldEpochs →
//	settings.Change cleared
func (enc Encryption) changeProtection(ctx context.Context, change Change, key *backupkey.Key, password *PasswordRequest, run *Run, progress func(Progress)) (BackupReport, error) {
	set := enc.app.profile.Settings()
	switch {
	case set.Repository == "":
		return BackupReport{}, ErrNotSetUp
	case change == ChangeNone:
		return BackupReport{}, fmt.Errorf("%w: there is no change to go on with", ErrInvalid)
	case set.Change != "" && set.Change != string(change):
		return BackupReport{}, fmt.Errorf("%w: %s", ErrChangePending, set.Change)
	}
	if set.Change == "" {
		if err := enc.startChange(ctx, change, key, password, set); err != nil {
			return BackupReport{}, err
		}
	}
	next, err := enc.nextKey(ctx, change)
	if err != nil {
		return BackupReport{}, err
	}
	var old *backupkey.Key
	defer func() { // the keys of this change, wherever it ends
		next.Clear()
		old.Clear()
	}()
	step := func(s Step, done, total int64) {
		if progress != nil {
			progress(Progress{Step: s, BytesDone: done, BytesTotal: total, TimeLeft: -1})
		}
	}
	step(StepPreparing, 0, 0)
	r, err := enc.app.openToWrite(ctx)
	if err != nil {
		return BackupReport{}, err
	}
	defer r.Store().Close() //nolint:errcheck // nothing is buffered
	var report BackupReport
	if !made(r.Facts(), change) {
		if report, err = enc.moveToNewEpoch(ctx, r, next, run, progress, step); err != nil {
			return report, err
		}
	}
	if err := enc.commitSecrets(ctx, change); err != nil {
		return report, err
	}
	// What follows deletes: on a repository opened anew, as the new protection shows it.
	if r, err = repo.Open(ctx, r.Store(), repo.By(next)); err != nil {
		return report, err
	}
	if change == ChangeTurnOff {
		if old, err = enc.app.key(ctx); err != nil {
			return report, err
		}
		enc.tryRemoveAccount(ctx, old) // while the key is still at hand
	}
	drop := func() error {
		step(StepDeleting, 0, 0)
		return protection.DropOldEpochs(ctx, r, old, deleting(progress))
	}
	err = drop()
	if errors.Is(err, repo.ErrNothingNew) { // it went between its proof and now
		if report, err = enc.backupAfresh(ctx, r, run, progress, step); err == nil {
			err = drop()
		}
	}
	if err != nil {
		return report, err
	}
	if err := enc.finishChange(ctx, r, change); err != nil {
		return report, err
	}
	if run.Snapshot == "" { // an earlier run of this change made the backup, and was cut off after it
		enc.adopt(ctx, r, run)
	}
	return report, nil
}

// adopt makes the history tell of this computer's newest backup as of one that a run has brought to its end.
func (enc Encryption) adopt(ctx context.Context, r *repo.Repository, run *Run) {
	for _, id := range slices.Backward(enc.app.profile.Settings().Known) {
		s, err := r.FindSnapshot(ctx, id)
		if err != nil {
			continue // the backup is whole: only its numbers would be missing
		}
		run.Snapshot, run.Files, run.Bytes, run.Sources = s.ID(), s.Files, s.Bytes, nil
		for _, src := range s.Sources {
			run.Sources = append(run.Sources, DisplayName(src.Path))
		}
		return
	}
}

// startChange makes the profile remember the change and its key, and puts the
// key behind the password.
func (enc Encryption) startChange(ctx context.Context, change Change, key *backupkey.Key, password *PasswordRequest, set profile.Settings) error {
	switch {
	case change == ChangeTurnOn && set.Protection == string(ProtectionKey):
		return ErrEncrypted
	case change == ChangeTurnOff && set.Protection == string(ProtectionNone):
		return ErrNotEncrypted
	case change == ChangeTurnOn && key == nil:
		return fmt.Errorf("%w: no key", ErrInvalid)
	}
	var card []byte
	if change == ChangeTurnOn {
		if err := enc.app.profile.SetSecrets(ctx, &profile.Secrets{Next: key.Bytes()}); err != nil {
			return err
		}
		if password != nil {
			c, err := enc.app.Passwords().registerNew(ctx, *password, key)
			if err != nil {
				return err
			}
			card = c.Encode()
		}
	}
	return enc.app.profile.Update(func(s *profile.Settings) {
		s.Change = string(change)
		if change == ChangeTurnOn {
			// What a version before took from a plain header, for which nobody vouches, ends here.
			s.VaultCard, s.VaultAddress, s.VaultState = nil, "", nil
		}
		if card != nil {
			s.VaultCard, s.PasswordConfirmed = card, time.Now()
			rememberAddress(s, password.Vault)
		}
	})
}

// nextKey returns the key of the protection to come, nil for none.
func (enc Encryption) nextKey(ctx context.Context, change Change) (*backupkey.Key, error) {
	if change == ChangeTurnOff {
		return nil, nil
	}
	s, err := enc.app.profile.Secrets(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Clear()
	for _, b := range [][]byte{s.Next, s.Key} { // Key: when the change was committed already
		if b != nil {
			return backupkey.FromBytes(b)
		}
	}
	return nil, fmt.Errorf("%w: the key of the unfinished change is not there", ErrSecretsDamaged)
}

// moveToNewEpoch is steps 1 to 4: begin, a fresh backup, its proof, commit.
func (enc Encryption) moveToNewEpoch(ctx context.Context, r *repo.Repository, next *backupkey.Key, run *Run, progress func(Progress), step func(Step, int64, int64)) (BackupReport, error) {
	names, err := r.SnapshotNames(ctx)
	if err != nil {
		return BackupReport{}, err
	}
	var moving *repo.Repository
	if next == nil {
		moving, err = protection.BeginTurnOff(ctx, r)
	} else {
		moving, err = protection.BeginTurnOn(ctx, r, next, enc.app.Passwords().cardToPublish(enc.app.profile.Settings()))
	}
	if err != nil {
		return BackupReport{}, err
	}
	var report BackupReport
	if len(names) > 0 {
		if report, err = enc.backupAfresh(ctx, moving, run, progress, step); err != nil {
			return report, err
		}
	}
	return report, protection.Commit(ctx, moving)
}

// backupAfresh backs up under the epoch that moving writes, and proves it.
func (enc Encryption) backupAfresh(ctx context.Context, moving *repo.Repository, run *Run, progress func(Progress), step func(Step, int64, int64)) (BackupReport, error) {
	report, err := enc.app.backup(ctx, moving, run, true, progress)
	if err != nil {
		return report, err
	}
	if report.Errors > 0 {
		return report, fmt.Errorf("%w: %d files, the first is %s (%s)", ErrIncomplete, report.Errors, run.Problems[0].Path, run.Problems[0].Reason)
	}
	step(StepProving, 0, 0)
	return report, enc.prove(ctx, moving, report.Snapshot, step)
}

// prove opens the destination anew, as a stranger with the key would, and
// reads every byte of the new epoch back.
func (enc Encryption) prove(ctx context.Context, moving *repo.Repository, snapshot string, step func(Step, int64, int64)) error {
	r, err := protection.Reopen(ctx, moving)
	if err != nil {
		return err
	}
	s, err := r.FindSnapshot(ctx, snapshot)
	if err != nil {
		return err
	}
	v, err := check.Verify(ctx, r, check.VerifyOptions{DataPercent: 100, CurrentOnly: true, Only: &s.Name, Progress: func(done, total int64) { step(StepProving, done, total) }})
	if err != nil {
		return err
	}
	if len(v.Damage) > 0 {
		return fmt.Errorf("%w: the new backup does not read back: %s", ErrDamaged, v.Damage[0])
	}
	return nil
}

// commitSecrets makes the profile expect the new protection.
func (enc Encryption) commitSecrets(ctx context.Context, change Change) error {
	if change == ChangeTurnOn {
		s, err := enc.app.profile.Secrets(ctx)
		if err != nil {
			return err
		}
		defer s.Clear()
		if s.Next != nil {
			if err := enc.app.profile.SetSecrets(ctx, &profile.Secrets{Key: s.Next}); err != nil {
				return err
			}
		}
	}
	return enc.app.profile.Update(func(s *profile.Settings) {
		s.Protection = string(ProtectionKey)
		if change == ChangeTurnOff {
			s.Protection = string(ProtectionNone)
		}
	})
}

// finishChange forgets the change, and after turning encryption off the key.
func (enc Encryption) finishChange(ctx context.Context, r *repo.Repository, change Change) error {
	names, err := r.SnapshotNames(ctx)
	if err != nil {
		return err
	}
	if change == ChangeTurnOff {
		if err := enc.app.profile.SetSecrets(ctx, &profile.Secrets{}); err != nil {
			return err
		}
	}
	return enc.app.profile.Update(func(s *profile.Settings) {
		s.Change, s.Seen = "", seenBy(r)
		s.Known = slices.DeleteFunc(slices.Clone(s.Known), func(id string) bool {
			return !slices.ContainsFunc(names, func(n repo.Name) bool { return n.String() == id })
		})
		if change == ChangeTurnOff {
			forgetKey(s)
		}
	})
}

// forgetKey leaves nothing in the settings of a key that is not in use.
func forgetKey(s *profile.Settings) {
	s.KeyConfirmed = time.Time{}
	s.VaultCard, s.VaultAddress, s.VaultState, s.PasswordConfirmed, s.PasswordChecks = nil, "", nil, time.Time{}, 0
}

// tryRemoveAccount removes the vault's account of a key that is not needed any more, if there is one. A vault
// that does not answer keeps an account that opens nothing.
func (enc Encryption) tryRemoveAccount(ctx context.Context, key *backupkey.Key) {
	card := enc.app.profile.Settings().VaultCard
	if card == nil || enc.app.p.Vaults == nil || key == nil {
		return
	}
	if err := enc.app.Passwords().removeAccount(ctx, card, key); err != nil {
		enc.app.p.Log.Warn("the account in the vault could not be removed", "cause", err)
	}
}

// deleting tells progress how many objects are deleted, of how many.
func deleting(progress func(Progress)) func(done, total int) {
	return func(done, total int) {
		if progress != nil {
			progress(Progress{Step: StepDeleting, FilesDone: int64(done), FilesTotal: int64(total), TimeLeft: -1})
		}
	}
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

// ChangeKey puts another key to use: older backups and what is written from
// now on open with it, and no longer with the old one. That one still opens a
// copy of the destination as it is now. Data is not stored again.
// A backup with a password needs it here, to put the new key behind it, unless
// the password is removed first.
// Errors: ErrNotEncrypted, ErrChangePending, ErrHasVault, ErrVault….
func (enc Encryption) ChangeKey(ctx context.Context, key *backupkey.Key, password *PasswordRequest) error {
	return enc.app.run(RunKeyChange, func(*Run) error { return enc.changeKey(ctx, key, password) })
}

func (enc Encryption) changeKey(ctx context.Context, key *backupkey.Key, password *PasswordRequest) error {
	if enc.app.profile.Settings().Change != "" {
		return ErrChangePending
	}
	r, err := enc.app.openToWrite(ctx)
	if err != nil {
		return err
	}
	defer r.Store().Close() //nolint:errcheck // nothing is buffered
	if r.Facts().Protection != repo.ProtectionKey {
		return ErrNotEncrypted
	}
	old := r.Facts().VaultCard
	if old != nil && password == nil {
		return ErrHasVault
	}
	before, beforeErr := enc.app.Passwords().ownPlace(old) // before another address is remembered
	s, err := enc.app.profile.Secrets(ctx)
	if err != nil {
		return err
	}
	defer s.Clear()
	if err := enc.app.profile.SetSecrets(ctx, &profile.Secrets{Key: s.Key, Next: key.Bytes()}); err != nil {
		return err
	}
	var account VaultCard
	var card []byte
	if password != nil {
		if account, err = enc.app.Passwords().registerAnew(ctx, *password, old, key); err != nil {
			return err
		}
		card = account.Encode()
	}
	if err := protection.ChangeKey(ctx, r, key, card); err != nil {
		// Which of the two counts is the destination's to say: keyFor finds out.
		return err
	}
	oldKey, err := backupkey.FromBytes(s.Key)
	if err != nil {
		return err
	}
	defer oldKey.Clear()
	err = errors.Join(
		enc.app.profile.SetSecrets(ctx, &profile.Secrets{Key: key.Bytes()}),
		enc.app.profile.Update(func(s *profile.Settings) { s.KeyConfirmed, s.Seen = time.Time{}, seenBy(r) }),
	)
	if card != nil {
		err = errors.Join(err, enc.app.Passwords().rememberVault(account, password.Vault))
	}
	if old != nil && err == nil && beforeErr == nil {
		err = enc.app.Passwords().removeAccountAt(ctx, before, oldKey) // what it holds opens only what was written before
	}
	return err
}
