package vaultclient

import (
	"errors"
	"fmt"

	"github.com/holdfast-backup/holdfast/core/vaults"
)

// What a client finds beyond the kinds of core/vaults. Those with a kind are errors of that kind as well.
var (
	ErrNoAccount   = errors.New("the vault does not know this account")
	ErrNotTheVault = fmt.Errorf("%w: this is not the vault that the card names", vaults.ErrSuspect)
	ErrNotProven   = fmt.Errorf("%w: the new password did not open the account", vaults.ErrSuspect)
	ErrManagement  = errors.New("the backup key is not the one of this account")
	ErrNewerCard   = fmt.Errorf("%w: it was made by a newer version", vaults.ErrCard)
	ErrNoKeys      = errors.New("the token has no vault")
	ErrIncapable   = errors.New("the token cannot hold a vault")
	ErrStore       = errors.New("the token's accounts are not those it has last seen")
)
