package vault

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/holdfast-backup/holdfast/core/opaque"
	"github.com/holdfast-backup/holdfast/core/vaults"
)

// The limits of the protocol.
const (
	Guesses  = vaults.Guesses   // guesses of an account
	WrongCap = 50               // wrong guesses of a registration, which a right one does not clear
	OpenFor  = 60 * time.Second // how long a start waits for its KE3
	keepFor  = 16               // past guesses that are remembered
)

// Policy is what the operator sets.
type Policy struct {
	// Delays are the waits after the third, fourth, … wrong guess; the last
	// one holds for all later guesses. Empty: no waiting.
	Delays []time.Duration
}

// DefaultDelays make ten guesses take a day and a half.
var DefaultDelays = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 4 * time.Hour, 12 * time.Hour,
	24 * time.Hour}

// delay returns how long the next guess waits after that many wrong ones.
func (p Policy) delay(wrong int) time.Duration {
	if wrong < 3 || len(p.Delays) == 0 {
		return 0
	}
	return p.Delays[min(wrong-3, len(p.Delays)-1)]
}

// Reason says why an account is destroyed.
type Reason string

// The reasons. The zero Reason is that of a living account.
const (
	ReasonGuesses  Reason = "guesses"  // ten wrong guesses
	ReasonRestored Reason = "restored" // the vault was restored from an older backup
)

// Outcome is what became of a guess.
type Outcome string

// The outcomes.
const (
	OutcomeOpen  Outcome = "open"
	OutcomeRight Outcome = "right"
	OutcomeWrong Outcome = "wrong"
)

// startID names a start: SHA-256(KE1). Records and clients of the version before have
// its first 16 bytes, here with zeros after them.
type startID [sha256.Size]byte

// shortStart is how many bytes of it the version before had.
const shortStart = 16

func (i startID) short() startID {
	clear(i[shortStart:])
	return i
}

// is reports whether two ids name one start. Where both are whole, all of them counts: two
// messages whose first 16 bytes agree can be made with 2^64 hashes.
func (i startID) is(other startID) bool {
	return i == other || (i == i.short() || other == other.short()) && i.short() == other.short()
}

// record is an account. A nil *record is an absent one. Times are milliseconds since 1970.
type record struct {
	reason                         Reason // "" while living
	guessesLeft                    int
	version                        uint64
	registered, changed, lastStart int64
	management                     [ed25519.PublicKeySize]byte
	scalar                         opaque.Scalar
	opaque                         [opaque.RecordBytes]byte
	sealedKey                      []byte
	open                           []openStart
	past                           []guess
	// wrong counts the wrong guesses since the password was set.
	wrong int
	// granted is what guessesLeft was after the last right guess: less than Guesses near WrongCap.
	granted int
	// proven: the password has opened the account since it was made.
	proven bool
	// deleted: nothing but version and changed is left, for as long as a message from before could be sent again.
	deleted bool
}

// passes reports whether the account does not stay as it is: it is deleted, or was never proven.
func (r *record) passes() bool { return r.deleted || !r.proven && r.reason == "" }

// moment is what an account's next state depends on besides the request and the record.
type moment struct {
	now    int64 // milliseconds since 1970
	policy Policy
	// known is what this process knows of a start.
	known func(startID) startState
	// passed is what it knows of an account that does not stay.
	passed startState
}

// startState is whether a start waits for its KE3 still. The process that counted it knows best: its
// clock does not jump, and it knows whether the token has kept the client waiting.
type startState int

const (
	startUnknown startState = iota // the times in the record tell
	startWaits
	startOver
)

type openStart struct {
	id    startID
	begun int64
}

type guess struct {
	id      startID // short
	time    int64
	outcome Outcome
}

// response is what apply answers besides an error.
type response struct {
	// counted: the guess was counted by this very request. Without an error it is counted in any case.
	counted bool
	// released is the sealed key, for the session key's holder.
	released []byte
}

// request is one of the types below. step works on a record of its own, nil
// for none, whose stored version was that; it returns the next one and whether it changed anything.
type request interface {
	step(m moment, r *record, version uint64) (next *record, changed bool, answer response, err error)
}

// apply is the whole life of an account: what becomes of the record, and what is answered, when this request comes
// at this moment. It changes nothing that it was given. An error
// may come with a changed record. next == r: nothing is to be stored.
func apply(m moment, q request, r *record) (answer response, next *record, err error) {
	var version uint64
	work := r.clone()
	expired := false
	if work != nil {
		version = work.version
		switch {
		case work.hasPassed(m):
			expired, work, version = true, nil, 0
		case work.deleted:
			work = nil
		default:
			expired = work.expire(m)
		}
	}
	next, changed, answer, err := q.step(m, work, version)
	switch {
	case !changed && !expired:
		return answer, r, err
	case next == nil && !changed: // it has passed
		return answer, nil, err
	case next == nil:
		next = &record{deleted: true}
	}
	next.changed = m.now
	next.version = version + 1
	if first, ok := q.(registerRequest); ok && work == nil {
		next.version = first.fresh
	}
	return answer, next, err
}

func (r *record) clone() *record {
	if r == nil {
		return nil
	}
	c := *r
	c.sealedKey = bytes.Clone(r.sealedKey)
	c.open = slices.Clone(r.open)
	c.past = slices.Clone(r.past)
	return &c
}

// expire closes starts that waited too long. A clock that has gone back expires nothing: what
// began later than now begins now.
func (r *record) expire(m moment) (changed bool) {
	var over []startID
	for i := range r.open {
		s, state := &r.open[i], startUnknown
		if m.known != nil {
			state = m.known(s.id)
		}
		switch {
		case state == startWaits:
		case state == startUnknown && m.now < s.begun:
			s.begun, changed = m.now, true
		case state == startOver, m.now >= s.begun+OpenFor.Milliseconds():
			over = append(over, s.id)
		}
	}
	for _, id := range over {
		r.closeStart(id, OutcomeWrong)
		changed = true
	}
	return r.destroyIfSpent() || changed
}

// hasPassed reports whether the account is to be removed without a trace.
func (r *record) hasPassed(m moment) bool {
	if !r.passes() {
		return false
	}
	lasts, since := unprovenFor, r.registered
	if r.deleted {
		lasts, since = deletedFor, r.changed
	}
	return m.passed == startOver || m.passed == startUnknown && m.now >= since+lasts.Milliseconds()
}

func (r *record) closeStart(id startID, outcome Outcome) {
	r.open = slices.DeleteFunc(r.open, func(s openStart) bool { return s.id.is(id) })
	for i := range r.past {
		if r.past[i].id == id.short() && r.past[i].outcome == OutcomeOpen {
			r.past[i].outcome = outcome
		}
	}
	if outcome == OutcomeWrong {
		r.wrong++
	}
}

// grant gives back all guesses that WrongCap leaves, counting those under way as wrong.
func (r *record) grant() {
	r.guessesLeft = max(0, min(Guesses, WrongCap-r.wrong-len(r.open)))
	r.granted = r.guessesLeft
}

func (r *record) destroyIfSpent() bool {
	if r.reason != "" || r.guessesLeft > 0 || len(r.open) > 0 {
		return false
	}
	r.destroy(ReasonGuesses)
	return true
}

// destroy erases what the password could open. The management key stays.
func (r *record) destroy(reason Reason) {
	r.reason, r.guessesLeft, r.open = reason, 0, nil
	r.scalar.Clear()
	clear(r.opaque[:])
	clear(r.sealedKey)
	r.sealedKey = nil
}

func (r *record) isOpen(id startID) bool {
	return slices.ContainsFunc(r.open, func(s openStart) bool { return s.id.is(id) })
}

// present returns what keeps a request from going on with r.
func present(r *record) error {
	switch {
	case r == nil:
		return ErrNoAccount
	case r.reason != "":
		return &DestroyedError{r.reason}
	}
	return nil
}

// startRequest begins a guess.
type startRequest struct {
	id      startID
	version uint64
}

func (q startRequest) step(m moment, r *record, version uint64) (*record, bool, response, error) {
	if err := present(r); err != nil {
		return r, false, response{}, err
	}
	if r.isOpen(q.id) { // the same message again: counted already
		return r, false, response{}, nil
	}
	if q.version != version {
		return r, false, response{}, ErrStale
	}
	if r.guessesLeft == 0 { // the last one is still open
		until := slices.MaxFunc(r.open, func(a, b openStart) int { return int(a.begun - b.begun) }).begun + OpenFor.Milliseconds()
		return r, false, response{}, &WaitError{time.UnixMilli(until)}
	}
	if until, corrected := r.waitUntil(m.now, m.policy); until > m.now {
		if corrected {
			r.lastStart = m.now
		}
		return r, corrected, response{}, &WaitError{time.UnixMilli(until)}
	}
	r.guessesLeft--
	r.lastStart = m.now
	r.open = append(r.open, openStart{q.id, m.now})
	r.past = append(r.past, guess{q.id.short(), m.now, OutcomeOpen})
	r.past = r.past[max(0, len(r.past)-keepFor):]
	return r, true, response{counted: true}, nil
}

// waitUntil returns when the next guess may start; corrected tells that the
// clock has gone back, so that the wait begins now.
func (r *record) waitUntil(now int64, p Policy) (until int64, corrected bool) {
	delay := p.delay(r.granted - r.guessesLeft).Milliseconds()
	if delay == 0 {
		return 0, false
	}
	if now < r.lastStart {
		return now + delay, true
	}
	return r.lastStart + delay, false
}

// finishRequest ends a guess. expected is nil when this process did not
// evaluate the start.
type finishRequest struct {
	id            startID
	ke3, expected []byte
}

func (q finishRequest) step(_ moment, r *record, _ uint64) (*record, bool, response, error) {
	if err := present(r); err != nil {
		return r, false, response{}, err
	}
	if !r.isOpen(q.id) || q.expected == nil {
		return r, false, response{}, ErrStale
	}
	if !opaque.VerifyKE3(q.expected, q.ke3) {
		r.closeStart(q.id, OutcomeWrong)
		if r.destroyIfSpent() {
			return r, true, response{}, &DestroyedError{r.reason}
		}
		return r, true, response{}, ErrWrongProof
	}
	r.closeStart(q.id, OutcomeRight)
	r.grant()
	r.proven = true
	return r, true, response{released: bytes.Clone(r.sealedKey)}, nil
}

// registerRequest sets the password of an account.
type registerRequest struct {
	management [ed25519.PublicKeySize]byte
	scalar     opaque.Scalar
	opaque     [opaque.RecordBytes]byte
	sealedKey  []byte
	version    uint64 // of the account when its ticket was made, 0 for none
	fresh      uint64 // random: the first version of a new account, so that none repeats after a deletion
	signed     []byte // what the signature is over
	signature  []byte
	enrolled   bool // may make a new account
}

func (q registerRequest) step(m moment, r *record, version uint64) (*record, bool, response, error) {
	if r == nil {
		switch {
		case !q.enrolled:
			return nil, false, response{}, ErrEnrolment
		case q.version != version: // also: it was deleted since
			return nil, false, response{}, ErrStale
		case !ed25519.Verify(q.management[:], q.signed, q.signature):
			return nil, false, response{}, ErrSignature
		}
		return q.fill(&record{}, m.now), true, response{}, nil
	}
	if q.version != version {
		return r, false, response{}, ErrStale
	}
	if !ed25519.Verify(r.management[:], q.signed, q.signature) {
		return r, false, response{}, ErrSignature
	}
	return q.fill(r, m.now), true, response{}, nil
}

// isOf reports whether r is what q made.
func (q registerRequest) isOf(r *record) bool {
	return r.reason == "" && r.scalar == q.scalar && r.opaque == q.opaque && r.management == q.management &&
		bytes.Equal(r.sealedKey, q.sealedKey)
}

func (q registerRequest) fill(r *record, now int64) *record {
	for _, s := range slices.Clone(r.open) {
		r.closeStart(s.id, OutcomeWrong)
	}
	r.reason, r.wrong, r.registered = "", 0, now
	r.grant()
	r.management, r.scalar, r.opaque, r.sealedKey = q.management, q.scalar, q.opaque, bytes.Clone(q.sealedKey)
	return r
}

// deleteRequest removes an account.
type deleteRequest struct {
	version           uint64
	signed, signature []byte
	byOperator        bool
}

func (q deleteRequest) step(_ moment, r *record, version uint64) (*record, bool, response, error) {
	switch {
	case r == nil:
		return nil, false, response{}, ErrNoAccount
	case q.byOperator:
	case q.version != version:
		return r, false, response{}, ErrStale
	case !ed25519.Verify(r.management[:], q.signed, q.signature):
		return r, false, response{}, ErrSignature
	}
	return nil, true, response{}, nil
}

// lookRequest changes only what time has changed.
type lookRequest struct{}

func (lookRequest) step(_ moment, r *record, _ uint64) (*record, bool, response, error) {
	if r == nil {
		return nil, false, response{}, ErrNoAccount
	}
	return r, false, response{}, nil
}
