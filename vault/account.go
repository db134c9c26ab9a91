package vault

import (
	"bytes"
	"crypto/ed25519"
	"slices"
	"time"

	"github.com/holdfast-backup/holdfast/core/opaque"
)

// The limits of the protocol.
const (
	Guesses = 10               // guesses of an account
	OpenFor = 60 * time.Second // how long a start waits for its KE3
	keepFor = 16               // past guesses that are remembered
)

// Policy is what the operator sets.
type Policy struct {
	// Delays are the waits after the third, fourth, … wrong guess; the last
	// one holds for all later guesses. Empty: no waiting.
	Delays []time.Duration
}

// DefaultDelays make ten guesses take a day and a half.
var DefaultDelays = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 4 * time.Hour, 12 * time.Hour, 24 * time.Hour}

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

// startID names a start: the first 16 bytes of SHA-256(KE1).
type startID [16]byte

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
}

type openStart struct {
	id    startID
	begun int64
}

type guess struct {
	id      startID
	time    int64
	outcome Outcome
}

// response is what apply answers besides an error.
type response struct {
	// evaluate: the guess is counted, the HSM may be asked once the next record is durable.
	evaluate bool
	// counted: it was counted by this very request.
	counted bool
	// released is the sealed key, for the session key's holder.
	released []byte
}

// request is one of the types below. step works on a record of its own, nil
// for none, whose stored version was that; it returns the next one and whether it changed anything.
type request interface {
	step(now int64, p Policy, r *record, version uint64) (next *record, changed bool, answer response, err error)
}

// apply is the whole life of an account: what becomes of the record, and what is answered, when this request comes
// at this time. It changes nothing that it was given and asks nobody. An error
// may come with a changed record. next == r: nothing is to be stored.
func apply(now time.Time, p Policy, q request, r *record) (answer response, next *record, err error) {
	ms := now.UnixMilli()
	var version uint64
	work := r.clone()
	expired := false
	if work != nil {
		version = work.version
		expired = work.expire(ms)
	}
	next, changed, answer, err := q.step(ms, p, work, version)
	if !changed && !expired {
		return answer, r, err
	}
	if next != nil {
		next.changed = ms
		next.version = version + 1
		if first, ok := q.(registerRequest); ok && r == nil {
			next.version = first.fresh
		}
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

// expire closes starts that waited too long. The clock may have gone back.
func (r *record) expire(now int64) (changed bool) {
	for _, s := range slices.Clone(r.open) {
		if now < s.begun || now >= s.begun+OpenFor.Milliseconds() {
			r.closeStart(s.id, OutcomeWrong)
			changed = true
		}
	}
	return r.destroyIfSpent() || changed
}

func (r *record) closeStart(id startID, outcome Outcome) {
	r.open = slices.DeleteFunc(r.open, func(s openStart) bool { return s.id == id })
	for i := range r.past {
		if r.past[i].id == id && r.past[i].outcome == OutcomeOpen {
			r.past[i].outcome = outcome
		}
	}
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
	return slices.ContainsFunc(r.open, func(s openStart) bool { return s.id == id })
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

func (q startRequest) step(now int64, p Policy, r *record, version uint64) (*record, bool, response, error) {
	if err := present(r); err != nil {
		return r, false, response{}, err
	}
	if r.isOpen(q.id) { // the same message again: counted already
		return r, false, response{evaluate: true}, nil
	}
	if q.version != version {
		return r, false, response{}, ErrStale
	}
	if r.guessesLeft == 0 { // the last one is still open
		until := slices.MaxFunc(r.open, func(a, b openStart) int { return int(a.begun - b.begun) }).begun + OpenFor.Milliseconds()
		return r, false, response{}, &WaitError{time.UnixMilli(until)}
	}
	if until, corrected := r.waitUntil(now, p); until > now {
		if corrected {
			r.lastStart = now
		}
		return r, corrected, response{}, &WaitError{time.UnixMilli(until)}
	}
	r.guessesLeft--
	r.lastStart = now
	r.open = append(r.open, openStart{q.id, now})
	r.past = append(r.past, guess{q.id, now, OutcomeOpen})
	r.past = r.past[max(0, len(r.past)-keepFor):]
	return r, true, response{evaluate: true, counted: true}, nil
}

// waitUntil returns when the next guess may start; corrected tells that the
// clock has gone back, so that the wait begins now.
func (r *record) waitUntil(now int64, p Policy) (until int64, corrected bool) {
	delay := p.delay(Guesses - r.guessesLeft).Milliseconds()
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

func (q finishRequest) step(_ int64, _ Policy, r *record, _ uint64) (*record, bool, response, error) {
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
	r.guessesLeft = Guesses
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

func (q registerRequest) step(now int64, _ Policy, r *record, version uint64) (*record, bool, response, error) {
	if r == nil {
		switch {
		case !q.enrolled:
			return nil, false, response{}, ErrEnrolment
		case q.version != 0:
			return nil, false, response{}, ErrStale
		case !ed25519.Verify(q.management[:], q.signed, q.signature):
			return nil, false, response{}, ErrSignature
		}
		return q.fill(&record{}, now), true, response{}, nil
	}
	if r.reason == "" && r.scalar == q.scalar && r.opaque == q.opaque && r.management == q.management && bytes.Equal(r.sealedKey, q.sealedKey) {
		return r, false, response{}, nil // the same message again
	}
	if q.version != version {
		return r, false, response{}, ErrStale
	}
	if !ed25519.Verify(r.management[:], q.signed, q.signature) {
		return r, false, response{}, ErrSignature
	}
	return q.fill(r, now), true, response{}, nil
}

func (q registerRequest) fill(r *record, now int64) *record {
	for _, s := range slices.Clone(r.open) {
		r.closeStart(s.id, OutcomeWrong)
	}
	r.reason, r.guessesLeft, r.registered = "", Guesses, now
	r.management, r.scalar, r.opaque, r.sealedKey = q.management, q.scalar, q.opaque, bytes.Clone(q.sealedKey)
	return r
}

// deleteRequest removes an account.
type deleteRequest struct {
	version           uint64
	signed, signature []byte
}

func (q deleteRequest) step(_ int64, _ Policy, r *record, version uint64) (*record, bool, response, error) {
	switch {
	case r == nil:
		return nil, false, response{}, ErrNoAccount
	case q.version != version:
		return r, false, response{}, ErrStale
	case !ed25519.Verify(r.management[:], q.signed, q.signature):
		return r, false, response{}, ErrSignature
	}
	return nil, true, response{}, nil
}

// lookRequest changes only what time has changed.
type lookRequest struct{}

func (lookRequest) step(_ int64, _ Policy, r *record, _ uint64) (*record, bool, response, error) {
	if r == nil {
		return nil, false, response{}, ErrNoAccount
	}
	return r, false, response{}, nil
}
