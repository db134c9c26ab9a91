// Package account looks after the account that a profile's backup has in a vault, or after those of a password that is shared
// over several: which vaults they are, what they said last, how a new password gets there, and how a key is recovered.
//
// The verbs that a person asks for are core.Passwords; they lock, open the backup, and call this.
package account

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/profile"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/protection"
	"github.com/holdfast-backup/holdfast/core/vaults"
	vaultcard "github.com/holdfast-backup/holdfast/vault/card"
)

// What a caller decides on, besides the errors of package vaults. Of a card that cannot be read the errors are those of vault/card.
var (
	// ErrRequest: what the person asked for cannot be.
	ErrRequest = errors.New("invalid request")
	// ErrWeak: too easily guessed to be protected by ten guesses.
	ErrWeak = errors.New("the password is too easily guessed")
)

// Accounts are those of a profile's backup.
type Accounts struct {
	Profile *profile.Profile
	Vaults  vaults.Vaults // nil: this build has none
	Log     *slog.Logger
}

// Vouched is the vault card that the profile keeps and that a key vouches
// for, nil: none. In the header of a backup without encryption anybody can write one.
func Vouched(set profile.Settings) []byte {
	if set.Protection != string(repo.ProtectionKey) && set.Change == "" {
		return nil
	}
	return set.VaultCard
}

// errNone: the profile keeps no card that a key vouches for.
var errNone = errors.New("no card")

// vouchedPlace is the vault of that card. Errors: errNone, those of vault/card.
func vouchedPlace(set profile.Settings) (vaults.Place, error) {
	text := Vouched(set)
	if text == nil {
		return vaults.Place{}, errNone
	}
	p, _, err := vaults.Landed(text)
	return p, err
}

// Sharing is over how many vaults the password is shared, and how many of them open it; 1 of 1 without sharing, 0 of 0 without a password.
func Sharing(set profile.Settings) (threshold, of int) {
	switch p, err := vouchedPlace(set); {
	case errors.Is(err, errNone):
		return 0, 0
	case err != nil, p.Shared == nil:
		return 1, 1
	default:
		s := p.Shared.Current()
		return s.Threshold, len(s.Vaults)
	}
}

// Single is the one vault of the password, without its account, if it is a server; it is there to be shared with others.
func (a Accounts) Single() (vaultcard.Typed, bool) {
	p, err := vouchedPlace(a.Profile.Settings())
	if err != nil || p.Card == nil || p.Card.URL.IsToken() {
		return vaultcard.Typed{}, false
	}
	return vaultcard.TypedCard(p.Card.Anonymous()), true
}

// Knows reports whether this computer's own backup has these vaults.
func (a Accounts) Knows(p vaults.Place) bool {
	own, err := vouchedPlace(a.Profile.Settings())
	return err == nil && own.Same(p)
}

// Own is the vault of the profile's backup, which has this card. A key vouches for the card.
func (a Accounts) Own(card []byte) (vaults.Place, error) {
	place, _, err := vaults.Landed(card)
	if err != nil {
		return vaults.Place{}, err
	}
	typed, err := vaultcard.ParseTyped(a.Profile.Settings().VaultAddress)
	if err == nil && place.Fits(typed) { // else what the card says will do
		place.Typed = typed
	}
	return place, nil
}

// Publish is the profile's vault card, fit for a header: without what a
// version before this one kept of a computer in it. nil: none.
func (a Accounts) Publish(set profile.Settings) []byte {
	p, err := vouchedPlace(set)
	if errors.Is(err, errNone) {
		return nil
	}
	if err != nil {
		a.Log.Warn("the vault card of this profile cannot be read", "cause", err)
		return nil
	}
	return p.Text()
}

// Seeds are those of the key that manages an account: the one for
// this very account and vault, and the one that versions before this made for all of them. The caller clears both.
func Seeds(key *backupkey.Key) func(publicKey, account []byte) (seed, before []byte) {
	return func(publicKey, account []byte) (seed, before []byte) {
		salt := append(append(make([]byte, 0, len(publicKey)+len(account)), publicKey...), account...)
		return key.Derive(backupkey.LabelVaultAccount, salt, 32), key.Derive(backupkey.LabelVaultManagement, nil, 32)
	}
}

// Remove deletes the account at a place.
func (a Accounts) Remove(ctx context.Context, at vaults.Place, key *backupkey.Key) error {
	return a.Vaults.Remove(ctx, at, Seeds(key))
}

// Set remembers that the password at a place was right just now, and how the person named the vault.
func (a Accounts) Set(at vaults.Place, typed vaultcard.Typed) error {
	return a.Profile.Update(func(s *profile.Settings) {
		Note(at.Text())(s)
		s.PasswordConfirmed, s.PasswordChecks = time.Now(), 0
		RememberAddress(s, typed)
	})
}

// Confirm remembers that the person knows the password of this card.
func (a Accounts) Confirm(card []byte) error {
	return a.Profile.Update(func(s *profile.Settings) {
		Note(card)(s)
		s.PasswordConfirmed, s.PasswordChecks = time.Now(), s.PasswordChecks+1
	})
}

// Note keeps the card of the backup's header.
func Note(card []byte) func(*profile.Settings) {
	return func(s *profile.Settings) { s.VaultCard, s.VaultState = card, nil }
}

// RememberAddress keeps how the person named the vault, if they did.
func RememberAddress(s *profile.Settings, typed vaultcard.Typed) {
	if !typed.IsZero() {
		s.VaultAddress = typed.Remembered()
	}
}

// Forget takes all of it out of a profile.
func Forget(s *profile.Settings) {
	s.VaultCard, s.VaultAddress, s.VaultState, s.PasswordConfirmed, s.PasswordChecks = nil, "", nil, time.Time{}, 0
}

// Remember keeps what a vault said.
func (a Accounts) Remember(s vaults.State) error {
	if last := LastState(a.Profile.Settings()); last != nil && s.Findings == nil {
		s.Findings = last.Findings // only a right password finds out who lies
	}
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return a.Profile.Update(func(set *profile.Settings) { set.VaultState = b })
}

// LastState is what the vault said when it was last asked, nil: nothing.
func LastState(set profile.Settings) *vaults.State {
	if set.VaultState == nil {
		return nil
	}
	var s vaults.State
	if json.Unmarshal(set.VaultState, &s) != nil {
		return nil
	}
	return &s
}

// askPatience is how long a backup waits for a vault that it does not need.
const askPatience = 10 * time.Second

// Ask keeps what the vault says now, if it answers; nothing depends on it.
func (a Accounts) Ask(ctx context.Context, card []byte) (vaults.State, bool) {
	if a.Vaults == nil || card == nil {
		return vaults.State{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	at, err := a.Own(card)
	var s vaults.State
	if err == nil {
		s, err = a.Vaults.State(ctx, at)
	}
	if err == nil {
		err = a.Remember(s)
	}
	if err != nil {
		a.Log.Info("the vault did not tell the account's state", "cause", err)
	}
	return s, err == nil
}

// Watch is the part of a backup that looks after the account: the card
// may have been changed by another computer, and somebody may be guessing. It
// returns how many wrong guesses are news.
func (a Accounts) Watch(ctx context.Context, r *repo.Repository) (news int) {
	if r.Facts().Protection != repo.ProtectionKey {
		return 0 // nobody vouches for a card in this header
	}
	card := a.tidy(ctx, r)
	a.SweepBriefly(ctx, card)
	set := a.Profile.Settings()
	if !sameCard(card, set.VaultCard) {
		// The header's seal vouches for it: somebody with the key put it there.
		err := a.Profile.Update(func(s *profile.Settings) {
			Note(card)(s)
			s.PasswordConfirmed, s.PasswordChecks = time.Time{}, 0
		})
		if err != nil {
			a.Log.Warn("the vault card could not be kept", "cause", err)
		}
	}
	before := LastState(set)
	now, ok := a.Ask(ctx, card)
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

// tidy returns the card in the header. A version before this one wrote a
// module and a PIN file of some computer into it: these are taken out.
func (a Accounts) tidy(ctx context.Context, r *repo.Repository) []byte {
	card := r.Facts().VaultCard
	if card == nil {
		return nil
	}
	p, changed, err := vaults.Landed(card)
	if err != nil || !changed {
		return card
	}
	card = p.Text()
	if err := protection.SetVaultCard(ctx, r, card); err != nil {
		a.Log.Warn("the vault card could not be tidied", "cause", err) // the next backup tries again
	}
	return card
}

// sameCard reports whether two texts are one card; the profile keeps it with other blanks.
func sameCard(one, other []byte) bool {
	if one == nil || other == nil {
		return one == nil && other == nil
	}
	a, _, err := vaults.Landed(one)
	b, _, otherErr := vaults.Landed(other)
	return err == nil && otherErr == nil && a.Equal(b)
}

// checkIntervals are the times between questions whether the password is
// still known, growing with each right answer.
var checkIntervals = []time.Duration{7 * day, 14 * day, 30 * day, 60 * day, 120 * day, 180 * day}

const day = 24 * time.Hour

// NextCheck is when the person is to be asked again whether they know the password; zero: never.
func NextCheck(set profile.Settings) time.Time {
	if set.VaultCard == nil || set.PasswordConfirmed.IsZero() {
		return time.Time{}
	}
	return set.PasswordConfirmed.Add(checkIntervals[min(set.PasswordChecks, len(checkIntervals)-1)])
}
