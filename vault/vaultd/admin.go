package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/holdfast-backup/holdfast/vault"
	cards "github.com/holdfast-backup/holdfast/vault/card"
	"github.com/holdfast-backup/holdfast/vault/hsm"
	"github.com/holdfast-backup/holdfast/vault/store"
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
	text := c.Encode()
	if s.qr {
		if text, err = picture(c); err != nil {
			return err
		}
	}
	_, err = os.Stdout.Write(text)
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
	state := "not running; store and token fit each other"
	var cannot error
	switch {
	case r.Running && r.Ready:
		state = "running"
	case r.Running:
		state = "running, but cannot work: " + r.Problem
		cannot = fmt.Errorf("the vault cannot work: %s", r.Problem)
	case !r.Ready:
		state = "not running, and cannot work: " + r.Problem
		cannot = fmt.Errorf("the vault cannot work: %s", r.Problem)
	}
	if s.json {
		return errors.Join(json.NewEncoder(os.Stdout).Encode(r), cannot)
	}
	fmt.Printf("vault        %s\ntoken        %s\npublic key   %s\naccounts     %d\nlast commit  %d\nstorage key  %d\n",
		state, r.Token, base64.StdEncoding.EncodeToString(r.PublicKey), r.Accounts, r.CommitNumber, r.StorageKey)
	return cannot
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
	if err := becomeOwner(s.data); err != nil {
		return err
	}
	switch err := ask(ctx, s.data, "GET", "/backup", f); {
	case errors.Is(err, errNotRunning): // opened as a whole: a store that does not fit its token is worth no backup
		log, err := s.logger()
		if err != nil {
			return err
		}
		o, err := s.open(ctx, vault.Params{Log: log}, false)
		if err != nil {
			return wordsOf(err)
		}
		_, err = o.store.Backup(f)
		o.close()
		if err != nil {
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

// remove removes an account.
func remove(ctx context.Context, s settings) error {
	id, err := accountID(s.account)
	if err != nil {
		return err
	}
	var r removed
	err = ownOrRunning(ctx, s, "POST", "/remove/"+s.account, &r, func(o *opened) error { return o.Remove(ctx, id) })
	if err != nil {
		return err
	}
	fmt.Println("The account is removed. Nothing of it is left but in backups of the store from before, until the next rotate.")
	return nil
}

func accountID(text string) (id vault.AccountID, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(id) {
		return id, fmt.Errorf("%w: --account is an account's id, 64 hexadecimal digits; it stands in the owner's card in base64", errUsage)
	}
	return vault.AccountID(b), nil
}

// restore makes the store from a copy.
func restore(ctx context.Context, s settings) error {
	if s.from == "" {
		return fmt.Errorf("%w: --from is required", errUsage)
	}
	if there, err := exists(s.storePath()); err != nil || there {
		return errors.Join(err, fmt.Errorf("%s exists; move it away first, it may be newer than the copy", s.storePath()))
	}
	file, err := os.Open(s.from)
	if err != nil {
		return fmt.Errorf("the copy: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read from
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		return err
	}
	if err := becomeOwner(s.data); err != nil {
		return err
	}
	unlock, err := lockFolder(s.data)
	if err != nil {
		return err
	}
	defer unlock()
	from, err := store.OpenBoltCopy(file)
	if err != nil {
		return wordsOf(err)
	}
	defer from.Close() //nolint:errcheck // only read from
	p, err := s.token()
	if err != nil {
		return err
	}
	token, err := hsm.Open(ctx, p)
	if err != nil {
		return wordsOf(err)
	}
	defer token.Close()
	temporary := s.storePath() + ".new"
	_ = os.Remove(temporary) // of a restore that was cut off
	to, err := store.OpenBolt(temporary)
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
	if done.Locked {
		fmt.Printf("%d accounts are taken over, and all of them are locked: the copy was older than what the token had seen, so no password in it works any more. Owners register again from a computer that has their key.\n", done.Accounts)
		return nil
	}
	fmt.Printf("%d accounts are restored, and their passwords work as before.\n", done.Accounts)
	return nil
}

// exists tells a file that is not there from one that may not be looked at.
func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// lockFolder keeps the folder to this process, as long as it serves, makes or restores a store there.
func lockFolder(dir string) (unlock func(), err error) {
	lock := flock.New(filepath.Join(dir, "vaultd.lock"))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the folder: %w", err)
	}
	if !ok {
		return nil, wordsOf(fmt.Errorf("%w: %s", store.ErrInUse, dir))
	}
	return func() { _ = lock.Close() }, nil // the system unlocks it when the process ends
}
