package hsm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

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

// pool is what a session is kept for. Who waits for one pool never queues behind another.
type pool int

const (
	forAccounts  pool = iota // evaluations of accounts, and all that has no pool of its own
	forAnchor                // all answers wait for the anchor
	forStrangers             // evaluations for new passwords: the client may have no account
	forLookout               // readiness
	pools
)

// sessionsOf is how many sessions a pool has besides forAccounts, which has as many as Params says.
var sessionsOf = [pools]int{forAnchor: 1, forStrangers: 2, forLookout: 1}

// login is all that is worth nothing once the token was pulled.
type login struct {
	slot uint
	free [pools]chan pkcs11.SessionHandle
	all  []pkcs11.SessionHandle
	gone chan struct{} // closed once it is dropped

	mu      sync.Mutex
	handles map[string]pkcs11.ObjectHandle // private keys by CKA_ID
}

// alone reports whether the token has one session only, so that who keeps it keeps everybody waiting.
func (l *login) alone() bool { return len(l.all) == 1 }

// session is a borrowed session.
type session struct {
	*token
	*login
	handle pkcs11.SessionHandle
}

// with borrows a session for do, which may be called twice: when the token was
// pulled and put back, do is repeated once on the new one. So do only does what may be repeated.
// A module cannot be interrupted. When ctx ends before a call does, with returns ErrSilent, the session
// comes back when the call does, and what do returns then is lost.
func with[T any](ctx context.Context, t *token, from pool, do func(session) (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := try(ctx, t, from, do)
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
	}
	select {
	case r := <-done: // both at once
		return r.value, r.err
	default:
		var none T
		return none, fmt.Errorf("%w: %w", ErrSilent, ctx.Err())
	}
}

func try[T any](ctx context.Context, t *token, from pool, do func(session) (T, error)) (value T, err error) {
	for attempt := 0; ; attempt++ {
		if err := ctx.Err(); err != nil {
			return value, err
		}
		l, err := t.login(ctx)
		if err != nil {
			return value, err
		}
		select {
		case <-ctx.Done():
			return value, fmt.Errorf("%w: %w", ErrSilent, ctx.Err())
		case <-l.gone: // dropped while this one waited
			attempt--
			continue
		case s := <-l.free[from]:
			value, err = do(session{t, l, s})
			t.giveBack(l, from, s)
		}
		if !lost(err) {
			return value, words(err)
		}
		t.drop(l)
		if attempt == 1 {
			return value, words(err)
		}
	}
}

// call is with for what returns nothing but an error.
func (t *token) call(ctx context.Context, from pool, do func(session) error) error {
	_, err := with(ctx, t, from, func(s session) (struct{}, error) { return struct{}{}, do(s) })
	return err
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
	l := &login{slot: slot, gone: make(chan struct{}), handles: map[string]pkcs11.ObjectHandle{}}
	if err := t.openSessions(l); err != nil {
		t.closeAll(l)
		return nil, err
	}
	if err := t.authenticate(ctx, l, info); err != nil {
		t.closeAll(l)
		return nil, err
	}
	return l, nil
}

// openSessions fills the pools. A token that has fewer sessions gives the first ones to accounts, anchor and
// strangers in this order; a pool that gets none shares that of accounts.
func (t *token) openSessions(l *login) error {
	order := []pool{forAccounts}
	for p := forAnchor; p < pools; p++ {
		for range sessionsOf[p] {
			order = append(order, p)
		}
	}
	for range t.sessions - 1 {
		order = append(order, forAccounts)
	}
	for p := range l.free {
		l.free[p] = make(chan pkcs11.SessionHandle, len(order))
	}
	for _, p := range order {
		s, err := t.module.OpenSession(l.slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
		if errors.Is(err, pkcs11.Error(pkcs11.CKR_SESSION_COUNT)) && len(l.all) > 0 {
			break // the token has fewer
		}
		if err != nil {
			return fmt.Errorf("open a session: %w", err)
		}
		l.all = append(l.all, s)
		l.free[p] <- s
	}
	for p := range l.free {
		if len(l.free[p]) == 0 {
			l.free[p] = l.free[forAccounts]
		}
	}
	return nil
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
		pin, err := pinOf(t.uri)
		if err == nil && len(pin) == 0 {
			return nil, fmt.Errorf("%w: the file that pin-source names is empty", ErrNoPIN)
		}
		return pin, err
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
// Sessions that are borrowed end when they come back: their users may be half way, and not every
// error means that the token is gone.
func (t *token) drop(l *login) {
	<-t.opening
	defer func() { t.opening <- struct{}{} }()
	t.mu.Lock()
	mine := t.current == l
	if mine {
		t.current = nil
	}
	t.mu.Unlock()
	if !mine {
		return
	}
	close(l.gone)
	for p := range l.free {
		t.closeFree(l, pool(p))
	}
}

// closeFree ends the sessions of a dead login that nobody has.
func (t *token) closeFree(l *login, p pool) {
	for {
		select {
		case s := <-l.free[p]:
			t.mu.Lock()
			again := t.current != nil && t.current != l && slices.Contains(t.current.all, s)
			t.mu.Unlock()
			if !again {
				_ = t.module.CloseSession(s) // gone already, most likely
			}
		default:
			return
		}
	}
}

// giveBack returns a borrowed session.
func (t *token) giveBack(l *login, p pool, s pkcs11.SessionHandle) {
	l.free[p] <- s
	select {
	case <-l.gone:
		t.closeFree(l, p)
	default:
	}
}

func (t *token) closeAll(l *login) {
	for _, s := range l.all {
		_ = t.module.CloseSession(s) // gone already, most likely
	}
}

// closeWithin is how long close waits for calls that the module does not return from.
const closeWithin = 5 * time.Second

// close waits for borrowed sessions, then ends all. Where a call does not return, the
// sessions and the module stay as they are until the process ends.
func (t *token) close() {
	over := time.NewTimer(closeWithin)
	defer over.Stop()
	select {
	case <-t.opening:
	case <-over.C:
		return
	}
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
			case <-l.free[forAccounts]:
			case <-l.free[forAnchor]:
			case <-l.free[forStrangers]:
			case <-l.free[forLookout]:
			case <-over.C:
				return
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
