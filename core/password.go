package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/profile"
	"github.com/holdfast-backup/holdfast/core/repo"
)

// SetPassword puts the backup's key behind a password: a first one, another
// one, or a new one in place of one that was forgotten; this computer has the
// key, so the old password is not asked for. A destroyed account lives again.
// The password counts as set once it has opened the account.
// Errors: ErrNotSetUp, ErrNotEncrypted, ErrChangePending, ErrWeakPassword, ErrVault….
func (a *App) SetPassword(ctx context.Context, req PasswordRequest) error {
	_, end, err := a.begin(RunPassword)
	if err != nil {
		return err
	}
	return end(a.setPassword(ctx, req))
}

func (a *App) setPassword(ctx context.Context, req PasswordRequest) error {
	r, key, err := a.openForPassword(ctx)
	if err != nil {
		return err
	}
	defer r.Store().Close() //nolint:errcheck // nothing is buffered
	defer key.Clear()
	old := r.Facts().VaultCard
	address := req.Vault
	if address == "" {
		if old == nil {
			return fmt.Errorf("%w: no vault is named", ErrInvalid)
		}
		address = string(old)
	}
	card, err := a.register(ctx, PasswordRequest{Password: req.Password, Vault: address}, key)
	if err != nil {
		return err
	}
	if err := r.SetVaultCard(ctx, card); err != nil {
		if req.Vault != "" {
			err = errors.Join(err, a.removeAccount(ctx, card, key))
		}
		return err
	}
	if err := a.rememberVault(card); err != nil {
		return err
	}
	if old != nil && req.Vault != "" {
		// The old vault need not answer: what it holds opens the backup as before,
		// with the old password. It is told in the history.
		return a.removeAccount(ctx, old, key)
	}
	return nil
}

// openForPassword opens the profile's encrypted backup, with its key.
func (a *App) openForPassword(ctx context.Context) (*repo.Repository, *backupkey.Key, error) {
	switch set := a.profile.Settings(); {
	case a.p.Vaults == nil:
		return nil, nil, fmt.Errorf("%w: this build has no vaults", ErrInvalid)
	case set.Repository == "":
		return nil, nil, ErrNotSetUp
	case set.Change != "":
		return nil, nil, ErrChangePending
	}
	r, err := a.openToWrite(ctx)
	if err != nil {
		return nil, nil, err
	}
	if r.Facts().Protection != repo.ProtectionKey {
		return nil, nil, errors.Join(ErrNotEncrypted, r.Store().Close())
	}
	key, err := a.key()
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
func (a *App) register(ctx context.Context, req PasswordRequest, key *backupkey.Key) ([]byte, error) {
	if a.p.Vaults == nil {
		return nil, fmt.Errorf("%w: this build has no vaults", ErrInvalid)
	}
	if s := Strength(req.Password); s.Refused {
		return nil, fmt.Errorf("%w: %s", ErrWeakPassword, s.Advice)
	}
	raw, seed := key.Bytes(), managementSeed(key)
	defer clear(raw)
	defer clear(seed)
	return a.p.Vaults.Register(ctx, req.Vault, req.Password, raw, seed)
}

// registerAnew puts a new key into an account of its own, since the old one is
// managed under the old key. The vault is the old card's where none is named.
func (a *App) registerAnew(ctx context.Context, req PasswordRequest, old []byte, key *backupkey.Key) ([]byte, error) {
	if req.Vault == "" {
		var fields map[string]any
		if err := json.Unmarshal(old, &fields); err != nil {
			return nil, fmt.Errorf("%w: no vault is named", ErrInvalid)
		}
		delete(fields, "account")
		card, err := json.Marshal(fields)
		if err != nil {
			return nil, err
		}
		req.Vault = string(card)
	}
	return a.register(ctx, req, key)
}

func managementSeed(key *backupkey.Key) []byte {
	return key.Derive(backupkey.LabelVaultManagement, nil, 32)
}

func (a *App) removeAccount(ctx context.Context, card []byte, key *backupkey.Key) error {
	seed := managementSeed(key)
	defer clear(seed)
	return a.p.Vaults.Remove(ctx, card, seed)
}

// rememberVault notes that the password in this vault was right just now.
func (a *App) rememberVault(card []byte) error {
	return a.profile.Update(func(s *profile.Settings) {
		s.VaultCard, s.VaultState = card, nil
		s.PasswordConfirmed, s.PasswordChecks = time.Now(), 0
	})
}

// CheckPassword tells whether the person still knows the password, by opening
// the account with it: one guess, given back when it is right.
// Errors: ErrNoPassword, ErrWrongPassword, ErrPasswordGone, ErrVault….
func (a *App) CheckPassword(ctx context.Context, password []byte) error {
	_, end, err := a.begin(RunPassword)
	if err != nil {
		return err
	}
	return end(a.checkPassword(ctx, password))
}

func (a *App) checkPassword(ctx context.Context, password []byte) error {
	r, key, err := a.openForPassword(ctx)
	if err != nil {
		return err
	}
	defer r.Store().Close() //nolint:errcheck // only read from
	defer key.Clear()
	card := r.Facts().VaultCard
	if card == nil {
		return ErrNoPassword
	}
	got, err := recoverKey(ctx, a.p.Vaults, card, password, key.ID())
	if err != nil {
		a.askVault(ctx, card)
		return err
	}
	got.Clear()
	return a.profile.Update(func(s *profile.Settings) {
		s.VaultCard, s.VaultState = card, nil
		s.PasswordConfirmed, s.PasswordChecks = time.Now(), s.PasswordChecks+1
	})
}

// recoverKey asks a vault for the key with this id.
func recoverKey(ctx context.Context, v Vaults, card, password []byte, want backupkey.ID) (*backupkey.Key, error) {
	raw, err := v.Recover(ctx, card, password)
	if err != nil {
		return nil, err
	}
	defer clear(raw)
	k, err := backupkey.FromBytes(raw)
	if err != nil {
		return nil, &VaultError{Kind: ErrVaultSuspect, GuessesLeft: -1, Cause: err}
	}
	if k.ID() != want {
		k.Clear()
		return nil, &VaultError{Kind: ErrVaultSuspect, GuessesLeft: -1}
	}
	return k, nil
}

// RemovePassword deletes the account in the vault: from then on only the 64
// digits open the backup. Errors: ErrNoPassword, ErrVault….
func (a *App) RemovePassword(ctx context.Context) error {
	_, end, err := a.begin(RunPassword)
	if err != nil {
		return err
	}
	return end(a.removePassword(ctx))
}

func (a *App) removePassword(ctx context.Context) error {
	r, key, err := a.openForPassword(ctx)
	if err != nil {
		return err
	}
	defer r.Store().Close() //nolint:errcheck // nothing is buffered
	defer key.Clear()
	card := r.Facts().VaultCard
	if card == nil {
		return ErrNoPassword
	}
	if err := a.removeAccount(ctx, card, key); err != nil {
		return err
	}
	if err := r.SetVaultCard(ctx, nil); err != nil {
		return err
	}
	return a.forgetVault()
}

func (a *App) forgetVault() error {
	return a.profile.Update(func(s *profile.Settings) {
		s.VaultCard, s.VaultState, s.PasswordConfirmed, s.PasswordChecks = nil, nil, time.Time{}, 0
	})
}

// Vaults are the vaults on offer without an address: this computer's tokens
// and its own software token ("" where there can be none).
func (a *App) Vaults() (tokens []VaultToken, software string) {
	if a.p.Vaults == nil {
		return nil, ""
	}
	return a.p.Vaults.Tokens(), a.p.Vaults.SoftwareToken()
}

// HasVaults tells whether this build reaches vaults at all; a card is all it
// takes then.
func (a *App) HasVaults() bool { return a.p.Vaults != nil }

// AskVault asks the vault of a card about its account, as on a new computer:
// no profile is needed, no guess is used. Errors: ErrNoPassword, ErrVault….
func (a *App) AskVault(ctx context.Context, card []byte) (VaultState, error) {
	if a.p.Vaults == nil || card == nil {
		return VaultState{}, ErrNoPassword
	}
	return a.p.Vaults.State(ctx, card)
}

// OpenReaderWithPassword is the function of that name, with this computer's vaults.
func (a *App) OpenReaderWithPassword(ctx context.Context, destination string, password []byte, vault string) (*Reader, error) {
	return OpenReaderWithPassword(ctx, a.p.Vaults, destination, password, vault)
}

// VaultStatus asks the vault about the account. Errors: ErrNotSetUp, ErrNoPassword, ErrVault….
func (a *App) VaultStatus(ctx context.Context) (VaultState, error) {
	set := a.profile.Settings()
	switch {
	case set.Repository == "":
		return VaultState{}, ErrNotSetUp
	case set.VaultCard == nil || a.p.Vaults == nil:
		return VaultState{}, ErrNoPassword
	}
	s, err := a.p.Vaults.State(ctx, set.VaultCard)
	if err != nil {
		return VaultState{}, err
	}
	return s, a.rememberState(s)
}

func (a *App) rememberState(s VaultState) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return a.profile.Update(func(set *profile.Settings) { set.VaultState = b })
}

// askVault keeps what the vault says now, if it answers; nothing depends on it.
func (a *App) askVault(ctx context.Context, card []byte) (VaultState, bool) {
	if a.p.Vaults == nil || card == nil {
		return VaultState{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	s, err := a.p.Vaults.State(ctx, card)
	if err == nil {
		err = a.rememberState(s)
	}
	if err != nil {
		a.p.Log.Info("the vault did not tell the account's state", "cause", err)
	}
	return s, err == nil
}

// askPatience is how long a backup waits for a vault that it does not need.
const askPatience = 10 * time.Second

// watchVault is the part of a backup that looks after the account: the card
// may have been changed by another computer, and somebody may be guessing. It
// returns how many wrong guesses are news.
func (a *App) watchVault(ctx context.Context, card []byte) (news int) {
	set := a.profile.Settings()
	if string(card) != string(set.VaultCard) {
		// The header's seal vouches for it: somebody with the key put it there.
		err := a.profile.Update(func(s *profile.Settings) {
			s.VaultCard, s.VaultState = card, nil
			s.PasswordConfirmed, s.PasswordChecks = time.Time{}, 0
		})
		if err != nil {
			a.p.Log.Warn("the vault card could not be kept", "cause", err)
		}
	}
	before := lastState(set)
	now, ok := a.askVault(ctx, card)
	if !ok {
		return 0
	}
	for _, t := range now.Wrong {
		if before == nil || t.After(before.Asked) {
			news++
		}
	}
	return news
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

// chosenCard puts what a person gave in place of the card at a destination. An
// operator's card and a token's URI name no account: then it is the destination's.
func chosenCard(there []byte, given string) ([]byte, error) {
	if given == "" {
		return there, nil
	}
	if there == nil {
		return []byte(given), nil
	}
	var card, old map[string]any
	if err := json.Unmarshal(there, &old); err != nil {
		return nil, fmt.Errorf("%w: the vault card: %w", ErrDamaged, err)
	}
	if strings.HasPrefix(given, "pkcs11:") {
		old["url"] = given
		return json.Marshal(old)
	}
	if err := json.Unmarshal([]byte(given), &card); err != nil {
		return nil, fmt.Errorf("%w: this is no vault card: %w", ErrInvalid, err)
	}
	if _, named := card["account"]; !named {
		card["account"] = old["account"]
	}
	return json.Marshal(card)
}

// OpenReaderWithPassword opens a backup somewhere with its password, as on a
// new computer. vault, if not "", is a vault card to use in place of the one at the destination.
// Errors: those of Inspect, ErrNoPassword, ErrWrongPassword, ErrPasswordGone, ErrVault….
func OpenReaderWithPassword(ctx context.Context, vaults Vaults, destination string, password []byte, vault string) (*Reader, error) {
	k, err := RecoverKey(ctx, vaults, destination, password, vault)
	if err != nil {
		return nil, err
	}
	r, err := OpenReader(ctx, destination, k)
	if err != nil {
		k.Clear()
	}
	return r, err
}

// RecoverKey gets the key of a backup somewhere from its vault: one guess.
// Errors: as OpenReaderWithPassword.
func RecoverKey(ctx context.Context, vaults Vaults, destination string, password []byte, vault string) (*backupkey.Key, error) {
	found, err := Inspect(ctx, destination)
	if err != nil {
		return nil, err
	}
	card, err := chosenCard(found.VaultCard, vault)
	if err != nil {
		return nil, err
	}
	want := found.KeyID
	if found.Changing && found.Protection == ProtectionNone {
		want = found.NextKeyID
	}
	switch {
	case found.Protection == ProtectionNone && !found.Changing:
		return nil, ErrNotEncrypted
	case card == nil || vaults == nil:
		return nil, ErrNoPassword
	}
	return recoverKey(ctx, vaults, card, password, want)
}
