//go:build cgo

package plug

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/holdfast-backup/holdfast/core"
	vaultcard "github.com/holdfast-backup/holdfast/vault/card"
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

func (v Vaults) open(ctx context.Context, at core.VaultPlace, create bool, enrolment []byte) (vaultclient.Vault, error) {
	params := vaultclient.Params{Dir: v.Dir, Create: create, Delays: v.Delays, EnrolmentToken: enrolment}
	var name vaultcard.Address
	if at.Card != nil {
		params.Card = at.Card.Encode()
		if at.Card.URL.IsToken() {
			var err error
			if name, err = at.Card.URL.Address(); err != nil {
				return nil, fmt.Errorf("%w: %w", vaultclient.ErrCard, err)
			}
		}
	}
	if token, ok := at.Typed.Token(); ok {
		name, params.Token = token, &token
	}
	if name.String() == software {
		token, err := v.token(create)
		if err != nil {
			return nil, err
		}
		params.Token = token
	}
	heard := func(error) {}
	if v.PINs != nil {
		params.PIN, heard = v.PINs.pinOf(name)
	}
	client, err := vaultclient.Open(ctx, params)
	heard(err)
	if errors.Is(err, vaultclient.ErrNotTheVault) && at.Card != nil && at.Card.URL.IsToken() {
		err = fmt.Errorf("%w: one of its name is, with another vault: %w", vaultclient.ErrAbsent, err)
	}
	return client, err
}

// token lets this process see the software token, and with create makes one
// where there is none: SoftHSM finds tokens by a setting of the process.
func (v Vaults) token(create bool) (*vaultcard.Address, error) {
	_, err := os.Stat(v.Software)
	if v.Software == "" || err != nil && !create {
		return nil, vaultclient.ErrAbsent
	}
	uri, err := vaultclient.SoftwareToken(v.Software)
	if err != nil {
		return nil, err
	}
	return vaultcard.ParseAddress(uri)
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

// Tokens lists the PKCS#11 tokens that this computer can see.
func (v Vaults) Tokens() []core.VaultToken {
	var out []core.VaultToken
	for _, t := range vaultclient.Tokens() {
		out = append(out, core.VaultToken{Label: t.Label, Address: t.URI})
	}
	return out
}

// Register implements core.Vaults; the client proves the password itself.
func (v Vaults) Register(ctx context.Context, at core.VaultPlace, n core.NewAccount) (core.VaultCard, error) {
	client, err := v.open(ctx, at, true, n.Enrolment)
	if err != nil {
		return core.VaultCard{}, asCore(err)
	}
	text, err := client.SetPassword(ctx, vaultclient.NewPassword{Password: n.Password, Key: n.Key, SeedsOf: n.Seeds})
	if err = errors.Join(err, client.Close()); err != nil {
		return core.VaultCard{}, asCore(err)
	}
	card, err := vaultcard.Parse(text)
	return card, asCore(err)
}

// Recover implements core.Vaults.
func (v Vaults) Recover(ctx context.Context, at core.VaultPlace, password []byte) ([]byte, error) {
	client, err := v.open(ctx, at, false, nil)
	if err != nil {
		return nil, asCore(err)
	}
	key, err := client.Recover(ctx, password)
	return key, asCore(errors.Join(err, client.Close()))
}

// State implements core.Vaults.
func (v Vaults) State(ctx context.Context, at core.VaultPlace) (core.VaultState, error) {
	client, err := v.open(ctx, at, false, nil)
	if err != nil {
		return core.VaultState{}, asCore(err)
	}
	card, err := vaultcard.Parse(client.Card())
	if err != nil {
		return core.VaultState{}, asCore(errors.Join(err, client.Close()))
	}
	out := core.VaultState{Name: card.Name, Address: string(card.URL), Local: card.URL.IsToken(), GuessLimit: guessLimit, Asked: time.Now()}
	s, err := client.Status(ctx)
	err = errors.Join(err, client.Close())
	switch {
	case errors.Is(err, vaultclient.ErrNoAccount):
		out.Absent = true
		return out, nil
	case err != nil:
		return core.VaultState{}, asCore(err)
	}
	out.Destroyed, out.GuessesLeft, out.WaitUntil, out.WrongTotal = !s.Living, s.GuessesLeft, s.WaitUntil, s.Wrong
	for _, g := range s.Guesses {
		switch g.Outcome {
		case "right":
			out.LastRight = g.Time
		case "wrong":
			out.Wrong = append(out.Wrong, g.Time)
		}
	}
	return out, nil
}

// Remove implements core.Vaults. An account that is not there is removed.
func (v Vaults) Remove(ctx context.Context, at core.VaultPlace, seeds func(publicKey, account []byte) (seed, before []byte)) error {
	if at.Card == nil || len(at.Card.Account) == 0 {
		return nil
	}
	client, err := v.open(ctx, at, false, nil)
	if err != nil {
		return asCore(err)
	}
	seed, before := seeds(at.Card.PublicKey, at.Card.Account)
	defer clear(seed)
	defer clear(before)
	err = errors.Join(client.Delete(ctx, seed, before), client.Close())
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
	case errors.Is(err, vaultclient.ErrCertificate):
		out.Kind = core.ErrVaultCertificate
	case errors.Is(err, vaultclient.ErrAbsent):
		out.Kind = core.ErrVaultElsewhere
	case errors.Is(err, vaultclient.ErrUnreachable):
		out.Kind = core.ErrVaultUnreachable
	case errors.Is(err, vaultclient.ErrNotTheVault), errors.Is(err, vaultclient.ErrNotProven):
		out.Kind = core.ErrVaultSuspect
	case errors.Is(err, vaultclient.ErrPIN):
		out.Kind = core.ErrTokenPIN
	case errors.Is(err, vaultclient.ErrNoPIN):
		return errors.Join(core.ErrInvalid, errors.New("the token needs its PIN: name a file with it as pin-source in the token's URI"))
	case errors.Is(err, vaultclient.ErrEnrolment):
		out.Kind, out.Cause = core.ErrVaultEnrolment, nil
	case errors.Is(err, vaultclient.ErrCard), errors.Is(err, vaultclient.ErrNewerCard), errors.Is(err, vaultcard.ErrCard):
		return errors.Join(core.ErrInvalid, err)
	}
	return out
}
