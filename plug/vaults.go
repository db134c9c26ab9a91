//go:build cgo

package plug

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/holdfast-backup/holdfast/core/vaults"
	vaultcard "github.com/holdfast-backup/holdfast/vault/card"
	"github.com/holdfast-backup/holdfast/vaultclient"
)

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
	// Tried remembers which passwords were wrong; nil: that is not remembered.
	Tried *vaultclient.Tried
}

var _ vaults.Vaults = Vaults{}

// NewTried makes an empty memory for Vaults.Tried.
func NewTried() *vaultclient.Tried { return vaultclient.NewTried() }

// software stands in cards for the software token of whatever computer reads
// them: a card is public, and where this computer keeps its files is nobody's business.
const software = "pkcs11:token=Holdfast"

func (v Vaults) open(ctx context.Context, at vaults.Place, create bool, enrolment []byte) (vaultclient.Vault, error) {
	params := vaultclient.Params{Dir: v.Dir, Create: create, Delays: v.Delays, EnrolmentToken: enrolment, SPKI: at.SPKI, Tried: v.Tried}
	var name vaultcard.Address
	if at.Card != nil {
		params.Card = at.Card.Encode()
		if at.Card.URL.IsToken() {
			var err error
			if name, err = at.Card.URL.Address(); err != nil {
				return nil, fmt.Errorf("%w: %w", vaults.ErrCard, err)
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
		err = fmt.Errorf("%w: one of its name is, with another vault: %w", vaults.ErrElsewhere, err)
	}
	return client, err
}

// token lets this process see the software token, and with create makes one
// where there is none: SoftHSM finds tokens by a setting of the process.
func (v Vaults) token(create bool) (*vaultcard.Address, error) {
	_, err := os.Stat(v.Software)
	if v.Software == "" || err != nil && !create {
		return nil, vaults.ErrElsewhere
	}
	uri, err := vaultclient.SoftwareToken(v.Software)
	if err != nil {
		return nil, err
	}
	return vaultcard.ParseAddress(uri)
}

// SoftwareToken is the address of a token in this computer's own folder; ""
// where SoftHSM is not installed. It protects against readers of the cloud,
// not against users of this computer, and is lost with it.
func (v Vaults) SoftwareToken() string {
	if v.Software == "" || !vaultclient.SoftwareTokenPossible() {
		return ""
	}
	return software
}

// Tokens lists the PKCS#11 tokens that this computer can see.
func (v Vaults) Tokens() []vaults.Token {
	var out []vaults.Token
	for _, t := range vaultclient.Tokens() {
		out = append(out, vaults.Token{Label: t.Label, Address: t.URI})
	}
	return out
}

// Register implements vaults.Vaults; the client proves the password itself.
func (v Vaults) Register(ctx context.Context, at vaults.Place, n vaults.NewAccount) (vaultcard.Card, error) {
	client, err := v.open(ctx, at, true, n.Enrolment)
	if err != nil {
		return vaultcard.Card{}, vaults.Told(err)
	}
	text, err := client.SetPassword(ctx, vaultclient.NewPassword{Password: n.Password, Key: n.Key, SeedsOf: n.Seeds})
	if err = errors.Join(err, client.Close()); err != nil {
		return vaultcard.Card{}, vaults.Told(err)
	}
	card, err := vaultcard.Parse(text)
	return card, vaults.Told(err)
}

// Recover implements vaults.Vaults.
func (v Vaults) Recover(ctx context.Context, at vaults.Place, password []byte) ([]byte, error) {
	client, err := v.open(ctx, at, false, nil)
	if err != nil {
		return nil, vaults.Told(err)
	}
	key, err := client.Recover(ctx, password)
	return key, vaults.Told(errors.Join(err, client.Close()))
}

// State implements vaults.Vaults.
func (v Vaults) State(ctx context.Context, at vaults.Place) (vaults.State, error) {
	if at.Shared != nil {
		return v.stateShared(ctx, at)
	}
	client, err := v.open(ctx, at, false, nil)
	if err != nil {
		return vaults.State{}, vaults.Told(err)
	}
	s, err := client.State(ctx)
	card, cardErr := vaultcard.Parse(client.Card())
	err = errors.Join(err, cardErr, client.Close())
	if errors.Is(err, vaultclient.ErrNoAccount) {
		return vaults.State{Name: card.Name, Address: string(card.URL), Local: card.URL.IsToken(), Absent: true, GuessLimit: vaults.Guesses,
			Asked: time.Now()}, nil
	}
	return s, vaults.Told(err)
}

// Remove implements vaults.Vaults. An account that is not there is removed.
func (v Vaults) Remove(ctx context.Context, at vaults.Place, seeds func(publicKey, account []byte) (seed, before []byte)) error {
	if at.Shared != nil {
		return v.removeShared(ctx, at, seeds)
	}
	if at.Card == nil || len(at.Card.Account) == 0 {
		return nil
	}
	client, err := v.open(ctx, at, false, nil)
	if err != nil {
		return vaults.Told(err)
	}
	seed, before := seeds(at.Card.PublicKey, at.Card.Account)
	defer clear(seed)
	defer clear(before)
	err = errors.Join(client.Delete(ctx, seed, before), client.Close())
	if errors.Is(err, vaultclient.ErrNoAccount) {
		return nil
	}
	return vaults.Told(err)
}
