package places

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"sync"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/remote"
)

// Keeper keeps the secrets of places, sealed, for the time after this process.
type Keeper interface {
	// PlaceSecret returns nil where nothing is kept.
	PlaceSecret(ctx context.Context, place string) (map[string]string, error)
	SetPlaceSecret(ctx context.Context, place string, secret map[string]string) error
}

// away is how servers and clouds are reached.
type away struct {
	start  func(ctx context.Context) (io.ReadWriteCloser, error)
	keeper Keeper // nil: secrets are known in this process alone
	known  *known
}

// known are the secrets that were given to this process, and that keepers have not.
type known struct {
	mu sync.Mutex
	of map[string]address.Secret // by address
}

func (k *known) get(place string) (address.Secret, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, ok := k.of[place]
	return maps.Clone(s), ok
}

func (k *known) set(place string, s address.Secret) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.of[place] = maps.Clone(s)
}

func (k *known) forget(place string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.of, place)
}

// Through returns Places that reach servers and clouds through a program, which start starts.
func Through(start func(ctx context.Context) (io.ReadWriteCloser, error)) Places {
	return Places{away: &away{start: start, known: &known{of: make(map[string]address.Secret)}}}
}

// KeptBy returns the same Places with a keeper of secrets.
func (p Places) KeptBy(k Keeper) Places {
	if p.away != nil {
		with := *p.away
		with.keeper = k
		p.away = &with
	}
	return p
}

// Reaches reports whether there is a way to servers and clouds.
func (p Places) Reaches() bool { return p.away != nil }

// parse reads the address of a place that can be reached.
func (p Places) parse(place string) (address.Address, error) {
	a, err := address.Parse(place)
	if err == nil && p.away == nil {
		err = fmt.Errorf("%w: there is no holdfast-remote", ErrUnknown)
	}
	return a, err
}

// Know tells the secret of a place, until Keep for this process alone. Errors: those of address.Parse.
func (p Places) Know(place string, s address.Secret) error {
	a, err := p.parse(place)
	if err != nil {
		return err
	}
	p.away.known.set(a.String(), s)
	return nil
}

// Keep hands what is known of a place to the keeper. A place that needs no secret has none.
func (p Places) Keep(ctx context.Context, place string) error {
	if p.away == nil || p.away.keeper == nil || IsPath(place) {
		return nil
	}
	s, ok := p.away.known.get(place)
	if !ok {
		return nil
	}
	delete(s, agreed)
	return p.away.keeper.SetPlaceSecret(ctx, place, s)
}

// agreed is the field for a fingerprint that the person has agreed to. The server's key is not known before it answers.
const agreed = "agreed"

// Secret returns what is known or kept of a place, nil: nothing. Errors: those of address.Parse and the keeper.
func (p Places) Secret(ctx context.Context, place string) (address.Secret, error) {
	a, err := p.parse(place)
	if err != nil {
		return nil, err
	}
	return p.away.secret(ctx, a.String())
}

// Agree tells that the person agrees to a server's key or certificate, by its fingerprint: the place may show this one.
func (p Places) Agree(ctx context.Context, place, fingerprint string) error {
	a, err := p.parse(place)
	if err != nil {
		return err
	}
	s, err := p.away.secret(ctx, a.String())
	if err != nil {
		return err
	}
	if s == nil {
		s = make(address.Secret)
	}
	s[agreed] = fingerprint
	p.away.known.set(a.String(), s)
	return nil
}

// SignIn signs the person in to a place. show is to show a page in the person's browser. The place has a new secret
// then, which is kept at once if one was kept before, and known to this process otherwise, until Keep.
// Errors: ErrInvalid of package address, address.ErrNoClient, store.ErrSignIn where the person does not agree, those of
// show and ctx, store.ErrUnreachable.
func (p Places) SignIn(ctx context.Context, place string, show func(page string) error) error {
	a, err := p.parse(place)
	if err != nil {
		return err
	}
	if !a.Kind.SignsIn() {
		return fmt.Errorf("%w: nobody signs in to %s:// in a browser", address.ErrInvalid, a.Kind)
	}
	s, err := p.away.secret(ctx, a.String())
	if err != nil {
		return err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	text, err = remote.SignIn(ctx, remote.Options{Start: p.away.start, Place: a.String(), Secret: text}, show)
	if err != nil {
		return err
	}
	return p.away.change(ctx, a.String(), text)
}

// Page returns what lies at an address of the web, at most so many bytes. Errors: ErrUnknown where there is no way to it,
// store.ErrPermission where the address is not https, store.ErrTooLarge, store.ErrUnreachable, those of ctx.
func (p Places) Page(ctx context.Context, address string, most int64) ([]byte, error) {
	if p.away == nil {
		return nil, fmt.Errorf("%w: there is no holdfast-remote", ErrUnknown)
	}
	return remote.Page(ctx, remote.Options{Start: p.away.start}, address, most)
}

// change takes a new secret of a place. It is kept where one was kept before.
func (w *away) change(ctx context.Context, place string, text json.RawMessage) error {
	var s address.Secret
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("%w: the new secret cannot be read", store.ErrUnreachable) // err may repeat a part of it
	}
	if w.keeper != nil {
		if kept, err := w.keeper.PlaceSecret(ctx, place); err == nil && kept != nil {
			if err := w.keeper.SetPlaceSecret(ctx, place, s); err == nil {
				w.known.forget(place)
				return nil
			}
		}
	}
	w.known.set(place, s)
	return nil
}

// secret returns what is known or kept of a place, nil: nothing.
func (w *away) secret(ctx context.Context, place string) (address.Secret, error) {
	if s, ok := w.known.get(place); ok || w.keeper == nil {
		return s, nil
	}
	s, err := w.keeper.PlaceSecret(ctx, place)
	return address.Secret(s), err
}

// openAway opens a server or a cloud.
func (p Places) openAway(ctx context.Context, place string, create, known bool) (store.Store, error) {
	a, err := p.parse(place)
	if err != nil {
		return nil, err
	}
	s, err := p.away.secret(ctx, a.String())
	if err != nil {
		return nil, err
	}
	r, err := p.away.open(ctx, a, s, create, known)
	var identity *store.IdentityError
	if errors.As(err, &identity) && s[agreed] == identity.Fingerprint {
		s[address.Identity] = identity.Key
		p.away.known.set(a.String(), s)
		r, err = p.away.open(ctx, a, s, create, known)
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (w *away) open(ctx context.Context, a address.Address, s address.Secret, create, known bool) (*remote.Remote, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	return remote.Open(ctx, remote.Options{Start: w.start, Place: a.String(), Secret: text, Create: create, Known: known,
		// The call that opens the place may have ended long before. A secret that cannot be read is dropped: the one before
		// it stays, and a service that does not take it says so.
		Changed: func(text json.RawMessage) { _ = w.change(context.WithoutCancel(ctx), a.String(), text) },
	})
}
