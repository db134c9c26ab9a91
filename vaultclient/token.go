package vaultclient

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/gofrs/flock"

	"github.com/holdfast-backup/holdfast/core/privatefile"
	"github.com/holdfast-backup/holdfast/core/vaults"
	"github.com/holdfast-backup/holdfast/vault/hsm"
)

// Token is one PKCS#11 token that this computer can see.
type Token struct {
	Label string
	URI   string // fit for card.ParseTyped
}

// Tokens lists the tokens of this computer, in the modules that p11-kit knows
// and at well-known places. No PIN is needed.
func Tokens() []Token {
	var all []Token
	for _, t := range hsm.Tokens() {
		all = append(all, Token{t.Label, t.URI.String()})
	}
	return all
}

// Probe says in plain words what a token lacks for a vault; nothing: it will do. It logs in.
func Probe(ctx context.Context, uri string, pin func(context.Context) ([]byte, error)) (lacks []string, err error) {
	u, err := hsm.ParseURI(uri)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", vaults.ErrCard, err)
	}
	r, err := hsm.Probe(ctx, hsm.Params{URI: u, PIN: pin, Sessions: 1})
	if err != nil {
		return nil, tokenError(err)
	}
	return r.Lacks, nil
}

const (
	softLabel = "Holdfast"
	softConf  = "softhsm2.conf"
	softPIN   = "pin"
)

// SoftwareTokenPossible reports whether SoftHSM is installed, so that SoftwareToken can work.
func SoftwareTokenPossible() bool { return hsm.SoftHSM() != "" }

// SoftwareToken returns the URI, fit for card.ParseTyped, of a SoftHSM token in the folder dir, and makes it where there
// is none. It protects against readers of the cloud, and not against users of this computer; it is lost
// with the computer. It sets SOFTHSM2_CONF for this process, so other SoftHSM tokens are out of sight
// afterwards; call it before any token is opened, on each start. Calls may run at once.
func SoftwareToken(dir string) (uri string, err error) {
	module := hsm.SoftHSM()
	if module == "" {
		return "", fmt.Errorf("%w: SoftHSM is not installed", vaults.ErrUnreachable)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	softTokens.Lock()
	defer softTokens.Unlock()
	lock := flock.New(filepath.Join(dir, "lock"))
	if err := lock.Lock(); err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	conf, pinPath := filepath.Join(dir, softConf), filepath.Join(dir, softPIN)
	if err := configure(conf, filepath.Join(dir, "tokens")); err != nil {
		return "", err
	}
	u := &hsm.URI{Token: softLabel, ModulePath: module}
	uri = u.String() + "&pin-source=file:" + escapePath(pinPath)
	if _, err := os.Stat(pinPath); err != nil {
		if err := makeSoftwareToken(module, filepath.Join(dir, "tokens"), pinPath); err != nil {
			return "", err
		}
	}
	return uri, guardToken(dir)
}

// guardToken keeps a copy of the file that holds the token's PINs, and puts it
// back when the file is empty: SoftHSM 2.6 cuts it to nothing and writes it
// anew at each login, and a crash in between would cost the token.
func guardToken(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "tokens", "*", "token.object"))
	if err != nil {
		return err
	}
	for _, file := range files {
		copied := filepath.Join(dir, filepath.Base(filepath.Dir(file))+".copy")
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		to := copied
		if len(content) == 0 {
			to = file
			if content, err = os.ReadFile(copied); err != nil {
				return fmt.Errorf("%w: the software token is damaged: %w", vaults.ErrUnreachable, err)
			}
		} else if _, err := os.Stat(copied); err == nil {
			continue
		}
		if err := privatefile.Replace(to, content); err != nil {
			return err
		}
	}
	return nil
}

// softTokens keeps calls in this process apart, as the lock in the folder does with other processes.
var softTokens sync.Mutex

// configure lets SoftHSM in this process look for tokens in a folder. Another
// thread may be reading the file and the environment, so what is right already stays.
func configure(conf, tokens string) error {
	text := fmt.Sprintf("directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n", tokens)
	if old, err := os.ReadFile(conf); err != nil || string(old) != text {
		if err := privatefile.Replace(conf, []byte(text)); err != nil {
			return err
		}
	}
	if os.Getenv("SOFTHSM2_CONF") == conf {
		return nil
	}
	return os.Setenv("SOFTHSM2_CONF", conf)
}

func makeSoftwareToken(module, tokens, pinPath string) error {
	// A token whose PIN was never written is of no use to anybody.
	if err := os.RemoveAll(tokens); err != nil {
		return err
	}
	if err := os.Mkdir(tokens, 0o700); err != nil {
		return err
	}
	pin := randomDigits()
	defer clear(pin)
	if err := os.WriteFile(pinPath+".new", pin, 0o600); err != nil {
		return err
	}
	if err := hsm.MakeToken(module, softLabel, randomDigits(), pin); err != nil {
		return errors.Join(tokenError(err), os.Remove(pinPath+".new"))
	}
	return os.Rename(pinPath+".new", pinPath)
}

func randomDigits() []byte {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return hex.AppendEncode(nil, b)
}

// escapePath escapes a path for a URI's query.
func escapePath(path string) string {
	u := hsm.URI{ModulePath: path}
	return u.String()[len("pkcs11:?module-path="):]
}
