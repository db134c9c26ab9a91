package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-backup/holdfast/core/account"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/profile"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/check"
	"github.com/holdfast-backup/holdfast/core/repo/protection"
)

// change turns encryption on or off, or takes such a change back (docs/format.md, chapter 11). It goes from one
// durable state to the next, so that a run that was cut off goes on with whatever nextStep says.
// What the profile remembers is always ahead of what the destination knows.
type change struct {
	enc      Encryption
	to       Change         // ChangeTurnOn or ChangeTurnOff
	giveUp   bool           // the change is taken back
	wanted   *backupkey.Key // of a change that begins; nil else
	password *PasswordRequest
	run      *Run
	progress func(Progress)

	repo   *repo.Repository // nil until the destination is open
	next   *backupkey.Key   // of the protection to come; nil for none
	old    *backupkey.Key   // of the protection before, once what it sealed is to be deleted
	report BackupReport

	made    bool // the destination has the new protection
	dropped bool // what was before is deleted
	undone  bool // what the change has stored is deleted
	ended   bool // the profile remembers no change
}

// changeStep is one step of a change.
type changeStep int

const (
	changeNote         changeStep = iota // the profile keeps the new key and remembers the change
	changeOpen                           // the destination
	changeMove                           // begin an epoch, back up, prove the backup, commit
	changeExpect                         // the profile expects the new protection
	changeDrop                           // delete what was before
	changeUndo                           // delete what the change has stored
	changeRefuse                         // the change is in force and cannot be taken back
	changeForget                         // the profile remembers no change
	changeForgetUndone                   // nor one that was taken back
	changeEnd
)

// changeState is how far a change is.
type changeState struct {
	giveUp   bool // it is to be taken back
	noted    bool // the profile remembers that
	opened   bool // the destination is open
	made     bool // the destination has the new protection
	expected bool // the profile expects it
	dropped  bool
	undone   bool
	ended    bool
}

// nextStep returns the step that follows in a state.
func nextStep(s changeState) changeStep {
	switch {
	case s.ended:
		return changeEnd
	case s.giveUp && !s.opened: // before it is noted: where the change is in force, it goes on
		return changeOpen
	case s.giveUp && s.made && !s.undone:
		return changeRefuse
	case !s.noted:
		return changeNote
	case s.giveUp && !s.undone:
		return changeUndo
	case s.giveUp:
		return changeForgetUndone
	case !s.opened:
		return changeOpen
	case !s.made:
		return changeMove
	case !s.expected:
		return changeExpect
	case !s.dropped:
		return changeDrop
	default:
		return changeForget
	}
}

// do makes one step after the other.
func (c *change) do(ctx context.Context) (BackupReport, error) {
	defer func() { // wherever it ends
		c.next.Clear()
		c.old.Clear()
		if c.repo != nil {
			c.repo.Store().Close() //nolint:errcheck // nothing is buffered
		}
	}()
	for {
		var err error
		switch nextStep(c.state()) {
		case changeNote:
			err = c.note(ctx)
		case changeOpen:
			err = c.open(ctx)
		case changeMove:
			err = c.move(ctx)
		case changeExpect:
			err = c.expect(ctx)
		case changeDrop:
			err = c.drop(ctx)
		case changeUndo:
			err = c.undo(ctx)
		case changeRefuse:
			err = c.refuse()
		case changeForget:
			err = c.forget(ctx)
		case changeForgetUndone:
			err = c.forgetUndone(ctx)
		case changeEnd:
			return c.report, nil
		}
		if err != nil {
			return c.report, err
		}
	}
}

func (c *change) state() changeState {
	set := c.settings()
	return changeState{
		giveUp:   c.giveUp,
		noted:    set.Change == string(c.mark()),
		opened:   c.repo != nil,
		made:     c.made,
		expected: set.Protection == string(c.protection()),
		dropped:  c.dropped,
		undone:   c.undone,
		ended:    c.ended,
	}
}

// on reports whether encryption is turned on, rather than off.
func (c *change) on() bool { return c.to == ChangeTurnOn }

// mark is what the profile remembers of the change.
func (c *change) mark() Change {
	switch {
	case !c.giveUp:
		return c.to
	case c.on():
		return ChangeGiveUpOn
	default:
		return ChangeGiveUpOff
	}
}

// protection is the one to come.
func (c *change) protection() Protection {
	if c.on() {
		return ProtectionKey
	}
	return ProtectionNone
}

func (c *change) settings() profile.Settings { return c.enc.app.profile.Settings() }

func (c *change) update(fn func(*profile.Settings)) error { return c.enc.app.profile.Update(fn) }

func (c *change) step(s Step, done, total int64) {
	if c.progress != nil {
		c.progress(Progress{Step: s, BytesDone: done, BytesTotal: total, TimeLeft: -1})
	}
}

// deleting tells the progress how many objects are deleted, of how many.
func (c *change) deleting(done, total int) {
	if c.progress != nil {
		c.progress(Progress{Step: StepDeleting, FilesDone: int64(done), FilesTotal: int64(total), TimeLeft: -1})
	}
}

// note makes the profile remember the change and its key, and puts the key behind the password.
func (c *change) note(ctx context.Context) error {
	if c.giveUp {
		return c.update(func(s *profile.Settings) { s.Change = string(c.mark()) })
	}
	protection := Protection(c.settings().Protection)
	switch {
	case c.on() && protection == ProtectionKey:
		return ErrEncrypted
	case !c.on() && protection == ProtectionNone:
		return ErrNotEncrypted
	case c.on() && c.wanted == nil:
		return fmt.Errorf("%w: no key", ErrInvalid)
	}
	var made VaultPlace
	if c.on() {
		err := c.enc.app.profile.SetSecrets(ctx, &profile.Secrets{Next: c.wanted.Bytes()})
		if err == nil && c.password != nil {
			made, err = c.enc.app.Passwords().registerNew(ctx, *c.password, nil, c.wanted)
		}
		if err != nil {
			return err
		}
	}
	return c.update(func(s *profile.Settings) {
		s.Change = string(c.mark())
		if c.on() {
			// What a version before took from a plain header, for which nobody vouches, ends here.
			s.VaultCard, s.VaultAddress, s.VaultState = nil, "", nil
		}
		if card := made.Text(); card != nil {
			s.VaultCard, s.PasswordConfirmed = card, time.Now()
			account.RememberAddress(s, c.password.Vault)
		}
	})
}

// open opens the destination as the profile expects it.
func (c *change) open(ctx context.Context) (err error) {
	if c.on() {
		if c.next, err = c.nextKey(ctx); err != nil {
			return err
		}
	}
	c.step(StepPreparing, 0, 0)
	if c.repo, err = c.enc.app.openToWrite(ctx, asItIs); err != nil {
		return err
	}
	f := c.repo.Facts()
	c.made = (f.Protection == repo.ProtectionKey) == c.on() && !f.Changing
	return nil
}

// nextKey returns the key that the profile keeps for the protection to come.
func (c *change) nextKey(ctx context.Context) (*backupkey.Key, error) {
	s, err := c.enc.app.profile.Secrets(ctx)
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

// move begins an epoch, backs up under it, proves the backup and commits the change.
func (c *change) move(ctx context.Context) error {
	names, err := c.repo.SnapshotNames(ctx)
	if err != nil {
		return err
	}
	var moving *repo.Repository
	if c.on() {
		moving, err = protection.BeginTurnOn(ctx, c.repo, c.next, c.enc.app.Passwords().accounts().Publish(c.settings()))
	} else {
		moving, err = protection.BeginTurnOff(ctx, c.repo)
	}
	if err != nil {
		return err
	}
	if len(names) > 0 {
		if err := c.backup(ctx, moving); err != nil {
			return err
		}
	}
	err = protection.Commit(ctx, moving)
	c.made = err == nil
	return err
}

// backup backs up under the epoch that moving writes, and proves the backup.
func (c *change) backup(ctx context.Context, moving *repo.Repository) (err error) {
	if c.report, err = c.enc.app.backup(ctx, moving, c.run, true, c.progress); err != nil {
		return err
	}
	if n := c.report.Errors; n > 0 {
		first := c.run.Problems[0]
		return fmt.Errorf("%w: %d files, the first is %s (%s)", ErrIncomplete, n, first.Path, first.Reason)
	}
	return c.prove(ctx, moving)
}

// prove opens the destination anew, as a stranger with the key would, and
// reads every byte of the new epoch back.
func (c *change) prove(ctx context.Context, moving *repo.Repository) error {
	c.step(StepProving, 0, 0)
	r, err := protection.Reopen(ctx, moving)
	if err != nil {
		return err
	}
	s, err := r.FindSnapshot(ctx, c.report.Snapshot)
	if err != nil {
		return err
	}
	progress := func(done, total int64) { c.step(StepProving, done, total) }
	v, err := check.Verify(ctx, r, check.VerifyOptions{DataPercent: 100, CurrentOnly: true, Only: &s.Name, Progress: progress})
	if err != nil {
		return err
	}
	if len(v.Damage) > 0 {
		return fmt.Errorf("%w: the new backup does not read back: %s", ErrDamaged, v.Damage[0])
	}
	return nil
}

// expect makes the profile expect the new protection.
func (c *change) expect(ctx context.Context) error {
	if c.on() {
		s, err := c.enc.app.profile.Secrets(ctx)
		if err != nil {
			return err
		}
		defer s.Clear()
		if s.Next != nil {
			if err := c.enc.app.profile.SetSecrets(ctx, &profile.Secrets{Key: s.Next}); err != nil {
				return err
			}
		}
	}
	return c.update(func(s *profile.Settings) { s.Protection = string(c.protection()) })
}

// drop deletes what was before. A new backup that has gone since its proof is made once more.
func (c *change) drop(ctx context.Context) (err error) {
	r, err := repo.Open(ctx, c.repo.Store(), repo.By(c.next)) // as the new protection shows it: what follows deletes
	if err != nil {
		return err
	}
	c.repo = r
	if !c.on() {
		if c.old, err = c.enc.app.key(ctx); err != nil {
			return err
		}
		c.enc.tryRemoveAccount(ctx, c.old) // while the key is still at hand
	}
	drop := func() error {
		c.step(StepDeleting, 0, 0)
		return protection.DropOldEpochs(ctx, c.repo, c.old, c.deleting)
	}
	err = drop()
	if errors.Is(err, repo.ErrNothingNew) {
		if err = c.backup(ctx, c.repo); err == nil {
			err = drop()
		}
	}
	c.dropped = err == nil
	return err
}

// undo deletes what the change has stored.
func (c *change) undo(ctx context.Context) error {
	err := protection.GiveUp(ctx, c.repo, c.next, c.deleting)
	c.undone = err == nil
	return err
}

// refuse says that the change is in force, and what is left to do about it. A header without encryption needs no
// secret to forge, and this person wants encryption kept: no backup goes on by itself from here. Resume does, when
// somebody asks for it.
func (c *change) refuse() error {
	left := c.to
	if !c.on() {
		left = ChangeGiveUpOff
	}
	return errors.Join(ErrChangeMade, c.update(func(s *profile.Settings) { s.Change = string(left) }))
}

// forget ends the change in the profile, and with encryption turned off the key.
func (c *change) forget(ctx context.Context) error {
	names, err := c.repo.SnapshotNames(ctx)
	if err != nil {
		return err
	}
	if !c.on() {
		if err := c.enc.app.profile.SetSecrets(ctx, &profile.Secrets{}); err != nil {
			return err
		}
	}
	err = c.update(func(s *profile.Settings) {
		s.Change, s.Seen = "", seenBy(c.repo)
		s.Known = slices.DeleteFunc(slices.Clone(s.Known), func(id string) bool {
			return !slices.ContainsFunc(names, func(n repo.Name) bool { return n.String() == id })
		})
		if !c.on() {
			forgetKey(s)
		}
	})
	c.ended = err == nil
	if c.ended && c.run.Snapshot == "" { // an earlier run of this change made the backup, and was cut off after it
		c.adopt(ctx)
	}
	return err
}

// forgetUndone ends a change that was taken back, and forgets its key last: undo needs it.
func (c *change) forgetUndone(ctx context.Context) error {
	if c.on() {
		c.enc.tryRemoveAccount(ctx, c.next)
	}
	err := c.update(func(s *profile.Settings) {
		s.Change = ""
		s.Known = slices.DeleteFunc(slices.Clone(s.Known), func(id string) bool {
			n, ok := repo.ParseName(id)
			return ok && !c.repo.Wrote(n)
		})
		if c.on() {
			forgetKey(s)
		}
	})
	if err == nil && c.on() {
		err = c.enc.app.profile.SetSecrets(ctx, &profile.Secrets{})
	}
	c.ended = err == nil
	return err
}

// forgetKey leaves nothing in the settings of a key that is not in use.
func forgetKey(s *profile.Settings) {
	s.KeyConfirmed = time.Time{}
	account.Forget(s)
}

// adopt takes the numbers of this computer's newest backup into the history of this run.
func (c *change) adopt(ctx context.Context) {
	for _, id := range slices.Backward(c.settings().Known) {
		s, err := c.repo.FindSnapshot(ctx, id)
		if err != nil {
			continue // the backup is whole: only its numbers would be missing
		}
		c.run.Snapshot, c.run.Files, c.run.Bytes, c.run.Sources = s.ID(), s.Files, s.Bytes, nil
		for _, src := range s.Sources {
			c.run.Sources = append(c.run.Sources, DisplayName(src.Path))
		}
		return
	}
}
