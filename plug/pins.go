//go:build cgo

package plug

import (
	"bytes"
	"context"
	"errors"
	"sync"

	"github.com/holdfast-backup/holdfast/core/vaults"
	vaultcard "github.com/holdfast-backup/holdfast/vault/card"
)

// PINs are those of tokens whose URI names no file with one: a person is asked,
// once for as long as the program runs. They are kept nowhere else.
type PINs struct {
	mu    sync.Mutex
	ask   func(ctx context.Context, token string) ([]byte, error)
	known map[string][]byte // by the URI's path
}

// Ask says how a person is asked. fn may be called from any goroutine.
func (p *PINs) Ask(fn func(ctx context.Context, token string) (pin []byte, err error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ask = fn
}

// pinOf returns what gives vaultclient the PIN of a token. heard, called
// with how that ended, remembers one that was right and forgets a wrong one,
// which is not tried again: tokens lock themselves after a few.
func (p *PINs) pinOf(at vaultcard.Address) (pin func(context.Context) ([]byte, error), heard func(error)) {
	name, label := tokenOf(at)
	var typed []byte
	pin = func(ctx context.Context) ([]byte, error) {
		p.mu.Lock()
		ask, known := p.ask, bytes.Clone(p.known[name])
		if known == nil {
			known = bytes.Clone(typed) // making a vault logs in more than once
		}
		p.mu.Unlock()
		switch {
		case known != nil:
			return known, nil
		case ask == nil:
			return nil, vaults.ErrNoPIN
		}
		answer, err := ask(ctx, label)
		if err != nil {
			return nil, err
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		typed = bytes.Clone(answer)
		return answer, nil
	}
	return pin, func(err error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		switch {
		case errors.Is(err, vaults.ErrPIN):
			clear(p.known[name])
			delete(p.known, name)
		case err == nil && typed != nil:
			if p.known == nil {
				p.known = make(map[string][]byte)
			}
			p.known[name] = bytes.Clone(typed)
		}
		clear(typed)
		typed = nil
	}
}

// tokenOf names a token: for itself, and for people.
func tokenOf(at vaultcard.Address) (name, label string) {
	name = string(at.URL())
	if at.Token != "" {
		return name, at.Token
	}
	return name, name
}
