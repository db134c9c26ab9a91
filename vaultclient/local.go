package vaultclient

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/holdfast-backup/holdfast/core/vaults"
	"github.com/holdfast-backup/holdfast/vault"
	cards "github.com/holdfast-backup/holdfast/vault/card"
	"github.com/holdfast-backup/holdfast/vault/hsm"
	"github.com/holdfast-backup/holdfast/vault/store"
)

// Local is a Vault in this process, on a PKCS#11 token. Its accounts are on the token, where
// that keeps data objects, else in Params.Dir. The token's login lasts as long as the Local; its
// accounts are locked, against other processes of this person, only while it works.
type Local struct {
	protocol
	token  *hsm.HSM
	dir    string
	delays []time.Duration
	lock   *flock.Flock
	work   chan struct{} // holds one element while nothing works
	once   sync.Once
}

// openLocal opens the token at an address. The card's public key may be empty: then it is not known yet.
func openLocal(ctx context.Context, p Params, card cards.Card, at cards.Address) (*Local, error) {
	if p.Dir == "" {
		panic("vaultclient: Params.Dir is required for tokens")
	}
	if err := os.MkdirAll(p.Dir, 0o700); err != nil {
		return nil, err
	}
	params := hsm.Params{URI: &at, PIN: p.PIN, Sessions: 2}
	token, err := openToken(ctx, p.Dir, params, p.Create && len(card.PublicKey) == 0)
	if err != nil {
		return nil, tokenError(err)
	}
	_, ake := token.PublicKeys()
	if len(card.PublicKey) > 0 && !bytes.Equal(card.PublicKey, ake.Bytes()) {
		token.Close()
		return nil, fmt.Errorf("%w: the token has other keys", ErrNotTheVault)
	}
	l := &Local{token: token, dir: p.Dir, delays: p.Delays, work: make(chan struct{}, 1)}
	l.work <- struct{}{}
	l.lock = flock.New(filepath.Join(p.Dir, l.name()+".lock"))
	l.card = cards.New("this computer's token", token.Identity().URL(), ake.Bytes())
	l.card.Account, l.tried = card.Account, p.Tried
	if card.Name != "" {
		l.card.Name = card.Name
	}
	if _, err := cards.Parse(l.card.Encode()); err != nil {
		token.Close()
		return nil, fmt.Errorf("%w: its name cannot stand in a card: %w", ErrIncapable, err)
	}
	if l.delays == nil {
		l.delays = vault.DefaultDelays
	}
	l.begin = l.open
	l.pause = func(int) time.Duration { return 50 * time.Millisecond }
	return l, nil
}

// openToken opens a token, and with create makes the keys of a vault on one that
// has none. Nothing is opened while keys are made: another process may be making them,
// and SoftHSM fails at it when other threads log in meanwhile.
func openToken(ctx context.Context, dir string, p hsm.Params, create bool) (*hsm.HSM, error) {
	lock := flock.New(filepath.Join(dir, "open.lock"))
	defer lock.Close() //nolint:errcheck // the system unlocks it when the process ends
	if _, err := lock.TryRLockContext(ctx, 20*time.Millisecond); err != nil {
		return nil, err
	}
	token, err := hsm.Open(ctx, p)
	if !create || !errors.Is(err, hsm.ErrNoKeys) {
		return token, err
	}
	if err := lock.Unlock(); err != nil {
		return nil, err
	}
	if _, err := lock.TryLockContext(ctx, 20*time.Millisecond); err != nil {
		return nil, err
	}
	if token, err := hsm.Open(ctx, p); !errors.Is(err, hsm.ErrNoKeys) {
		return token, err
	}
	if err := makeKeys(ctx, p); err != nil {
		return nil, err
	}
	return hsm.Open(ctx, p)
}

func makeKeys(ctx context.Context, p hsm.Params) error {
	r, err := hsm.Probe(ctx, p)
	if err != nil {
		return tokenError(err)
	}
	if len(r.Lacks) > 0 {
		return fmt.Errorf("%w: %s", ErrIncapable, r.Lacks[0])
	}
	if err := hsm.Init(ctx, p); err != nil {
		return tokenError(err)
	}
	return nil
}

// name names the vault in the folder.
func (l *Local) name() string {
	_, ake := l.token.PublicKeys()
	return "vault-" + hex.EncodeToString(ake.Bytes()[1:9])
}

// open opens the vault for one piece of work.
func (l *Local) open(ctx context.Context) (transport, func(), error) {
	select {
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	case <-l.work:
	}
	if ok, err := l.lock.TryLockContext(ctx, 20*time.Millisecond); !ok {
		l.work <- struct{}{}
		return nil, nil, fmt.Errorf("%w: another process uses the token: %w", vaults.ErrUnreachable, err)
	}
	release := func() {
		_ = l.lock.Unlock() // the system does it when the process ends
		l.work <- struct{}{}
	}
	store, err := l.store(ctx)
	if err != nil {
		release()
		return nil, nil, tokenError(err)
	}
	v, err := vault.Open(ctx, vault.Params{Store: store, HSM: l.token, Policy: vault.Policy{Delays: l.delays}})
	if err != nil {
		err = errors.Join(err, store.Close())
		release()
		return nil, nil, tokenError(err)
	}
	return v, func() {
		v.Close()
		_ = store.Close() // what was committed is kept
		release()
	}, nil
}

// store opens the accounts, where they are or, for a new vault, where they can be.
func (l *Local) store(ctx context.Context) (store.Store, error) {
	path := filepath.Join(l.dir, l.name()+".db")
	if store.BoltExists(path) {
		return store.OpenBolt(path)
	}
	objects, err := l.token.Objects(ctx)
	if err != nil {
		return nil, err
	}
	if len(objects) > 0 {
		return store.OpenToken(ctx, l.token)
	}
	keeps, err := l.token.KeepsObjects(ctx)
	if err != nil {
		return nil, err
	}
	if keeps {
		return store.OpenToken(ctx, l.token)
	}
	return store.OpenBolt(path)
}

// Close implements Vault.
func (l *Local) Close() error {
	l.once.Do(func() {
		<-l.work
		defer func() { l.work <- struct{}{} }()
		l.token.Close()
	})
	return nil
}

// tokenError maps what a token or its store says to what the app decides on.
func tokenError(err error) error {
	for _, m := range []struct{ from, to error }{
		{hsm.ErrURI, vaults.ErrCard}, {hsm.ErrAbsent, vaults.ErrElsewhere}, {hsm.ErrPIN, vaults.ErrPIN}, {hsm.ErrNoPIN, vaults.ErrNoPIN},
		{hsm.ErrNoKeys, ErrNoKeys},
		{hsm.ErrIncapable, ErrIncapable}, {hsm.ErrExposed, ErrIncapable}, {hsm.ErrFaulty, ErrIncapable}, {vault.ErrOlder, ErrStore},
		{store.ErrTampered, ErrStore}, {vault.ErrNoKeys, ErrNoKeys},
		{hsm.ErrModule, vaults.ErrUnreachable}, {hsm.ErrClosed, vaults.ErrUnreachable}, {hsm.ErrAmbiguous, vaults.ErrUnreachable},
		{vault.ErrUnavailable, vaults.ErrUnreachable}, {store.ErrInUse, vaults.ErrUnreachable},
	} {
		if errors.Is(err, m.from) {
			return fmt.Errorf("%w: %w", m.to, err)
		}
	}
	return err
}
