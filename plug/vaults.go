//go:build cgo

package plug

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/vault"
	"github.com/holdfast-backup/holdfast/vaultclient"
)

// guessLimit is how many guesses an account has (docs/vault-protocol.md, chapter 4).
const guessLimit = 10

// Vaults reaches vaults over HTTPS and on PKCS#11 tokens of this computer.
type Vaults struct {
	// Dir is where accounts of tokens are kept that cannot keep them themselves.
	Dir string
	// Software, if not "", is the folder of the software token that this computer
	// may have; it is made when it is first asked for.
	Software string
	// Delays are those of tokens of this computer; nil: the vault's default.
	Delays []time.Duration
	// PINs asks for those that are not in a file; nil asks nobody.
	PINs *PINs
}

var _ core.Vaults = Vaults{}

// software stands in cards for the software token of whatever computer reads
// them: a card is public, and where this computer keeps its files is nobody's business.
const software = "pkcs11:token=Holdfast"

func (v Vaults) open(ctx context.Context, card []byte, create bool) (vaultclient.Vault, error) {
	card, err := v.resolve(card, create)
	if err != nil {
		return nil, err
	}
	params := vaultclient.Params{Card: card, Dir: v.Dir, Create: create, Delays: v.Delays}
	if v.PINs == nil {
		return vaultclient.Open(ctx, params)
	}
	pin, heard := v.PINs.pinOf(card)
	params.PIN = pin
	client, err := vaultclient.Open(ctx, params)
	heard(err)
	return client, err
}

// resolve puts the software token's own address, which holds paths of this
// computer, in place of what stands for it in a card.
func (v Vaults) resolve(card []byte, create bool) ([]byte, error) {
	if string(card) == software {
		uri, err := v.token(create)
		return []byte(uri), err
	}
	c, err := vault.ParseCard(card)
	if err != nil || c.URL != software {
		return card, nil //nolint:nilerr // a URI, or what vaultclient will say is no card
	}
	if c.URL, err = v.token(create); err != nil {
		return nil, err
	}
	return c.Encode(), nil
}

// token lets this process see the software token, and with create makes one
// where there is none: SoftHSM finds tokens by a setting of the process.
func (v Vaults) token(create bool) (uri string, err error) {
	_, err = os.Stat(v.Software)
	if v.Software == "" || err != nil && !create {
		return "", fmt.Errorf("%w: the software token is not on this computer", vaultclient.ErrUnreachable)
	}
	return vaultclient.SoftwareToken(v.Software)
}

// SoftwareToken is the address of a token in this computer's own folder; ""
// where SoftHSM is not installed. It guards against who reads the cloud, not
// against who has this computer, and is lost with it.
func (v Vaults) SoftwareToken() string {
	if v.Software == "" || !vaultclient.SoftwareTokenPossible() {
		return ""
	}
	return software
}

// published turns a card of a token into the one that goes to the
// destination. address is what the person gave: where it says where the PIN
// is read, the card says so too, so that a restore on this computer finds it.
func published(card []byte, address string) ([]byte, error) {
	c, err := vault.ParseCard(card)
	if err != nil || !strings.HasPrefix(c.URL, "pkcs11:") {
		return card, err
	}
	from := address
	if old, err := vault.ParseCard([]byte(address)); err == nil {
		from = old.URL
	}
	if from == software {
		c.URL = software
		return c.Encode(), nil
	}
	if _, query, ok := strings.Cut(from, "?"); ok {
		for part := range strings.SplitSeq(query, "&") {
			if strings.HasPrefix(part, "pin-source=") {
				sep := "?"
				if strings.Contains(c.URL, "?") {
					sep = "&"
				}
				c.URL += sep + part
			}
		}
	}
	return c.Encode(), nil
}

// Tokens lists the PKCS#11 tokens that this computer can see.
func (v Vaults) Tokens() []core.VaultToken {
	var out []core.VaultToken
	for _, t := range vaultclient.Tokens() {
		out = append(out, core.VaultToken{Label: t.Label, Address: t.URI})
	}
	return out
}

// Register implements core.Vaults; the client proves the password itself.
func (v Vaults) Register(ctx context.Context, address string, password, key, seed []byte) ([]byte, error) {
	client, err := v.open(ctx, []byte(address), true)
	if err != nil {
		return nil, asCore(err)
	}
	card, err := client.SetPassword(ctx, vaultclient.NewPassword{Password: password, Key: key, Seed: seed})
	if err = errors.Join(err, client.Close()); err != nil {
		return nil, asCore(err)
	}
	return published(card, address)
}

// Recover implements core.Vaults.
func (v Vaults) Recover(ctx context.Context, card, password []byte) ([]byte, error) {
	client, err := v.open(ctx, card, false)
	if err != nil {
		return nil, asCore(err)
	}
	key, err := client.Recover(ctx, password)
	return key, asCore(errors.Join(err, client.Close()))
}

// State implements core.Vaults.
func (v Vaults) State(ctx context.Context, card []byte) (core.VaultState, error) {
	client, err := v.open(ctx, card, false)
	if err != nil {
		return core.VaultState{}, asCore(err)
	}
	var named struct{ Name, URL string }
	if err := json.Unmarshal(client.Card(), &named); err != nil {
		return core.VaultState{}, asCore(errors.Join(err, client.Close()))
	}
	out := core.VaultState{Name: named.Name, Address: named.URL, Local: strings.HasPrefix(named.URL, "pkcs11:"), GuessLimit: guessLimit, Asked: time.Now()}
	s, err := client.Status(ctx)
	err = errors.Join(err, client.Close())
	switch {
	case errors.Is(err, vaultclient.ErrNoAccount):
		out.Absent = true
		return out, nil
	case err != nil:
		return core.VaultState{}, asCore(err)
	}
	out.Destroyed, out.GuessesLeft, out.WaitUntil = !s.Living, s.GuessesLeft, s.WaitUntil
	for _, g := range s.Guesses {
		switch g.Outcome {
		case "right":
			out.Wrong = nil
		case "wrong":
			out.Wrong = append(out.Wrong, g.Time)
		}
	}
	return out, nil
}

// Remove implements core.Vaults. An account that is not there is removed.
func (v Vaults) Remove(ctx context.Context, card, seed []byte) error {
	client, err := v.open(ctx, card, false)
	if err != nil {
		return asCore(err)
	}
	err = errors.Join(client.Delete(ctx, seed), client.Close())
	if errors.Is(err, vaultclient.ErrNoAccount) {
		return nil
	}
	return asCore(err)
}

// asCore says in core's terms what a vault's client said.
func asCore(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	out := &core.VaultError{Kind: core.ErrVaultRefused, GuessesLeft: -1, Cause: err}
	var (
		wrong *vaultclient.WrongPasswordError
		gone  *vaultclient.DestroyedError
		wait  *vaultclient.WaitError
	)
	switch {
	case errors.As(err, &wrong):
		out.Kind, out.GuessesLeft, out.Cause = core.ErrWrongPassword, wrong.GuessesLeft, nil
	case errors.As(err, &gone):
		out.Kind, out.LastGuess, out.Restored, out.Cause = core.ErrPasswordGone, gone.Now, gone.Reason == "restored", nil
	case errors.As(err, &wait):
		out.Kind, out.Until, out.Cause = core.ErrVaultWait, wait.Until, nil
	case errors.Is(err, vaultclient.ErrWrongPassword):
		out.Kind, out.Cause = core.ErrWrongPassword, nil
	case errors.Is(err, vaultclient.ErrUnreachable):
		out.Kind = core.ErrVaultUnreachable
	case errors.Is(err, vaultclient.ErrNotTheVault), errors.Is(err, vaultclient.ErrNotProven):
		out.Kind = core.ErrVaultSuspect
	case errors.Is(err, vaultclient.ErrPIN):
		out.Kind = core.ErrTokenPIN
	case errors.Is(err, vaultclient.ErrNoPIN):
		return errors.Join(core.ErrInvalid, errors.New("the token needs its PIN: name a file with it as pin-source in the token's URI"))
	case errors.Is(err, vaultclient.ErrCard), errors.Is(err, vaultclient.ErrNewerCard):
		return errors.Join(core.ErrInvalid, err)
	}
	return out
}
