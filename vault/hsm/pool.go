package hsm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/miekg/pkcs11"
)

// token is one token: a pool of sessions that comes back when the token does.
type token struct {
	loaded   *loaded
	module   Module
	uri      *URI
	ask      func(context.Context) ([]byte, error)
	sessions int

	opening chan struct{} // holds one element while nobody opens
	mu      sync.Mutex    // below
	current *login
	closed  bool
	pin     []byte // what ask returned, for the next login
}

// login is all that is worth nothing once the token was pulled.
type login struct {
	slot uint
	free chan pkcs11.SessionHandle
	// reserved is for the anchor, which all answers wait for: it must not queue
	// behind evaluations. It is free where the token has one session only.
	reserved chan pkcs11.SessionHandle
	all      []pkcs11.SessionHandle

	mu      sync.Mutex
	handles map[string]pkcs11.ObjectHandle // private keys by CKA_ID
}

// session is a borrowed session.
type session struct {
	*token
	*login
	handle pkcs11.SessionHandle
}

// with borrows a session for do, which may be called twice: when the token was
// pulled and put back, do is repeated once on the new one. So do only does what may be repeated.
func (t *token) with(ctx context.Context, do func(session) error) error {
	return t.withOne(ctx, func(l *login) chan pkcs11.SessionHandle { return l.free }, do)
}

// withReserved is with on the session that is kept for the anchor.
func (t *token) withReserved(ctx context.Context, do func(session) error) error {
	return t.withOne(ctx, func(l *login) chan pkcs11.SessionHandle { return l.reserved }, do)
}

func (t *token) withOne(ctx context.Context, of func(*login) chan pkcs11.SessionHandle, do func(session) error) error {
	for attempt := 0; ; attempt++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		l, err := t.login(ctx)
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case s := <-of(l):
			err = do(session{t, l, s})
			of(l) <- s
		}
		if !lost(err) {
			return words(err)
		}
		t.drop(l)
		if attempt == 1 {
			return words(err)
		}
	}
}

// login returns the present one, or makes one.
func (t *token) login(ctx context.Context) (*login, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-t.opening:
	}
	defer func() { t.opening <- struct{}{} }()
	t.mu.Lock()
	current, closed := t.current, t.closed
	t.mu.Unlock()
	if closed {
		return nil, ErrClosed
	}
	if current != nil {
		return current, nil
	}
	l, err := t.open(ctx)
	if err != nil {
		return nil, words(err)
	}
	t.mu.Lock()
	t.current = l
	t.mu.Unlock()
	return l, nil
}

func (t *token) open(ctx context.Context) (*login, error) {
	if err := initialize(t.module); err != nil {
		return nil, err
	}
	slot, info, err := find(t.module, t.uri)
	if err != nil {
		return nil, err
	}
	l := &login{slot: slot, free: make(chan pkcs11.SessionHandle, t.sessions+1), reserved: make(chan pkcs11.SessionHandle, 1), handles: map[string]pkcs11.ObjectHandle{}}
	for range t.sessions + 1 {
		s, err := t.module.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
		if errors.Is(err, pkcs11.Error(pkcs11.CKR_SESSION_COUNT)) && len(l.all) > 0 {
			break // the token has fewer
		}
		if err != nil {
			t.closeAll(l)
			return nil, fmt.Errorf("open a session: %w", err)
		}
		l.all = append(l.all, s)
		if len(l.all) == 2 {
			l.reserved <- s
		} else {
			l.free <- s
		}
	}
	if len(l.all) == 1 {
		l.reserved = l.free
	}
	if err := t.authenticate(ctx, l, info); err != nil {
		t.closeAll(l)
		return nil, err
	}
	return l, nil
}

func (t *token) authenticate(ctx context.Context, l *login, info pkcs11.TokenInfo) error {
	if info.Flags&pkcs11.CKF_LOGIN_REQUIRED == 0 {
		return nil
	}
	var pin []byte
	if info.Flags&pkcs11.CKF_PROTECTED_AUTHENTICATION_PATH == 0 {
		var err error
		if pin, err = t.readPIN(ctx); err != nil {
			return err
		}
		defer clear(pin)
	}
	err := t.module.Login(l.all[0], pkcs11.CKU_USER, string(pin))
	if errors.Is(err, pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN)) {
		return nil
	}
	if err != nil {
		t.mu.Lock()
		clear(t.pin)
		t.pin = nil // ask again rather than lock the token
		t.mu.Unlock()
	}
	return err
}

// readPIN returns a copy of the PIN; the caller clears it.
func (t *token) readPIN(ctx context.Context) ([]byte, error) {
	if t.uri.HasPIN() {
		return pinOf(t.uri)
	}
	t.mu.Lock()
	known := append([]byte(nil), t.pin...)
	t.mu.Unlock()
	if len(known) > 0 {
		return known, nil
	}
	if t.ask == nil {
		return nil, ErrNoPIN
	}
	pin, err := t.ask(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoPIN, err)
	}
	t.mu.Lock()
	t.pin = append([]byte(nil), pin...)
	t.mu.Unlock()
	return pin, nil
}

// drop forgets a login that is worth nothing. Nobody opens a new one
// meanwhile: a module that was initialised anew gives out the same numbers again.
func (t *token) drop(l *login) {
	<-t.opening
	defer func() { t.opening <- struct{}{} }()
	t.mu.Lock()
	mine := t.current == l
	if mine {
		t.current = nil
	}
	t.mu.Unlock()
	if mine {
		t.closeAll(l)
	}
}

func (t *token) closeAll(l *login) {
	for _, s := range l.all {
		_ = t.module.CloseSession(s) // gone already, most likely
	}
}

// close waits for borrowed sessions, then ends all.
func (t *token) close() {
	<-t.opening
	defer func() { t.opening <- struct{}{} }()
	t.mu.Lock()
	l, closed := t.current, t.closed
	t.current, t.closed = nil, true
	clear(t.pin)
	t.mu.Unlock()
	if closed {
		return
	}
	if l != nil {
		for range l.all {
			select {
			case <-l.free:
			case <-l.reserved:
			}
		}
		t.closeAll(l)
	}
	t.loaded.release()
}

// find returns the one slot whose token fits.
func find(m Module, u *URI) (uint, pkcs11.TokenInfo, error) {
	slots, err := m.GetSlotList(true)
	if err != nil {
		return 0, pkcs11.TokenInfo{}, err
	}
	var slot uint
	var info pkcs11.TokenInfo
	found := 0
	for _, s := range slots {
		i, err := m.GetTokenInfo(s)
		if err != nil || i.Flags&pkcs11.CKF_TOKEN_INITIALIZED == 0 || !fits(u, s, i) {
			continue
		}
		slot, info = s, i
		found++
	}
	switch found {
	case 0:
		return 0, info, fmt.Errorf("%w: %s", ErrAbsent, u)
	case 1:
		return slot, info, nil
	}
	return 0, info, fmt.Errorf("%w: %d tokens are %s", ErrAmbiguous, found, u)
}

func fits(u *URI, slot uint, i pkcs11.TokenInfo) bool {
	same := func(want, got string) bool { return want == "" || want == strings.TrimRight(got, " \x00") }
	return (u.SlotID == nil || *u.SlotID == slot) && same(u.Token, i.Label) && same(u.Serial, i.SerialNumber) &&
		same(u.Manufacturer, i.ManufacturerID) && same(u.Model, i.Model)
}
