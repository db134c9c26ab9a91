package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/holdfast-backup/holdfast/vault"
	"github.com/holdfast-backup/holdfast/vault/hsm"
	"github.com/holdfast-backup/holdfast/vault/store"
)

func (s *settings) storePath() string { return filepath.Join(s.data, "store.db") }

// opened is a vault with what it stands on.
type opened struct {
	*vault.Vault
	token *hsm.HSM
	store *store.Bolt
}

func (o *opened) close() {
	o.Vault.Close()
	_ = o.store.Close() // what was committed is on disk
	o.token.Close()
}

// closeWithin is how long vaultd waits, at its end, for calls of the token that do not return.
const closeWithin = 10 * time.Second

// closeInTime is close, or an end without it: what was answered is durable.
func (o *opened) closeInTime(log *slog.Logger) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		o.close()
	}()
	select {
	case <-done:
	case <-time.After(closeWithin):
		log.Warn("the token does not answer; vaultd ends all the same")
	}
}

// open opens the vault in the data folder. makeStore allows a new store.
func (s *settings) open(ctx context.Context, params vault.Params, makeStore bool) (*opened, error) {
	p, err := s.token()
	if err != nil {
		return nil, err
	}
	there, err := exists(s.storePath())
	switch {
	case err != nil:
		return nil, fmt.Errorf("the vault's folder: %w", err)
	case !there && !makeStore:
		return nil, fmt.Errorf("%s is no vault's folder: it has no store.db", s.data)
	}
	db, err := store.OpenBolt(s.storePath())
	if err != nil {
		return nil, err
	}
	token, err := hsm.Open(ctx, p)
	if err != nil {
		_ = db.Close() // nothing was written
		return nil, err
	}
	params.Store, params.HSM, params.Name = db, token, s.name
	v, err := vault.Open(ctx, params)
	if err != nil {
		_ = db.Close() // nothing was written
		token.Close()
		return nil, err
	}
	return &opened{v, token, db}, nil
}

// initialise makes the keys and an empty store.
func initialise(ctx context.Context, s settings) error {
	p, err := s.token()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		return err
	}
	if store.BoltExists(s.storePath()) {
		return fmt.Errorf("%s has a store already; it is not overwritten", s.data)
	}
	unlock, err := lockFolder(s.data)
	if err != nil {
		return err
	}
	defer unlock()
	report, err := hsm.Probe(ctx, p)
	if err != nil {
		return wordsOf(err)
	}
	if len(report.Lacks) > 0 {
		err := fmt.Errorf("%w:\n  %s", hsm.ErrIncapable, strings.Join(report.Lacks, "\n  "))
		return err
	}
	if report.Unfit != "" && !s.unfit {
		return fmt.Errorf("%w: %s %s: %s\n  add --unfit-token to go on all the same: then old copies of the store may give guesses back",
			hsm.ErrIncapable, report.Manufacturer, report.Model, report.Unfit)
	}
	if report.Software {
		fmt.Printf("%s is software: whoever has this computer has the keys. It is for tests, and guards against stolen disks of the store only.\n", report.Manufacturer)
	}
	if err := hsm.Init(ctx, p); err != nil {
		return wordsOf(err)
	}
	o, err := s.open(ctx, vault.Params{}, true)
	if err != nil {
		return wordsOf(err)
	}
	defer o.close()
	fmt.Printf("The vault's keys are on the token %q, its store is in %s.\n", report.Token, s.data)
	return nil
}
