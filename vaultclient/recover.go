package vaultclient

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-backup/holdfast/core/opaque"
	"github.com/holdfast-backup/holdfast/core/vaults"
	"github.com/holdfast-backup/holdfast/vault"
	cards "github.com/holdfast-backup/holdfast/vault/card"
)

const (
	// repeatFor is how long messages are repeated that cost no guess.
	repeatFor = 8 * time.Second
	// startFor is how long a start is repeated, safely less than the minute for which
	// the vault knows it.
	startFor = 40 * time.Second
	// finishFor is counted from the start, too.
	finishFor = 52 * time.Second
	// closeFor is how long a wrong guess is told to the vault.
	closeFor = 5 * time.Second
)

// repeat sends a message again, the same one, until it is answered, ctx ends,
// or it has been tried for that long. It repeats only what may be repeated: vaults.ErrUnreachable and vault.ErrUnavailable.
func repeat[T any](ctx context.Context, p *protocol, within time.Duration, send func(context.Context) (T, error)) (answer T, err error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var last error
	for attempt := 0; ; attempt++ {
		answer, err = send(ctx)
		if err == nil || ctx.Err() == nil && !passing(err) {
			return answer, err
		}
		if passing(err) || last == nil {
			last = err
		}
		timer := time.NewTimer(p.pause(attempt))
		select {
		case <-ctx.Done():
			timer.Stop()
			if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
				return answer, fmt.Errorf("%w: %w", vaults.ErrUnreachable, last)
			}
			return answer, ctx.Err()
		case <-timer.C:
		}
	}
}

func passing(err error) bool {
	return errors.Is(err, vaults.ErrUnreachable) && !errors.Is(err, vaults.ErrCertificate) || errors.Is(err, vault.ErrUnavailable)
}

// recover makes one guess.
//
// What is sent, and when it may be sent again: KE1 names the version that the
// account has, so the vault counts it at most once; while it is open, for a
// minute, the same KE1 is answered again without being counted. So a KE1
// that is refused as stale within that minute was never counted, and is sent with the new version.
func (p *protocol) recover(ctx context.Context, t transport, c cards.Card, id vault.AccountID, password []byte) ([]byte, error) {
	if err := p.identify(ctx, t, c); err != nil {
		return nil, err
	}
	a, err := p.look(ctx, t, id)
	if err != nil {
		return nil, err
	}
	known := []mark{p.tried.mark("one", c.PublicKey, id[:], a.Registered.UnixMilli(), password)}
	if !a.Registered.IsZero() && p.tried.before(known) {
		return nil, &vaults.Error{Kind: vaults.ErrWrongPassword, GuessesLeft: a.GuessesLeft, Repeated: true}
	}
	run, ke1, err := opaque.StartLogin(password)
	if err != nil {
		return nil, err
	}
	defer run.Clear()
	try := newTry(p, t, id, ke1, a.Version)
	for again := false; ; again = true {
		reply, err := try.start(ctx)
		if err != nil {
			return nil, err
		}
		ke3, sessionKey, exportKey, err := run.Finish(reply.KE2, id[:], c.PublicKey)
		switch {
		case errors.Is(err, opaque.ErrPassword) && !again:
			p.tried.note(known)
			return nil, try.wrong(ctx, reply.GuessesLeft)
		case err != nil:
			return nil, fmt.Errorf("%w: %w", ErrNotTheVault, err)
		}
		key, err := try.finish(ctx, c, ke3, sessionKey, exportKey)
		clear(sessionKey)
		clear(exportKey)
		if errors.Is(err, vault.ErrStale) && !again {
			continue // restarted since it answered KE1: it will answer it again
		}
		if err != nil {
			return nil, asOurs(err)
		}
		return key, nil
	}
}

// identified is a transport whose vault is asked for its public key. A token's is known when it is opened.
type identified interface {
	PublicKey(ctx context.Context) ([]byte, error)
}

// identify refuses to guess at a vault with another key than the card's: every password
// would be wrong there, the right one too, and cost a guess.
func (p *protocol) identify(ctx context.Context, t transport, c cards.Card) error {
	named, ok := t.(identified)
	if !ok {
		return nil
	}
	public, err := repeat(ctx, p, repeatFor, named.PublicKey)
	if err != nil {
		return asOurs(err)
	}
	if !bytes.Equal(public, c.PublicKey) {
		return fmt.Errorf("%w: it has another key", ErrNotTheVault)
	}
	return nil
}

// look asks for the account, and refuses to guess where that is of no use.
func (p *protocol) look(ctx context.Context, t transport, id vault.AccountID) (*vault.Account, error) {
	a, err := repeat(ctx, p, repeatFor, func(ctx context.Context) (*vault.Account, error) { return t.Account(ctx, id) })
	switch {
	case err != nil:
		return nil, asOurs(err)
	case a.Reason != "":
		return nil, destroyed(a.Reason, false)
	case !a.WaitUntil.IsZero():
		return nil, waiting(a.WaitUntil)
	}
	return a, nil
}

// try is one guess under way.
type try struct {
	p       *protocol
	t       transport
	id      vault.AccountID
	ke1     []byte
	version uint64
	begun   time.Time // when KE1 was first sent
}

func newTry(p *protocol, t transport, id vault.AccountID, ke1 []byte, version uint64) *try {
	return &try{p: p, t: t, id: id, ke1: ke1, version: version, begun: time.Now()}
}

// start sends KE1 until it is answered.
func (y *try) start(ctx context.Context) (*vault.RecoveryReply, error) {
	for {
		reply, err := repeat(ctx, y.p, startFor-time.Since(y.begun), func(ctx context.Context) (*vault.RecoveryReply, error) {
			return y.t.RecoverStart(ctx, y.id, vault.RecoveryStart{KE1: y.ke1, Version: y.version})
		})
		if !errors.Is(err, vault.ErrStale) {
			return reply, asOurs(err)
		}
		if time.Since(y.begun) > startFor {
			return nil, fmt.Errorf("%w: the account changes all the time", vaults.ErrUnreachable)
		}
		a, err := y.p.look(ctx, y.t, y.id)
		if err != nil {
			return nil, err
		}
		y.version = a.Version
	}
}

// finish sends KE3 and opens what it releases.
func (y *try) finish(ctx context.Context, c cards.Card, ke3, sessionKey, exportKey []byte) ([]byte, error) {
	released, err := y.end(ctx, finishFor-time.Since(y.begun), ke3)
	if err != nil {
		return nil, err
	}
	sealed, err := vault.OpenRelease(sessionKey, y.id, released)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotTheVault, err)
	}
	return openKey(exportKey, y.id, c.PublicKey, sealed)
}

// end sends KE3. A vault of the version before takes the first 16 bytes of the
// start's id alone: it refuses the whole one before it changes anything.
func (y *try) end(ctx context.Context, patience time.Duration, ke3 []byte) ([]byte, error) {
	start := vault.StartID(y.ke1)
	send := func(start []byte) ([]byte, error) {
		return repeat(ctx, y.p, patience, func(ctx context.Context) ([]byte, error) {
			return y.t.RecoverFinish(ctx, y.id, vault.RecoveryFinish{Start: start, KE3: ke3})
		})
	}
	released, err := send(start[:])
	if errors.Is(err, vault.ErrInvalid) {
		return send(start[:16])
	}
	return released, err
}

// wrong tells the vault that the guess was wrong, so that it need not wait a
// minute to know, and says so. A vault that does not hear it finds out by itself.
func (y *try) wrong(ctx context.Context, left int) error {
	ke3 := make([]byte, opaque.KE3Bytes)
	_, _ = rand.Read(ke3) // never fails since Go 1.24
	_, err := y.end(ctx, closeFor, ke3)
	if left == 0 || errors.Is(err, vault.ErrDestroyed) {
		return destroyed(vault.ReasonGuesses, true)
	}
	return &vaults.Error{Kind: vaults.ErrWrongPassword, GuessesLeft: left}
}

// destroyed is what to say of an account that is gone; now: by this very guess.
func destroyed(why vault.Reason, now bool) error {
	return &vaults.Error{Kind: vaults.ErrPasswordGone, GuessesLeft: -1, LastGuess: now, Restored: why == vault.ReasonRestored}
}

func waiting(until time.Time) error {
	return &vaults.Error{Kind: vaults.ErrWait, GuessesLeft: -1, Until: until}
}

// asOurs maps what a vault says to what the app decides on.
func asOurs(err error) error {
	var wait *vault.WaitError
	var gone *vault.DestroyedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wait):
		return waiting(wait.Until)
	case errors.As(err, &gone):
		return destroyed(gone.Reason, false)
	}
	for _, m := range []struct{ from, to error }{
		{vault.ErrUnavailable, vaults.ErrUnreachable}, {vault.ErrNoAccount, ErrNoAccount}, {vault.ErrSignature, ErrManagement},
		{vault.ErrEnrolment, vaults.ErrEnrolment},
		{vault.ErrWrongProof, ErrNotTheVault}, {vault.ErrStale, vaults.ErrUnreachable}, {vault.ErrInvalid, vaults.ErrRefused},
	} {
		if errors.Is(err, m.from) && !errors.Is(err, m.to) {
			return fmt.Errorf("%w: %w", m.to, err)
		}
	}
	return err
}
