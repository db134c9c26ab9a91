package vaultclient

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/holdfast-backup/holdfast/core/opaque"
	"github.com/holdfast-backup/holdfast/core/vaults"
	"github.com/holdfast-backup/holdfast/vault"
	cards "github.com/holdfast-backup/holdfast/vault/card"
)

// transport carries single messages to the vault. *vault.Vault is one.
type transport interface {
	RegisterStart(ctx context.Context, id vault.AccountID, q vault.RegistrationRequest) (*vault.RegistrationReply, error)
	RegisterFinish(ctx context.Context, id vault.AccountID, r vault.Registration) error
	RecoverStart(ctx context.Context, id vault.AccountID, r vault.RecoveryStart) (*vault.RecoveryReply, error)
	RecoverFinish(ctx context.Context, id vault.AccountID, r vault.RecoveryFinish) ([]byte, error)
	Account(ctx context.Context, id vault.AccountID) (*vault.Account, error)
	Delete(ctx context.Context, id vault.AccountID, version uint64, signature []byte) error
}

// protocol is what Local and Remote have in common: the client's side.
type protocol struct {
	// begin opens a transport for one piece of work.
	begin func(ctx context.Context) (t transport, end func(), err error)
	// pause is between repetitions of a message.
	pause func(attempt int) time.Duration
	// tried is which passwords were wrong; nil: that is not remembered.
	tried *Tried

	mu   sync.Mutex
	card cards.Card
}

// Card implements Vault.
func (p *protocol) Card() []byte { return p.known().Encode() }

func (p *protocol) known() cards.Card {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.card
}

// account returns the id on the card.
func (p *protocol) account() (cards.Card, vault.AccountID, error) {
	c := p.known()
	if len(c.Account) == 0 {
		return c, vault.AccountID{}, fmt.Errorf("%w: the card names none", ErrNoAccount)
	}
	return c, vault.AccountID(c.Account), nil
}

// SetPassword implements Vault.
func (p *protocol) SetPassword(ctx context.Context, n NewPassword) ([]byte, error) {
	if err := n.check(); err != nil {
		return nil, err
	}
	t, end, err := p.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	c := p.known()
	var id vault.AccountID
	fresh := copy(id[:], c.Account) == 0
	if fresh {
		_, _ = rand.Read(id[:]) // never fails since Go 1.24
	}
	if n.SeedsOf != nil {
		n.Seed, n.PreviousSeed = n.SeedsOf(c.PublicKey, id[:])
		defer clear(n.Seed)
		defer clear(n.PreviousSeed)
	}
	if err := p.registerBy(ctx, t, c, id, n, fresh); err != nil {
		return nil, asOurs(err)
	}
	key, err := p.recover(ctx, t, c, id, n.Password)
	defer clear(key)
	if err == nil && !bytes.Equal(key, n.Key) {
		err = errors.New("it gave another key")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotProven, err)
	}
	c.Account = id[:]
	p.mu.Lock()
	p.card = c
	p.mu.Unlock()
	return c.Encode(), nil
}

// registerBy signs with the key that the account is to have, or else, where
// the account is an older one, with the one that it may have had.
func (p *protocol) registerBy(ctx context.Context, t transport, c cards.Card, id vault.AccountID, n NewPassword, fresh bool) error {
	signers := [][]byte{n.Seed}
	if n.PreviousSeed != nil && !fresh {
		signers = append(signers, n.PreviousSeed)
	}
	var err error
	for _, seed := range signers {
		for attempt := 0; ; attempt++ {
			err = p.register(ctx, t, c, id, n, seed)
			if !errors.Is(err, vault.ErrStale) || attempt == 3 {
				break // stale: the account changed, or the vault was restarted; begin again
			}
		}
		if !errors.Is(err, vault.ErrSignature) {
			break
		}
	}
	return err
}

func (p *protocol) register(ctx context.Context, t transport, c cards.Card, id vault.AccountID, n NewPassword, signerSeed []byte) error {
	run, request, err := opaque.StartRegistration(n.Password)
	if err != nil {
		return err
	}
	defer run.Clear()
	reply, err := repeat(ctx, p, repeatFor, func(ctx context.Context) (*vault.RegistrationReply, error) {
		return t.RegisterStart(ctx, id, vault.RegistrationRequest{Request: request, Enrolled: true})
	})
	if err != nil {
		return err
	}
	record, exportKey, err := run.Finish(reply.Response, id[:], c.PublicKey)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotTheVault, err)
	}
	defer clear(exportKey)
	r := registration(c, id, reply.Ticket, record, sealKey(exportKey, id, c.PublicKey, n.Key), n.Seed, signerSeed)
	_, err = repeat(ctx, p, repeatFor, func(ctx context.Context) (struct{}, error) { return struct{}{}, t.RegisterFinish(ctx, id, r) })
	return err
}

// registration is the message that ends one. seed is that of the account's management key from now on, signerSeed of the one that signs.
func registration(c cards.Card, id vault.AccountID, ticket, record, sealed, seed, signerSeed []byte) vault.Registration {
	management, signer := ed25519.NewKeyFromSeed(seed), ed25519.NewKeyFromSeed(signerSeed)
	defer clear(management)
	defer clear(signer)
	r := vault.Registration{Ticket: ticket, Record: record, SealedKey: sealed,
		Management: management.Public().(ed25519.PublicKey), Enrolled: true}
	r.Signature = ed25519.Sign(signer, vault.RegistrationMessage(c.PublicKey, id, r))
	return r
}

// Recover implements Vault.
func (p *protocol) Recover(ctx context.Context, password []byte) ([]byte, error) {
	c, id, err := p.account()
	if err != nil {
		return nil, err
	}
	if len(password) == 0 {
		return nil, fmt.Errorf("%w: the password is empty", vaults.ErrRefused)
	}
	t, end, err := p.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	return p.recover(ctx, t, c, id, password)
}

// State implements Vault.
func (p *protocol) State(ctx context.Context) (vaults.State, error) {
	c, id, err := p.account()
	if err != nil {
		return vaults.State{}, err
	}
	t, end, err := p.begin(ctx)
	if err != nil {
		return vaults.State{}, err
	}
	defer end()
	a, err := repeat(ctx, p, repeatFor, func(ctx context.Context) (*vault.Account, error) { return t.Account(ctx, id) })
	if err != nil {
		return vaults.State{}, asOurs(err)
	}
	return stateOf(c, a, time.Now()), nil
}

// stateOf says what a vault told of an account.
func stateOf(c cards.Card, a *vault.Account, now time.Time) vaults.State {
	s := vaults.State{
		Name: c.Name, Address: string(c.URL), Local: c.URL.IsToken(), Destroyed: a.Reason != "", Restored: a.Reason == vault.ReasonRestored,
		GuessesLeft: a.GuessesLeft, GuessLimit: vaults.Guesses, WrongTotal: a.Wrong, WaitUntil: a.WaitUntil, Asked: now,
	}
	for _, g := range a.Past {
		guess := vaults.Guess{Time: g.Time, Outcome: vaults.Outcome(g.Outcome)}
		s.Past = append(s.Past, guess)
		switch guess.Outcome {
		case vaults.Right:
			s.LastRight = g.Time
		case vaults.Wrong:
			s.Wrong = append(s.Wrong, g.Time)
		}
	}
	return s
}

// Delete implements Vault.
func (p *protocol) Delete(ctx context.Context, seeds ...[]byte) error {
	c, id, err := p.account()
	if err != nil {
		return err
	}
	for _, seed := range seeds {
		if len(seed) != SeedBytes {
			return fmt.Errorf("%w: a management seed has %d bytes", vaults.ErrRefused, SeedBytes)
		}
	}
	t, end, err := p.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	err = ErrManagement
	for _, seed := range seeds {
		if err = p.deleteBy(ctx, t, c, id, seed); !errors.Is(err, ErrManagement) {
			break
		}
	}
	return err
}

func (p *protocol) deleteBy(ctx context.Context, t transport, c cards.Card, id vault.AccountID, seed []byte) error {
	key := ed25519.NewKeyFromSeed(seed)
	defer clear(key)
	sent := false
	for attempt := 0; ; attempt++ {
		a, err := repeat(ctx, p, repeatFor, func(ctx context.Context) (*vault.Account, error) { return t.Account(ctx, id) })
		if errors.Is(err, vault.ErrNoAccount) && sent {
			return nil // gone with an answer that was lost
		}
		if err != nil {
			return asOurs(err)
		}
		signature := ed25519.Sign(key, vault.DeletionMessage(c.PublicKey, id, a.Version))
		sent = true
		_, err = repeat(ctx, p, repeatFor, func(ctx context.Context) (struct{}, error) {
			return struct{}{}, t.Delete(ctx, id, a.Version, signature)
		})
		if errors.Is(err, vault.ErrNoAccount) {
			return nil
		}
		if !errors.Is(err, vault.ErrStale) || attempt == 3 {
			return asOurs(err)
		}
	}
}

func sealing(exportKey []byte, id vault.AccountID, public []byte) (cipher.AEAD, []byte) {
	key, err := hkdf.Key(sha256.New, exportKey, nil, vault.LabelSealedKey, 32)
	if err != nil {
		panic("vaultclient: " + err.Error()) // lengths are constants
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("vaultclient: " + err.Error())
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic("vaultclient: " + err.Error())
	}
	aad := append([]byte(vault.LabelSealedKey), id[:]...)
	return gcm, append(aad, public...)
}

// sealedKeyBytes: nonce, key, tag.
const sealedKeyBytes = 12 + KeyBytes + 16

// sealKey encrypts the backup key under the export key (docs/vault-protocol.md, section 2).
func sealKey(exportKey []byte, id vault.AccountID, public, key []byte) []byte {
	gcm, aad := sealing(exportKey, id, public)
	nonce := make([]byte, 12, sealedKeyBytes)
	_, _ = rand.Read(nonce) // never fails since Go 1.24
	return gcm.Seal(nonce, nonce, key, aad)
}

// errSealed: what the vault released is not the key that was sealed.
var errSealed = fmt.Errorf("%w: the sealed key does not open", ErrNotTheVault)

func openKey(exportKey []byte, id vault.AccountID, public, sealed []byte) ([]byte, error) {
	if len(sealed) != sealedKeyBytes {
		return nil, fmt.Errorf("%w: the sealed key has %d bytes", ErrNotTheVault, len(sealed))
	}
	gcm, aad := sealing(exportKey, id, public)
	key, err := gcm.Open(nil, sealed[:12], sealed[12:], aad)
	if err != nil {
		return nil, errSealed
	}
	return key, nil
}
