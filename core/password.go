package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/profile"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/protection"
	vaultcard "github.com/holdfast-backup/holdfast/vault/card"
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
	place, err := pw.chosenPlace(req.Vault, old)
	if err != nil {
		return err
	}
	// What is needed to reach the account there is now, before another address is remembered.
	before, beforeErr := pw.ownPlace(old)
	card, err := pw.register(ctx, place, req, key)
	if err != nil {
		return err
	}
	if err := protection.SetVaultCard(ctx, r, card.Encode()); err != nil {
		if !req.Vault.IsZero() {
			err = errors.Join(err, pw.removeAccountAt(ctx, registered(card, req.Vault), key))
		}
		return err
	}
	if err := pw.rememberVault(card, req.Vault); err != nil {
		return err
	}
	if !req.Vault.IsZero() && beforeErr == nil && !before.Card.SameAccount(card) {
		// The old vault need not answer: what it holds opens the backup as before,
		// with the old password. It is told in the history.
		return pw.removeAccountAt(ctx, before, key)
	}
	return nil
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

// register puts a key behind a password, which the vault proves at once. It
// returns the account's card.
func (pw Passwords) register(ctx context.Context, at VaultPlace, req PasswordRequest, key *backupkey.Key) (VaultCard, error) {
	if pw.app.p.Vaults == nil {
		return VaultCard{}, fmt.Errorf("%w: this build has no vaults", ErrInvalid)
	}
	if s := Strength(req.Password); s.Refused {
		return VaultCard{}, fmt.Errorf("%w: %s", ErrWeakPassword, s.Advice)
	}
	enrolment := req.Enrolment
	if enrolment == nil {
		enrolment = at.Typed.Enrolment()
		defer clear(enrolment)
	}
	if err := ParseEnrolment(enrolment); err != nil {
		return VaultCard{}, err
	}
	raw, password := key.Bytes(), normalized(req.Password)
	defer clear(raw)
	defer clear(password)
	card, err := pw.app.p.Vaults.Register(ctx, at, NewAccount{Password: password, Key: raw, Seeds: managementSeeds(key), Enrolment: enrolment})
	if err != nil {
		return VaultCard{}, err
	}
	return card.InNFC(), nil
}

// registerNew makes an account in the vault that the person named.
func (pw Passwords) registerNew(ctx context.Context, req PasswordRequest, key *backupkey.Key) (VaultCard, error) {
	at, err := pw.chosenPlace(req.Vault, nil)
	if err != nil {
		return VaultCard{}, err
	}
	return pw.register(ctx, at, req, key)
}

// registerAnew puts a new key into an account of its own, since the old one is
// managed under the old key. The vault is the old card's where none is named.
func (pw Passwords) registerAnew(ctx context.Context, req PasswordRequest, old []byte, key *backupkey.Key) (VaultCard, error) {
	at, err := pw.chosenPlace(req.Vault, old)
	if err != nil {
		return VaultCard{}, err
	}
	return pw.register(ctx, at.Anonymous(), req, key)
}

// removeAccount deletes the account of the profile's backup.
func (pw Passwords) removeAccount(ctx context.Context, card []byte, key *backupkey.Key) error {
	at, err := pw.ownPlace(card)
	if err != nil {
		return err
	}
	return pw.removeAccountAt(ctx, at, key)
}

func (pw Passwords) removeAccountAt(ctx context.Context, at VaultPlace, key *backupkey.Key) error {
	return pw.app.p.Vaults.Remove(ctx, at, managementSeeds(key))
}

// rememberVault notes that the password in this vault was right just now, and how
// the person named the vault.
func (pw Passwords) rememberVault(card VaultCard, typed TypedVault) error {
	return pw.app.profile.Update(func(s *profile.Settings) {
		s.VaultCard, s.VaultState = card.Encode(), nil
		s.PasswordConfirmed, s.PasswordChecks = time.Now(), 0
		rememberAddress(s, typed)
	})
}

// rememberAddress keeps how the person named the vault, if they did.
func rememberAddress(s *profile.Settings, typed TypedVault) {
	if !typed.IsZero() {
		s.VaultAddress = typed.Remembered()
	}
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
	at, err := pw.ownPlace(card)
	if err != nil {
		return err
	}
	got, err := recoverKey(ctx, pw.app.p.Vaults, at, password, key.ID())
	if err != nil {
		pw.askVault(ctx, card)
		return err
	}
	got.Clear()
	err = pw.app.profile.Update(func(s *profile.Settings) {
		s.VaultCard, s.VaultState = card, nil // this very text: it is the header's
		s.PasswordConfirmed, s.PasswordChecks = time.Now(), s.PasswordChecks+1
	})
	if err == nil {
		pw.askVault(ctx, card) // all guesses are there again
	}
	return err
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
	if err := pw.removeAccount(ctx, card, key); err != nil {
		return err
	}
	if err := protection.SetVaultCard(ctx, r, nil); err != nil {
		return err
	}
	return pw.forgetVault()
}

func (pw Passwords) forgetVault() error {
	return pw.app.profile.Update(func(s *profile.Settings) {
		s.VaultCard, s.VaultAddress, s.VaultState, s.PasswordConfirmed, s.PasswordChecks = nil, "", nil, time.Time{}, 0
	})
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

// Ask asks the vault of a backup somewhere about its account, as on a new
// computer: no profile is needed, no guess is used. card is the one at the
// destination; typed and trust are as in PasswordRequest.
// Errors: *VaultNotTrustedError, ErrNoPassword, ErrVault….
func (pw Passwords) Ask(ctx context.Context, card []byte, typed TypedVault, trust VaultTrust) (VaultState, error) {
	if pw.app.p.Vaults == nil {
		return VaultState{}, ErrNoPassword
	}
	at, err := placeOf(card, typed, trust, pw.knows)
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
	case vouchedCard(set) == nil || pw.app.p.Vaults == nil:
		return VaultState{}, ErrNoPassword
	}
	at, err := pw.ownPlace(set.VaultCard)
	if err != nil {
		return VaultState{}, err
	}
	s, err := pw.app.p.Vaults.State(ctx, at)
	if err != nil {
		return VaultState{}, raise(err)
	}
	return s, pw.rememberState(s)
}

func (pw Passwords) rememberState(s VaultState) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return pw.app.profile.Update(func(set *profile.Settings) { set.VaultState = b })
}

// askVault keeps what the vault says now, if it answers; nothing depends on it.
func (pw Passwords) askVault(ctx context.Context, card []byte) (VaultState, bool) {
	if pw.app.p.Vaults == nil || card == nil {
		return VaultState{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	at, err := pw.ownPlace(card)
	var s VaultState
	if err == nil {
		s, err = pw.app.p.Vaults.State(ctx, at)
	}
	if err == nil {
		err = pw.rememberState(s)
	}
	if err != nil {
		pw.app.p.Log.Info("the vault did not tell the account's state", "cause", err)
	}
	return s, err == nil
}

// askPatience is how long a backup waits for a vault that it does not need.
const askPatience = 10 * time.Second

// watchVault is the part of a backup that looks after the account: the card
// may have been changed by another computer, and somebody may be guessing. It
// returns how many wrong guesses are news.
func (pw Passwords) watchVault(ctx context.Context, r *repo.Repository) (news int) {
	if r.Facts().Protection != repo.ProtectionKey {
		return 0 // nobody vouches for a card in this header
	}
	card := pw.tidyCard(ctx, r)
	set := pw.app.profile.Settings()
	if !sameCard(card, set.VaultCard) {
		// The header's seal vouches for it: somebody with the key put it there.
		err := pw.app.profile.Update(func(s *profile.Settings) {
			s.VaultCard, s.VaultState = card, nil
			s.PasswordConfirmed, s.PasswordChecks = time.Time{}, 0
		})
		if err != nil {
			pw.app.p.Log.Warn("the vault card could not be kept", "cause", err)
		}
	}
	before := lastState(set)
	now, ok := pw.askVault(ctx, card)
	if !ok {
		return 0
	}
	for _, t := range now.Wrong {
		if before == nil || t.After(before.Asked) {
			news++
		}
	}
	if before != nil { // more of them than the vault remembers
		news = max(news, now.WrongTotal-before.WrongTotal)
	}
	return news
}

// tidyCard returns the card in the header. A version before this one wrote a
// module and a PIN file of some computer into it: these are taken out.
func (pw Passwords) tidyCard(ctx context.Context, r *repo.Repository) []byte {
	card := r.Facts().VaultCard
	if card == nil {
		return nil
	}
	c, changed, err := vaultcard.ParseLanded(card)
	if err != nil || !changed {
		return card
	}
	card = c.Encode()
	if err := protection.SetVaultCard(ctx, r, card); err != nil {
		pw.app.p.Log.Warn("the vault card could not be tidied", "cause", err) // the next backup tries again
	}
	return card
}

// sameCard reports whether two texts are one card; the profile keeps it with other blanks.
func sameCard(one, other []byte) bool {
	if one == nil || other == nil {
		return one == nil && other == nil
	}
	a, err := landedCard(one)
	b, otherErr := landedCard(other)
	return err == nil && otherErr == nil && a.Equal(b)
}

// lastState is what the vault said when it was last asked.
func lastState(set profile.Settings) *VaultState {
	if set.VaultState == nil {
		return nil
	}
	var s VaultState
	if json.Unmarshal(set.VaultState, &s) != nil {
		return nil
	}
	return &s
}

// checkIntervals are the times between questions whether the password is
// still known, growing with each right answer.
var checkIntervals = []time.Duration{7 * day, 14 * day, 30 * day, 60 * day, 120 * day, 180 * day}

const day = 24 * time.Hour

func nextCheck(set profile.Settings) time.Time {
	if set.VaultCard == nil || set.PasswordConfirmed.IsZero() {
		return time.Time{}
	}
	return set.PasswordConfirmed.Add(checkIntervals[min(set.PasswordChecks, len(checkIntervals)-1)])
}
