package hsm

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/miekg/pkcs11"

	"github.com/holdfast-backup/holdfast/core/opaque"
	"github.com/holdfast-backup/holdfast/vault/card"
)

// Params say which token to open, and how.
type Params struct {
	URI *URI // required
	// PIN asks for the token's PIN where the URI names none; called at most
	// once while the token takes the answer. May be nil. What it returns is cleared.
	PIN func(context.Context) ([]byte, error)
	// Sessions is how many guesses are evaluated at once on the token; 0 means 32. Four
	// more are kept for the anchor, for new passwords and for Ping. A token that has fewer is used with those.
	Sessions int
	// Copied allows keys that the token did not make itself: its own backup brought them there.
	Copied bool
	// Between is put between this package and the module. Nil outside tests.
	Between func(Module) Module
}

// HSM is an open token with a vault's keys. It may be used by several
// goroutines at once.
type HSM struct {
	token             *token
	oprf, ake         opaque.Point
	oprfName, akeName string
	storagePrefix     string
	copied, software  bool
	anchorPrefix      string
}

// Open opens the token, finds the two OPAQUE keys and proves on a random point that they are what their public halves
// say. ErrAbsent, ErrAmbiguous, ErrPIN, ErrNoPIN, ErrNoKeys, ErrExposed, ErrFaulty and ErrModule tell what is wrong.
func Open(ctx context.Context, p Params) (*HSM, error) {
	t, err := connect(ctx, p)
	if err != nil {
		return nil, err
	}
	h := newHSM(t)
	h.copied = p.Copied
	if err := h.check(ctx); err != nil {
		t.close()
		return nil, err
	}
	return h, nil
}

// Close gives the sessions back, after calls under way, and the module if this was its last token.
func (h *HSM) Close() { h.token.close() }

// URI returns the token's URI without PIN.
func (h *HSM) URI() string { return h.token.uri.String() }

// Identity is what a card says of the token: the attributes that were asked for,
// and its label and serial number where those were none.
func (h *HSM) Identity() card.Address {
	id := h.token.uri.Identity()
	if id.Token != "" || id.Serial != "" || id.Manufacturer != "" || id.Model != "" {
		return id
	}
	if _, info, err := find(h.token.module, h.token.uri); err == nil { // else it was pulled just now
		id.Token, id.Serial = strings.TrimRight(info.Label, " \x00"), strings.TrimRight(info.SerialNumber, " \x00")
	}
	return id
}

// Software reports whether the token is files of this computer.
func (h *HSM) Software() bool { return h.software }

// PublicKeys implements opaque.Keys.
func (h *HSM) PublicKeys() (oprf, ake opaque.Point) { return h.oprf, h.ake }

// EvaluateOPRF implements opaque.Keys, for new passwords: on sessions of their own, so that
// they do not keep guesses waiting. Guesses go through a Lease.
func (h *HSM) EvaluateOPRF(ctx context.Context, p opaque.Point) (opaque.Point, error) {
	return h.evaluate(ctx, forStrangers, h.oprfName, h.oprf, p, nil)
}

// EvaluateAKE implements opaque.Keys.
func (h *HSM) EvaluateAKE(ctx context.Context, p opaque.Point) (opaque.Point, error) {
	return h.evaluate(ctx, forAccounts, h.akeName, h.ake, p, nil)
}

// Ping tells with an error that the token is not there, does not answer, or has lost its keys. It looks for a
// key anew, since a handle may outlive what it is of, and reads an attribute.
func (h *HSM) Ping(ctx context.Context) error {
	return h.token.call(ctx, forLookout, func(s session) error {
		key, err := s.find(pkcs11.CKO_PRIVATE_KEY, h.akeName)
		if err != nil {
			return err
		}
		_, err = s.module.GetAttributeValue(s.handle, key, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_LABEL, nil)})
		return err
	})
}

func newHSM(t *token) *HSM {
	prefix := t.uri.Object
	if prefix == "" {
		prefix = "holdfast"
	}
	return &HSM{token: t, oprfName: prefix + "-oprf", akeName: prefix + "-ake", storagePrefix: prefix + "-storage-",
		anchorPrefix: prefix + "-anchor-"}
}

// connect opens the one token that fits, in whichever module it is.
func connect(ctx context.Context, p Params) (*token, error) {
	if p.URI == nil {
		panic("hsm: Params.URI is required")
	}
	if p.Sessions == 0 {
		p.Sessions = 32
	}
	paths, err := candidates(p.URI)
	if err != nil {
		return nil, err
	}
	var found *loaded
	var problems []error
	for _, path := range paths {
		m, err := load(path)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if len(paths) > 1 {
			_, _, err = find(m.ctx, p.URI)
		}
		switch {
		case errors.Is(err, ErrAbsent):
			m.release()
			continue
		case err == nil && found != nil:
			err = fmt.Errorf("%w: %s is in %s and in %s", ErrAmbiguous, p.URI, found.path, path)
		}
		if err != nil {
			m.release()
			if found != nil {
				found.release()
			}
			return nil, words(err)
		}
		found = m
	}
	if found == nil {
		return nil, errors.Join(append([]error{fmt.Errorf("%w: %s", ErrAbsent, p.URI)}, problems...)...)
	}
	var module Module = found.ctx
	if p.Between != nil {
		module = p.Between(module)
	}
	t := &token{loaded: found, module: module, uri: p.URI, ask: p.PIN, sessions: p.Sessions, opening: make(chan struct{}, 1)}
	t.opening <- struct{}{}
	if err := t.call(ctx, forAccounts, func(session) error { return nil }); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// check finds the keys and tries both.
func (h *HSM) check(ctx context.Context) error {
	software, err := with(ctx, h.token, forAccounts, func(s session) (bool, error) {
		info, err := s.module.GetTokenInfo(s.slot)
		_, software := maker(info.ManufacturerID, info.Model)
		return software, err
	})
	if err != nil {
		return err
	}
	h.software = software
	for _, k := range []struct {
		name   string
		public *opaque.Point
	}{{h.oprfName, &h.oprf}, {h.akeName, &h.ake}} {
		public, err := with(ctx, h.token, forAccounts, func(s session) (opaque.Point, error) {
			if err := s.guard(k.name, h.copied); err != nil {
				return opaque.Point{}, err
			}
			return s.publicPoint(k.name)
		})
		if err != nil {
			return err
		}
		*k.public = public
		r := opaque.NewScalar()
		got, err := h.evaluate(ctx, forAccounts, k.name, *k.public, r.MultiplyBase(), nil)
		if err != nil {
			return err
		}
		if !got.Equal(r.Multiply(*k.public)) {
			return fmt.Errorf("%w: %s does not fit its public key", ErrFaulty, k.name)
		}
	}
	return nil
}
