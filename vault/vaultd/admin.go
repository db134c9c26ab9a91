package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"

	"github.com/holdfast-backup/holdfast/vault"
	cards "github.com/holdfast-backup/holdfast/vault/card"
	"github.com/holdfast-backup/holdfast/vault/hsm"
)

var noDeadline time.Time

// card prints the vault card.
func card(ctx context.Context, s settings) error {
	if u, err := url.Parse(s.url); err != nil || u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("%w: --url is an https:// address", errUsage)
	}
	p, err := s.token()
	if err != nil {
		return err
	}
	token, err := hsm.Open(ctx, p)
	if err != nil {
		return wordsOf(err)
	}
	defer token.Close()
	_, public := token.PublicKeys()
	c := cards.New(s.name, cards.URL(s.url), public.Bytes())
	if s.devTLS {
		pair, err := devCertificate(s.data)
		if err != nil {
			return err
		}
		c.Certificate = pair.Certificate[0]
	}
	if _, err := cards.Parse(c.Encode()); err != nil {
		return fmt.Errorf("%w: no app would take this card: %w", errUsage, err)
	}
	_, err = os.Stdout.Write(c.Encode())
	return err
}

// ownOrRunning lets a running vaultd answer, or opens the vault for offline.
func ownOrRunning(ctx context.Context, s settings, method, path string, answer any, offline func(*opened) error) error {
	var text bytes.Buffer
	switch err := ask(ctx, s.data, method, path, &text); {
	case err == nil:
		return json.Unmarshal(text.Bytes(), answer)
	case !errors.Is(err, errNotRunning):
		return err
	}
	log, err := s.logger()
	if err != nil {
		return err
	}
	o, err := s.open(ctx, vault.Params{Log: log}, false)
	if err != nil {
		return wordsOf(err)
	}
	defer o.close()
	return offline(o)
}

// status says how the vault is.
func status(ctx context.Context, s settings) error {
	var r report
	err := ownOrRunning(ctx, s, "GET", "/status", &r, func(o *opened) error { r = o.report(ctx, false); return nil })
	if err != nil {
		return err
	}
	if s.json {
		return json.NewEncoder(os.Stdout).Encode(r)
	}
	state := "not running; store and token fit each other"
	switch {
	case r.Running && r.Ready:
		state = "running"
	case r.Running:
		state = "running, but cannot work: " + r.Problem
	}
	fmt.Printf("vault        %s\ntoken        %s\npublic key   %s\naccounts     %d\nlast commit  %d\nstorage key  %d\n",
		state, r.Token, base64.StdEncoding.EncodeToString(r.PublicKey), r.Accounts, r.CommitNumber, r.StorageKey)
	return nil
}

// rotate makes a new storage key.
func rotate(ctx context.Context, s settings) error {
	var r rotated
	err := ownOrRunning(ctx, s, "POST", "/rotate", &r, func(o *opened) (err error) { r, err = o.rotate(ctx); return err })
	if err != nil {
		return err
	}
	fmt.Printf("%d accounts are sealed under storage key %d. The key before is destroyed: older copies of the store cannot be read any more.\n", r.Accounts, r.StorageKey)
	return nil
}

// backup writes a copy of the store, atomically.
func backup(ctx context.Context, s settings) (err error) {
	if s.out == "" {
		return fmt.Errorf("%w: --out is required", errUsage)
	}
	f, err := os.OpenFile(s.out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close() // the first error counts
			_ = os.Remove(s.out)
		}
	}()
	switch err := ask(ctx, s.data, "GET", "/backup", f); {
	case errors.Is(err, errNotRunning):
		if !vault.BoltExists(s.storePath()) {
			return fmt.Errorf("%s is no vault's folder: it has no store.db", s.data)
		}
		store, err := vault.OpenBolt(s.storePath())
		if err != nil {
			return wordsOf(err)
		}
		_, err = store.Backup(f)
		if err := errors.Join(err, store.Close()); err != nil {
			return err
		}
	case err != nil:
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	n, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	fmt.Printf("%s: %d bytes\n", s.out, n)
	return nil
}

// restore makes the store from a copy.
func restore(ctx context.Context, s settings) error {
	if s.from == "" {
		return fmt.Errorf("%w: --from is required", errUsage)
	}
	if vault.BoltExists(s.storePath()) {
		return fmt.Errorf("%s exists; move it away first, it may be newer than the copy", s.storePath())
	}
	if !vault.BoltExists(s.from) {
		return fmt.Errorf("%s does not exist", s.from)
	}
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		return err
	}
	p, err := s.token()
	if err != nil {
		return err
	}
	token, err := hsm.Open(ctx, p)
	if err != nil {
		return wordsOf(err)
	}
	defer token.Close()
	from, err := vault.OpenBolt(s.from)
	if err != nil {
		return wordsOf(err)
	}
	defer from.Close() //nolint:errcheck // only read from
	temporary := s.storePath() + ".new"
	_ = os.Remove(temporary) // of a restore that was cut off
	to, err := vault.OpenBolt(temporary)
	if err != nil {
		return err
	}
	place := func() error {
		if err := to.Close(); err != nil {
			return err
		}
		return os.Rename(temporary, s.storePath())
	}
	done, err := vault.Restore(ctx, token, from, to, s.lockAccounts, place)
	if err != nil {
		_ = to.Close() // nothing is lost with it
		_ = os.Remove(temporary)
		return wordsOf(err)
	}
	fmt.Printf("%d accounts are restored.\n", done.Accounts)
	if done.Locked {
		fmt.Println("The copy was older than what the token had seen, so no password in it works any more. Owners register again from a computer that has their key.")
	}
	return nil
}
