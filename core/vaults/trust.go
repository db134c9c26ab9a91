package vaults

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-backup/holdfast/vault/card"
)

// ErrNotTrusted: a card that nobody vouches for names a vault, and no person has agreed to ask it.
var ErrNotTrusted = errors.New("only the destination names this vault, and nobody has agreed to ask it")

// Trust is what a person was shown of a vault that only a destination's
// card names, and agreed to contact. It holds for a card that says all of this and
// nothing else, so a destination that shows another card afterwards gains nothing.
type Trust struct {
	Name    string // what the vault calls itself
	Address string // its URL, or the token's identity as pkcs11:…
	Host    string // of the URL, with its port; "" for a token
	// Fingerprint of the vault's public key, Certificate that of the one
	// certificate, or of the one server's key, that its server may have, "" without; "SHA256:…".
	Fingerprint, Certificate string
	// Set is Members of a shared password as JSON, "" of one vault: this type can be compared.
	Set string
}

// Members are the vaults of a shared password, each with what to show of it; the one itself otherwise.
func (t Trust) Members() []Trust {
	var all []Trust
	if t.Set == "" || json.Unmarshal([]byte(t.Set), &all) != nil {
		return []Trust{t}
	}
	return all
}

// NotTrustedError is ErrNotTrusted with what the person is to be shown.
type NotTrustedError struct{ Trust }

func (e *NotTrustedError) Error() string {
	var all []string
	for _, t := range e.Members() {
		text := fmt.Sprintf("it calls itself %q, is at %s, and its key is %s", t.Name, t.Address, t.Fingerprint)
		if t.Certificate != "" {
			text += ", its certificate " + t.Certificate
		}
		all = append(all, text)
	}
	return fmt.Sprintf("%v: %s", ErrNotTrusted, strings.Join(all, "; "))
}

// Unwrap returns ErrNotTrusted.
func (e *NotTrustedError) Unwrap() error { return ErrNotTrusted }

// TrustOf is what to show of a place that has a card.
func TrustOf(p Place) Trust {
	if p.Shared == nil {
		return trustOf(*p.Card, p.Card.CertificateFingerprint())
	}
	var all []Trust
	var names, addresses, hosts []string
	for _, m := range p.Shared.Members() {
		t := trustOf(m.Card(nil), m.SPKIFingerprint())
		all, names, addresses = append(all, t), append(names, t.Name), append(addresses, t.Address)
		hosts = append(hosts, t.Host)
	}
	set, err := json.Marshal(all)
	if err != nil {
		panic("vaults: " + err.Error()) // our own type
	}
	return Trust{Name: strings.Join(names, ", "), Address: strings.Join(addresses, ", "), Host: strings.Join(hosts, ", "), Set: string(set)}
}

func trustOf(c card.Card, certificate string) Trust {
	return Trust{Name: c.Name, Address: string(c.URL), Host: c.URL.Host(), Fingerprint: c.Fingerprint(), Certificate: certificate}
}

// Landed reads the card in a backup's header, of whatever version. changed: it held what a card may not say, which was dropped.
// Errors: card.ErrCard, card.ErrNewer.
func Landed(text []byte) (p Place, changed bool, err error) {
	if card.IsShared(text) {
		s, err := card.ParseShared(text)
		return Place{Shared: s}, false, err
	}
	c, changed, err := card.ParseLanded(text)
	return Place{Card: &c}, changed, err
}

// Same reports whether two places are the same vaults in the same words; the accounts may differ.
func (p Place) Same(other Place) bool {
	if p.Shared == nil || other.Shared == nil {
		return p.Card != nil && other.Card != nil && p.Card.Same(*other.Card)
	}
	return TrustOf(p) == TrustOf(other)
}

// Equal reports whether two places have one card, with its accounts.
func (p Place) Equal(other Place) bool {
	if p.Shared == nil || other.Shared == nil {
		return p.Card != nil && other.Card != nil && p.Card.Equal(*other.Card)
	}
	return bytes.Equal(p.Text(), other.Text())
}

// SameAccount reports whether two places hold one account, however they name its vault: then changing the one has changed the other.
func (p Place) SameAccount(other Place) bool {
	if p.Shared == nil || other.Shared == nil {
		return p.Card != nil && other.Card != nil && p.Card.SameAccount(*other.Card)
	}
	return p.Shared.Signs(other.Shared.Key) // its accounts that are not in use any more are deleted by who changes it
}

// Decide says which vault is contacted for the backup that has the card there, nil: none. It is
// the one way from a card that nobody vouches for to a vault. A shared password's vaults cannot be named otherwise.
// Errors: *NotTrustedError, card.ErrCard, card.ErrNewer.
func Decide(there []byte, typed card.Typed, trust Trust, known func(Place) bool) (Place, error) {
	var p Place
	var err error
	if there != nil {
		p, _, err = Landed(there)
	}
	if p.Shared != nil && err == nil {
		if _, token := typed.Token(); !token && !typed.IsZero() {
			return Place{}, fmt.Errorf("%w: this backup's password is shared over several vaults: no other one can take their place", ErrRefused)
		}
		if trust != TrustOf(p) && !known(p) {
			return Place{}, &NotTrustedError{TrustOf(p)}
		}
		p.Typed = typed
		return p, nil
	}
	if given, ok := typed.Card(); ok {
		// An operator's card names no account: then it is the destination's.
		if len(given.Account) == 0 && err == nil && p.Card != nil {
			given = given.WithAccount(*p.Card)
		}
		return Place{Card: &given, Typed: typed}, nil
	}
	switch at, token := typed.Token(); {
	case err != nil:
		return Place{}, err
	case token && there == nil:
		return Place{Typed: typed}, nil
	case token:
		p.Card.URL, p.Card.Certificate = at.URL(), nil
		return Place{Card: p.Card, Typed: typed}, nil
	case trust != TrustOf(p) && !known(p):
		return Place{}, &NotTrustedError{TrustOf(p)}
	}
	return p, nil
}

// Fits reports whether what a person typed names a token that is a vault of this place.
func (p Place) Fits(typed card.Typed) bool {
	at, ok := typed.Token()
	if !ok {
		return false
	}
	fits := func(u card.URL) bool {
		of, err := u.Address()
		return u.IsToken() && err == nil && at.Fits(of)
	}
	if p.Shared == nil {
		return p.Card != nil && fits(p.Card.URL)
	}
	return slices.ContainsFunc(p.Shared.Members(), func(m card.Member) bool { return fits(m.URL) })
}
