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
)

// ticketFor is how long a ticket is good.
const ticketFor = 10 * time.Minute

// TicketBytes is the length of a ticket: nonce, s, version, expiry, tag.
const TicketBytes = 12 + 32 + 8 + 8 + gcmOverhead

// RegistrationReply answers the start of a registration.
type RegistrationReply struct {
	Response []byte // OPAQUE's RegistrationResponse, 66 bytes
	Ticket   []byte // to be given back with the record, 76 bytes
}

// RegisterStart evaluates a RegistrationRequest, 33 bytes, under a fresh s
// that only the ticket knows. Nothing is stored. ErrInvalid, ErrUnavailable.
func (v *Vault) RegisterStart(ctx context.Context, id AccountID, request []byte) (*RegistrationReply, error) {
	end, err := v.begin()
	if err != nil {
		return nil, err
	}
	defer end()
	r, _, err := v.load(ctx, storeKey(id))
	if err != nil {
		return nil, err
	}
	var version uint64
	if r != nil {
		version = r.version
	}
	s := opaque.NewScalar()
	defer s.Clear()
	answer, err := v.server.RegistrationResponse(ctx, s, request)
	if err != nil {
		return nil, opaqueError(err)
	}
	plain := binary.BigEndian.AppendUint64(s[:], version)
	plain = binary.BigEndian.AppendUint64(plain, uint64(v.p.Now().Add(ticketFor).UnixMilli()))
	defer clear(plain)
	nonce := make([]byte, 12, TicketBytes)
	_, _ = rand.Read(nonce) // never fails since Go 1.24
	return &RegistrationReply{answer, v.tickets.Seal(nonce, nonce, plain, append([]byte(labelTicket), id[:]...))}, nil
}

// Registration ends a registration.
type Registration struct {
	Ticket     []byte // of RegisterStart
	Record     []byte // OPAQUE's RegistrationRecord, 129 bytes
	SealedKey  []byte // 1 to 256 bytes
	Management []byte // Ed25519 public key, 32 bytes
	// Signature by the stored management key, or by Management where the
	// account is new, over RegistrationMessage; 64 bytes.
	Signature []byte
	// Enrolled: whoever asks may make a new account. The caller's policy, not the client's word.
	Enrolled bool
}

// RegistrationMessage is what the signature of a registration is over.
func RegistrationMessage(public []byte, id AccountID, r Registration) []byte {
	ticket, sealed := sha256.Sum256(r.Ticket), sha256.Sum256(r.SealedKey)
	m := append([]byte(LabelRegistration), public...)
	m = append(m, id[:]...)
	m = append(m, ticket[:]...)
	m = append(m, r.Record...)
	m = append(m, sealed[:]...)
	return append(m, r.Management...)
}

// DeletionMessage is what the signature of a deletion is over.
func DeletionMessage(public []byte, id AccountID, version uint64) []byte {
	m := append([]byte(LabelDeletion), public...)
	m = append(m, id[:]...)
	return binary.BigEndian.AppendUint64(m, version)
}

// RegisterFinish replaces the account's record and gives it ten guesses. The
// same registration again changes nothing and is no error.
// ErrInvalid, ErrEnrolment, ErrStale (also for a ticket that is too old or of another process), ErrSignature, ErrUnavailable.
func (v *Vault) RegisterFinish(ctx context.Context, id AccountID, r Registration) error {
	end, err := v.begin()
	if err != nil {
		return err
	}
	defer end()
	switch {
	case len(r.Ticket) != TicketBytes:
		return invalid("a ticket has %d bytes", TicketBytes)
	case len(r.Management) != ed25519.PublicKeySize:
		return invalid("a management key has %d bytes", ed25519.PublicKeySize)
	case len(r.Signature) != ed25519.SignatureSize:
		return invalid("a signature has %d bytes", ed25519.SignatureSize)
	case len(r.SealedKey) == 0 || len(r.SealedKey) > MaxSealedKeyBytes:
		return invalid("a sealed key has 1 to %d bytes", MaxSealedKeyBytes)
	}
	if err := opaque.CheckRecord(r.Record); err != nil {
		return opaqueError(err)
	}
	plain, err := v.tickets.Open(nil, r.Ticket[:12], r.Ticket[12:], append([]byte(labelTicket), id[:]...))
	if err != nil {
		return ErrStale
	}
	defer clear(plain)
	if v.p.Now().UnixMilli() >= int64(binary.BigEndian.Uint64(plain[40:])) {
		return ErrStale
	}
	q := registerRequest{
		management: [32]byte(r.Management), scalar: opaque.Scalar(plain[:32]), opaque: [opaque.RecordBytes]byte(r.Record), sealedKey: r.SealedKey,
		version: binary.BigEndian.Uint64(plain[32:]), fresh: freshVersion(), signed: RegistrationMessage(v.public, id, r), signature: r.Signature, enrolled: r.Enrolled,
	}
	defer q.scalar.Clear()
	key := storeKey(id)
	release, err := v.locks.take(ctx, key)
	if err != nil {
		return err
	}
	defer release()
	if _, _, err = v.do(ctx, key, q); err != nil {
		return err
	}
	v.starts.dropAccount(key)
	v.counts.registrations.Add(1)
	return nil
}

// freshVersion is at least 1 and below 2^51, so that it and its successors are exact in any JSON.
func freshVersion() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return binary.BigEndian.Uint64(b[:])>>13 + 1
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
// ErrDestroyed (a *DestroyedError): not counted. ErrUnavailable: perhaps counted.
func (v *Vault) RecoverStart(ctx context.Context, id AccountID, r RecoveryStart) (*RecoveryReply, error) {
	end, err := v.begin()
	if err != nil {
		return nil, err
	}
	defer end()
	ke1, err := opaque.ParseKE1(r.KE1)
	if err != nil {
		return nil, opaqueError(err)
	}
	key, start1 := storeKey(id), StartID(r.KE1)
	release, err := v.locks.take(ctx, key)
	if err != nil {
		return nil, err
	}
	defer release()
	begun := v.p.Now()
	known := v.starts.get(startKey{key, start1})
	answer, after, err := v.do(ctx, key, startRequest{start1, r.Version})
	if err != nil {
		if errors.Is(err, ErrWait) {
			v.counts.waits.Add(1)
		}
		return nil, err
	}
	switch {
	case answer.counted:
		v.counts.guesses.Add(1)
		known = &start{begun: begun, recorded: true}
	case known == nil:
		known = &start{begun: begun, recorded: true}
	case known.login != nil:
		return &RecoveryReply{known.login.KE2, after.guessesLeft}, nil
	}
	v.starts.put(startKey{key, start1}, *known)
	v.counts.evaluations.Add(1)
	known.login, err = v.server.GenerateKE2(ctx, opaque.Account{Scalar: &after.scalar, Record: after.opaque[:], Identity: id[:]}, ke1)
	if err != nil {
		return nil, opaqueError(err)
	}
	v.starts.put(startKey{key, start1}, *known)
	return &RecoveryReply{known.login.KE2, after.guessesLeft}, nil
}

// StartID names the start that KE1 began: the first 16 bytes of its SHA-256.
func StartID(ke1 []byte) [16]byte {
	sum := sha256.Sum256(ke1)
	return [16]byte(sum[:16])
}

// RecoveryFinish ends a guess.
type RecoveryFinish struct {
	Start []byte // StartID of its KE1, 16 bytes
	KE3   []byte // 32 bytes
}

// RecoverFinish gives the sealed key, encrypted under the session key (see
// OpenRelease), for the right KE3, and all ten guesses back to the account. The same right KE3 again gets the same
// answer for a minute and changes nothing. ErrInvalid, ErrNoAccount, ErrWrongProof, ErrDestroyed (also: this was the last guess), ErrStale, ErrUnavailable.
func (v *Vault) RecoverFinish(ctx context.Context, id AccountID, r RecoveryFinish) ([]byte, error) {
	end, err := v.begin()
	if err != nil {
		return nil, err
	}
	defer end()
	if len(r.Start) != len(startID{}) {
		return nil, invalid("a start has %d bytes", len(startID{}))
	}
	if err := opaque.CheckKE3(r.KE3); err != nil {
		return nil, opaqueError(err)
	}
	key := storeKey(id)
	k := startKey{key, startID(r.Start)}
	release, err := v.locks.take(ctx, key)
	if err != nil {
		return nil, err
	}
	defer release()
	q := finishRequest{id: k.id, ke3: r.KE3}
	known := v.starts.get(k)
	if known != nil && known.login != nil {
		q.expected = known.login.ExpectedKE3
		if known.released != nil && v.p.Now().Sub(known.begun) < OpenFor && opaque.VerifyKE3(q.expected, r.KE3) {
			return known.released, nil
		}
	}
	answer, _, err := v.do(ctx, key, q)
	switch {
	case errors.Is(err, ErrWrongProof), errors.Is(err, ErrDestroyed) && known != nil:
		v.counts.wrong.Add(1)
		if known != nil {
			known.recorded = false
			v.starts.put(k, *known)
		}
		return nil, err
	case err != nil:
		return nil, err
	}
	v.counts.right.Add(1)
	known.released = sealRelease(known.login.SessionKey, id, answer.released)
	known.recorded = false
	v.starts.put(k, *known)
	return known.released, nil
}

// sealRelease encrypts the sealed key for who has the session key.
func sealRelease(sessionKey []byte, id AccountID, sealedKey []byte) []byte {
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
	end, err := v.begin()
	if err != nil {
		return nil, err
	}
	defer end()
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
	a := &Account{Reason: r.reason, GuessesLeft: r.guessesLeft, Version: r.version, Registered: time.UnixMilli(r.registered), Changed: time.UnixMilli(r.changed)}
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
	end, err := v.begin()
	if err != nil {
		return err
	}
	defer end()
	if len(signature) != ed25519.SignatureSize {
		return invalid("a signature has %d bytes", ed25519.SignatureSize)
	}
	key := storeKey(id)
	release, err := v.locks.take(ctx, key)
	if err != nil {
		return err
	}
	defer release()
	if _, _, err := v.do(ctx, key, deleteRequest{version, DeletionMessage(v.public, id, version), signature}); err != nil {
		return err
	}
	v.starts.dropAccount(key)
	v.counts.deletions.Add(1)
	return nil
}

// opaqueError maps what core/opaque says.
func opaqueError(err error) error {
	if errors.Is(err, opaque.ErrMessage) {
		return invalid("%w", err)
	}
	return unavailable("the token", err)
}
