package profile

import (
	"context"
	"encoding/json"
	"os"
)

// OldAccount is an account at a vault that no password of the backup is in any more, and that is not known to be deleted. Its
// vault was away, or the program ended before it was told.
type OldAccount struct {
	// Card is that of the vault alone, with the account; SPKI as in vaults.Place.
	Card json.RawMessage `json:"card"`
	SPKI []byte          `json:"spki,omitempty"`
	// Seed and Before make the keys that may manage it. They derive from the key that the backup had then, and open nothing.
	Seed   []byte `json:"seed"`
	Before []byte `json:"before,omitempty"`
}

var oldAccountsFile = sealedFile{"old-accounts", "holdfast old accounts 1\n"}

// OldAccounts opens the list; nil: there are none. Errors: ErrSecretsDamaged, those of the keyring.
func (p *Profile) OldAccounts(ctx context.Context) (all []OldAccount, err error) {
	return all, p.unseal(ctx, oldAccountsFile, &all)
}

// SetOldAccounts seals and saves the list. An empty one leaves no file.
func (p *Profile) SetOldAccounts(ctx context.Context, all []OldAccount) error {
	if len(all) > 0 {
		return p.seal(ctx, oldAccountsFile, all)
	}
	if err := os.Remove(p.pathOf(oldAccountsFile)); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}
