package vault

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"

	"golang.org/x/time/rate"

	"github.com/holdfast-backup/holdfast/core/opaque"
)

// RegistrationRequest begins a registration.
type RegistrationRequest struct {
	Request []byte // OPAQUE's RegistrationRequest, 33 bytes
	// Enrolled: the client may make a new account. The caller decides this; the client's word does not count.
	Enrolled bool
}

// RegistrationReply answers it.
type RegistrationReply struct {
	Response []byte // OPAQUE's RegistrationResponse, 66 bytes
	Ticket   []byte // to be given back with the record, 76 bytes
}

// BusyError: too many registrations at once.
type BusyError struct{ Wait time.Duration }

func (e *BusyError) Error() string { return "too many registrations" }

// RegisterStart evaluates a request under a fresh s
// that only the ticket knows. Nothing is stored. ErrInvalid, ErrEnrolment, a *BusyError, ErrUnavailable.
func (v *Vault) RegisterStart(ctx context.Context, id AccountID, q RegistrationRequest) (*RegistrationReply, error) {
	return await(ctx, v, func(ctx context.Context) (*RegistrationReply, error) {
		r, _, err := v.load(ctx, storeKey(id))
		if err != nil {
			return nil, err
		}
		budget := v.p.OwnersRate
		if r == nil || r.deleted {
			if !q.Enrolled {
				return nil, ErrEnrolment
			}
			budget = v.p.StrangersRate
		}
		if err := spend(budget, v.p.Now()); err != nil {
			return nil, err
		}
		var version uint64
		if r != nil {
			version = r.version
		}
		s := opaque.NewScalar()
		defer s.Clear()
		answer, err := v.server.RegistrationResponse(ctx, s, q.Request)
		if err != nil {
			return nil, opaqueError(err)
		}
		return &RegistrationReply{answer, v.tickets.seal(id, s, version, v.steady.Now())}, nil
	})
}

func spend(budget *rate.Limiter, now time.Time) error {
	if budget == nil {
		return nil
	}
	one := budget.ReserveN(now, 1)
	wait := one.DelayFrom(now)
	if wait == 0 {
		return nil
	}
	one.CancelAt(now)
	return &BusyError{wait}
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
	// Enrolled: the client may make a new account. The caller decides this; the client's word does not count.
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

func (r *Registration) check() error {
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
	return nil
}

// RegisterFinish replaces the account's record and gives it ten guesses. A ticket is good for one registration. The
// same message again is answered with success as long as nothing else has happened to the account, so that a lost answer
// costs nothing; later it is ErrStale.
// ErrInvalid, ErrEnrolment, ErrStale (also for a ticket that is too old or of another process), ErrSignature, ErrUnavailable.
func (v *Vault) RegisterFinish(ctx context.Context, id AccountID, r Registration) error {
	if err := r.check(); err != nil {
		return err
	}
	_, err := await(ctx, v, func(ctx context.Context) (struct{}, error) { return struct{}{}, v.registerFinish(ctx, id, r) })
	return err
}

func (v *Vault) registerFinish(ctx context.Context, id AccountID, r Registration) error {
	t, err := v.tickets.open(id, r.Ticket, v.steady.Now())
	defer t.scalar.Clear()
	if err != nil {
		return err
	}
	q := registerRequest{
		management: [32]byte(r.Management), scalar: t.scalar, opaque: [opaque.RecordBytes]byte(r.Record), sealedKey: r.SealedKey,
		version: t.version, fresh: freshVersion(), signed: RegistrationMessage(v.public, id, r), signature: r.Signature, enrolled: r.Enrolled,
	}
	defer q.scalar.Clear()
	key := storeKey(id)
	release, err := v.locks.take(ctx, key)
	if err != nil {
		return err
	}
	defer release()
	p, err := v.prepare(ctx, key, q)
	if err != nil {
		return err
	}
	name := ticketName(r.Ticket)
	if version, used := v.tickets.usedFor(name); used {
		if p.before == nil || p.before.version != version || !q.isOf(p.before) {
			return ErrStale
		}
		if !v.ledger.isAnchored() {
			return unavailable("the token", errStored)
		}
		return nil // its answer was lost
	}
	registered := p.failed == nil
	err = v.commit(p)
	if registered && (err == nil || errors.Is(err, errStored)) {
		v.tickets.use(name, p.next.version, v.steady.Now())
		v.starts.dropAccount(key)
		v.counts.registrations.Add(1)
	}
	if err != nil {
		return err
	}
	return p.failed
}

// freshVersion is at least 1 and below 2^51, so that it and its successors are exact in any JSON.
func freshVersion() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return binary.BigEndian.Uint64(b[:])>>13 + 1
}
