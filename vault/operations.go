package vault

import (
	"context"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"

	"github.com/holdfast-backup/holdfast/core/opaque"
	"github.com/holdfast-backup/holdfast/vault/hsm"
)

// DeletionMessage is what the signature of a deletion is over.
func DeletionMessage(public []byte, id AccountID, version uint64) []byte {
	m := append([]byte(LabelDeletion), public...)
	m = append(m, id[:]...)
	return binary.BigEndian.AppendUint64(m, version)
}

// RecoveryStart begins a guess.
type RecoveryStart struct {
	KE1     []byte // 98 bytes
	Version uint64 // of the account as the client last saw it
}

// RecoveryReply answers it.
type RecoveryReply struct {
	KE2         []byte // 259 bytes
	GuessesLeft int    // this guess is counted already
}

// RecoverStart counts a guess durably and only then evaluates it. The same KE1 again, while it is
// open, gets the same KE2 and is not counted again. ErrInvalid, ErrNoAccount, ErrStale, ErrWait (a *WaitError),
// ErrDestroyed (a *DestroyedError): not counted. ErrUnavailable: the same KE1 may be sent again; if the token
// failed before it evaluated anything, the guess is given back.
func (v *Vault) RecoverStart(ctx context.Context, id AccountID, r RecoveryStart) (*RecoveryReply, error) {
	ke1, err := opaque.ParseKE1(r.KE1)
	if err != nil {
		return nil, opaqueError(err)
	}
	k := startKey{storeKey(id), StartID(r.KE1)}
	return await(ctx, v, func(ctx context.Context) (*RecoveryReply, error) {
		release, err := v.locks.take(ctx, k.account)
		if err != nil {
			return nil, err
		}
		defer release()
		return v.recoverStart(ctx, id, k, ke1, r.Version)
	})
}

// recoverStart is RecoverStart under the account's lock.
func (v *Vault) recoverStart(ctx context.Context, id AccountID, k startKey, ke1 opaque.KE1, version uint64) (*RecoveryReply, error) {
	if err := v.settle(ctx, k.account); err != nil { // before the account is looked at
		return nil, err
	}
	p, err := v.prepare(ctx, k.account, startRequest{k.id, version})
	if err != nil {
		return nil, err
	}
	known := v.starts.get(k)
	if p.failed != nil || known != nil && known.login != nil && !p.answer.counted {
		if errors.Is(p.failed, ErrWait) {
			v.counts.waits.Add(1)
		}
		switch err := v.commit(p); {
		case err != nil:
			return nil, err
		case p.failed != nil:
			return nil, p.failed
		case !v.ledger.isAnchored():
			return nil, unavailable("the token", errStored)
		}
		return &RecoveryReply{known.login.KE2, p.next.guessesLeft}, nil
	}
	// Nothing is counted before there is something to evaluate it on.
	lease, err := v.p.HSM.Lease(ctx)
	if err != nil {
		return nil, unavailable("the token", err)
	}
	defer lease.Release()
	st, err := v.countStart(k, p, known)
	if err != nil {
		return nil, err
	}
	return v.evaluateStart(id, k, ke1, lease, st, p.next)
}

// countStart makes the guess durable, if it is a new one, and notes it.
func (v *Vault) countStart(k startKey, p *prepared, known *start) (*start, error) {
	st := &start{begun: v.p.Now(), recorded: true}
	switch {
	case p.answer.counted:
		st.counted, st.lastStart = true, p.before.lastStart
	case known != nil:
		st = known
	}
	v.starts.put(k, *st)
	err := v.commit(p)
	if err == nil && !v.ledger.isAnchored() {
		return nil, unavailable("the token", errStored)
	}
	if err == nil || errors.Is(err, errStored) {
		if p.answer.counted {
			v.counts.guesses.Add(1)
		}
	} else if p.answer.counted { // it never came to be
		v.starts.drop(k.account, func(one startKey, _ *start) bool { return one == k })
	}
	if errors.Is(err, errStored) && p.answer.counted {
		st.owed = true
		v.starts.put(k, *st)
	}
	return st, err
}

// evaluateStart answers a counted guess. If the token fails before this process has got anything of it, the guess is given back.
func (v *Vault) evaluateStart(id AccountID, k startKey, ke1 opaque.KE1, lease hsm.Evaluator, st *start, r *record) (*RecoveryReply, error) {
	ctx := context.Background() // a counted guess is not left half way
	begun := v.p.Now()
	v.counts.evaluations.Add(1)
	server := opaque.Server{Keys: lease}
	login, err := server.GenerateKE2(ctx, opaque.Account{Scalar: &r.scalar, Record: r.opaque[:], Identity: id[:]}, ke1)
	st.output = st.output || lease.Output()
	lease.Release() // the token may have but one session, and settle needs it
	if err != nil {
		st.owed = st.counted && !st.output
		st.held = !st.owed
		v.starts.put(k, *st)
		if owed := v.settle(ctx, k.account); owed != nil {
			v.p.Log.Warn("a guess that the token did not evaluate will be given back later", "error", owed)
		}
		return nil, opaqueError(err)
	}
	st.login, st.who, st.held = login, id, false
	if now := v.p.Now(); now.Sub(begun) > lateAnswer {
		st.begun = now
	}
	v.starts.put(k, *st)
	return &RecoveryReply{login.KE2, r.guessesLeft}, nil
}

// StartID names the start that KE1 began: its SHA-256.
func StartID(ke1 []byte) [sha256.Size]byte { return sha256.Sum256(ke1) }

// RecoveryFinish ends a guess.
type RecoveryFinish struct {
	Start []byte // StartID of its KE1, 32 bytes; or the first 16, as in the version before
	KE3   []byte // 32 bytes
}

// RecoverFinish gives the sealed key, encrypted under the session key (see OpenRelease), for the right KE3, and all ten
// guesses back to the account. The same right KE3 again gets the same answer for a minute and changes nothing.
// ErrInvalid, ErrNoAccount, ErrWrongProof, ErrDestroyed (also: this was the last guess), ErrStale, ErrUnavailable.
func (v *Vault) RecoverFinish(ctx context.Context, id AccountID, r RecoveryFinish) ([]byte, error) {
	if len(r.Start) != len(startID{}) && len(r.Start) != shortStart {
		return nil, invalid("a start has %d bytes", len(startID{}))
	}
	if err := opaque.CheckKE3(r.KE3); err != nil {
		return nil, opaqueError(err)
	}
	return await(ctx, v, func(ctx context.Context) ([]byte, error) { return v.recoverFinish(ctx, id, r) })
}

func (v *Vault) recoverFinish(ctx context.Context, id AccountID, r RecoveryFinish) ([]byte, error) {
	key := storeKey(id)
	k := startKey{account: key}
	copy(k.id[:], r.Start)
	release, err := v.locks.take(ctx, key)
	if err != nil {
		return nil, err
	}
	defer release()
	if len(r.Start) == shortStart {
		k = v.starts.whole(k)
	}
	known := v.starts.get(k)
	if known == nil || known.login == nil { // another process evaluated it, or none did
		_, _, err := v.do(ctx, key, finishRequest{id: k.id, ke3: r.KE3})
		return nil, err
	}
	if opaque.VerifyKE3(known.login.ExpectedKE3, r.KE3) {
		if known.released != nil && known.waits(v.p.Now()) {
			if !v.ledger.isAnchored() {
				return nil, unavailable("the token", errStored)
			}
			return known.released, nil
		}
		return v.keepRight(ctx, k, known)
	}
	_, _, err = v.do(ctx, key, finishRequest{id: k.id, ke3: r.KE3, expected: known.login.ExpectedKE3})
	if errors.Is(err, ErrWrongProof) || errors.Is(err, ErrDestroyed) {
		known.recorded = false
		v.starts.put(k, *known)
	}
	return nil, err
}

// keepRight makes it durable that a guess was right, and releases the sealed key. The caller holds the account's lock.
func (v *Vault) keepRight(ctx context.Context, k startKey, known *start) ([]byte, error) {
	q := finishRequest{id: k.id, ke3: known.login.ExpectedKE3, expected: known.login.ExpectedKE3}
	p, err := v.prepare(ctx, k.account, q)
	if err != nil {
		return nil, err
	}
	err = v.commit(p)
	switch {
	case p.failed != nil:
		known.proved, known.recorded = false, false
		v.starts.put(k, *known)
		return nil, errors.Join(err, p.failed)
	case err != nil && !errors.Is(err, errStored):
		known.proved = true // the sweep tries again
		v.starts.put(k, *known)
		return nil, err
	}
	v.counts.right.Add(1)
	known.released = SealRelease(known.login.SessionKey, known.who, p.answer.released)
	known.recorded, known.proved = false, false
	v.starts.put(k, *known)
	if err != nil {
		return nil, err
	}
	return known.released, nil
}

// SealRelease encrypts the sealed key under the session key.
func SealRelease(sessionKey []byte, id AccountID, sealedKey []byte) []byte {
	key := derive(sessionKey, LabelRelease)
	defer clear(key)
	nonce := make([]byte, 12)
	_, _ = rand.Read(nonce) // never fails since Go 1.24
	return newGCM(key).Seal(nonce, nonce, sealedKey, id[:])
}

// OpenRelease decrypts what RecoverFinish answered, with the session key of
// the login, 32 bytes. ErrInvalid if it does not fit.
func OpenRelease(sessionKey []byte, id AccountID, released []byte) ([]byte, error) {
	if len(released) < 12+gcmOverhead {
		return nil, invalid("the released key is too short")
	}
	key, err := hkdf.Key(sha256.New, sessionKey, nil, LabelRelease, 32)
	if err != nil {
		return nil, invalid("the session key: %w", err)
	}
	defer clear(key)
	sealed, err := newGCM(key).Open(nil, released[:12], released[12:], id[:])
	if err != nil {
		return nil, invalid("the released key does not fit the session")
	}
	return sealed, nil
}

// Account is what a client may know of an account.
type Account struct {
	Reason              Reason // "" while living
	GuessesLeft         int
	Version             uint64
	Wrong               int // wrong guesses since the password was set, up to WrongCap
	Registered, Changed time.Time
	WaitUntil           time.Time // zero: a guess may start now
	Past                []Guess   // the newest last, at most 16
}

// Guess is one past guess.
type Guess struct {
	Time    time.Time
	Outcome Outcome
}

// Account returns the state of an account. ErrNoAccount, ErrUnavailable.
func (v *Vault) Account(ctx context.Context, id AccountID) (*Account, error) {
	return await(ctx, v, func(ctx context.Context) (*Account, error) { return v.account(ctx, id) })
}

func (v *Vault) account(ctx context.Context, id AccountID) (*Account, error) {
	key := storeKey(id)
	release, err := v.locks.take(ctx, key)
	if err != nil {
		return nil, err
	}
	defer release()
	_, r, err := v.do(ctx, key, lookRequest{})
	if err != nil {
		return nil, err
	}
	now := v.p.Now().UnixMilli()
	a := &Account{Reason: r.reason, GuessesLeft: r.guessesLeft, Version: r.version, Wrong: r.wrong, Registered: time.UnixMilli(r.registered),
		Changed: time.UnixMilli(r.changed)}
	if until, _ := r.waitUntil(now, v.p.Policy); r.reason == "" && r.guessesLeft > 0 && until > now {
		a.WaitUntil = time.UnixMilli(until)
	}
	for _, g := range r.past {
		a.Past = append(a.Past, Guess{time.UnixMilli(g.time), g.outcome})
	}
	return a, nil
}

// Delete removes an account; signature is by its management key over
// DeletionMessage for its present version. ErrInvalid, ErrNoAccount, ErrStale, ErrSignature, ErrUnavailable.
func (v *Vault) Delete(ctx context.Context, id AccountID, version uint64, signature []byte) error {
	if len(signature) != ed25519.SignatureSize {
		return invalid("a signature has %d bytes", ed25519.SignatureSize)
	}
	return v.remove(ctx, id, deleteRequest{version: version, signed: DeletionMessage(v.public, id, version), signature: signature})
}

// Remove removes an account without its owner: the operator's. ErrNoAccount, ErrUnavailable.
func (v *Vault) Remove(ctx context.Context, id AccountID) error {
	return v.remove(ctx, id, deleteRequest{byOperator: true})
}

func (v *Vault) remove(ctx context.Context, id AccountID, q deleteRequest) error {
	_, err := await(ctx, v, func(ctx context.Context) (struct{}, error) {
		key := storeKey(id)
		release, err := v.locks.take(ctx, key)
		if err != nil {
			return struct{}{}, err
		}
		defer release()
		if _, _, err := v.do(ctx, key, q); err != nil {
			return struct{}{}, err
		}
		v.starts.dropAccount(key)
		v.counts.deletions.Add(1)
		return struct{}{}, nil
	})
	return err
}

// opaqueError maps what core/opaque says.
func opaqueError(err error) error {
	if errors.Is(err, opaque.ErrMessage) {
		return invalid("%w", err)
	}
	return unavailable("the token", err)
}
