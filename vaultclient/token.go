package vaultclient

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/holdfast-backup/holdfast/vault/hsm"
)

// Token is one PKCS#11 token that this computer can see.
type Token struct {
	Label string
	URI   string // fit for Params.Card
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
		return nil, fmt.Errorf("%w: %w", ErrCard, err)
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

// SoftwareTokenPossible tells whether SoftHSM is installed, so that SoftwareToken can work.
func SoftwareTokenPossible() bool { return hsm.SoftHSM() != "" }

// SoftwareToken returns the URI, fit for Params.Card, of a SoftHSM token in the folder dir, and makes it where there
// is none. It guards against who reads the cloud, and not against who has this computer; it is lost
// with the computer. It sets SOFTHSM2_CONF for this process, so other SoftHSM tokens are out of sight
// afterwards; call it before any token is opened, on each start.
func SoftwareToken(dir string) (uri string, err error) {
	module := hsm.SoftHSM()
	if module == "" {
		return "", fmt.Errorf("%w: SoftHSM is not installed", ErrUnreachable)
	}
	conf, pinPath := filepath.Join(dir, softConf), filepath.Join(dir, softPIN)
	if _, err := os.Stat(pinPath); err != nil {
		// A token whose PIN was never written is of no use to anybody.
		if err := os.RemoveAll(filepath.Join(dir, "tokens")); err != nil {
			return "", err
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "tokens"), 0o700); err != nil {
		return "", err
	}
	text := fmt.Sprintf("directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n", filepath.Join(dir, "tokens"))
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return "", err
	}
	if err := os.Setenv("SOFTHSM2_CONF", conf); err != nil {
		return "", err
	}
	u := &hsm.URI{Token: softLabel, ModulePath: module}
	uri = u.String() + "&pin-source=file:" + escapePath(pinPath)
	if _, err := os.Stat(pinPath); err == nil {
		return uri, nil
	}
	pin := randomDigits()
	defer clear(pin)
	if err := os.WriteFile(pinPath+".new", pin, 0o600); err != nil {
		return "", err
	}
	if err := hsm.MakeToken(module, softLabel, randomDigits(), pin); err != nil {
		return "", errors.Join(tokenError(err), os.Remove(pinPath+".new"))
	}
	return uri, os.Rename(pinPath+".new", pinPath)
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
