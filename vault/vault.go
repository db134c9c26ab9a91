package vault

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/holdfast-backup/holdfast/core/opaque"
	"github.com/holdfast-backup/holdfast/vault/store"
)

// AccountID names an account: 32 random bytes, chosen by the client.
type AccountID [32]byte

// Params are what a Vault is made of. Store and HSM stay the caller's to close, after the vault.
type Params struct {
	Store store.Store // required
	HSM   HSM         // required
	// Name is shown to people, on cards.
	Name string
	// Policy's zero value has no delays; see DefaultDelays.
	Policy Policy
	// StrangersRate limits evaluations for clients without an account, OwnersRate those for new passwords of accounts. Nil: no limit.
	StrangersRate, OwnersRate *rate.Limiter
	// AnswerFor is how long a client is kept waiting for store and token; 0: 10 s.
	AnswerFor time.Duration
	Now       func() time.Time // nil: time.Now
	Log       *slog.Logger     // nil: none. Never gets a secret or an account id.
}

// Vault is an open vault. It may be used by any number of goroutines at once.
type Vault struct {
	p       Params
	server  opaque.Server
	public  []byte
	ledger  *ledger
	locks   locks
	starts  starts
	timers  timers
	steady  *steady
	tickets tickets
	counts  counts
	// rotating holds one element while a rotation is under way.
	rotating chan struct{}
	stop     chan struct{}
	stopped  sync.WaitGroup
	// destroyed: something in the store is to be erased.
	destroyed atomic.Bool
	closing   atomic.Bool
	active    sync.RWMutex // readers: operations under way; writer: Close
}

// counts are for metrics; see Counts.
type counts struct {
	registrations, deletions, guesses, right, wrong, returned, destroyed, waits, evaluations atomic.Int64
}

// Open opens the vault and checks the whole store against the token's anchor: ErrOlder and
// ErrTampered refuse a store that is not what this token last saw. It takes about a second for
// 300,000 accounts. An empty store with a token that was never anchored becomes a new vault.
func Open(ctx context.Context, p Params) (*Vault, error) {
	if p.Store == nil || p.HSM == nil {
		panic("vault: Params.Store and Params.HSM are required")
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.AnswerFor == 0 {
		p.AnswerFor = 10 * time.Second
	}
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	_, ake := p.HSM.PublicKeys()
	v := &Vault{p: p, steady: newSteady(p.Now), public: ake.Bytes(), rotating: make(chan struct{}, 1), stop: make(chan struct{})}
	v.server = opaque.Server{Keys: p.HSM}
	v.locks.held = map[store.Key]*lock{}
	v.starts.init()
	v.timers.init()
	v.tickets.init(v.steady.Now())
	var err error
	if v.ledger, err = openLedger(ctx, p.Store, p.HSM, v.takeOver); err != nil {
		return nil, err
	}
	v.ledger.queueFor = p.AnswerFor
	v.ledger.start()
	if err := v.finishRotation(ctx); err != nil {
		v.ledger.stop()
		return nil, err
	}
	v.stopped.Go(v.sweepUntilStopped)
	if e, ok := p.Store.(store.Eraser); ok {
		v.destroyed.Store(true) // by an earlier process, perhaps
		v.stopped.Go(func() { v.eraseUntilStopped(e) })
	}
	return v, nil
}

// Close ends what is under way and forgets keys. Store and HSM stay open.
func (v *Vault) Close() {
	if v.closing.Swap(true) {
		return
	}
	v.active.Lock() // after the operations under way
	defer v.active.Unlock()
	close(v.stop)
	v.stopped.Wait()
	v.ledger.stop()
	v.starts.clear()
	for _, k := range v.ledger.keys {
		k.clear()
	}
}

// await does the work of one message, on a goroutine of its own: a call of the token may hang, and then whoever
// asked gets an ErrUnavailable while the work goes on. Its context ends with the client or after AnswerFor, for what has not been begun.
func await[T any](ctx context.Context, v *Vault, work func(context.Context) (T, error)) (T, error) {
	var none T
	end, err := v.begin()
	if err != nil {
		return none, err
	}
	ctx, cancel := context.WithTimeout(ctx, v.p.AnswerFor)
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		defer end()
		value, err := guarded(ctx, work)
		done <- result{value, err}
	}()
	defer cancel()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		return none, unavailable("it does not answer in time", ctx.Err())
	}
}

// guarded turns a panic into an error without a stack trace: the arguments in one can hold secrets.
func guarded[T any](ctx context.Context, work func(context.Context) (T, error)) (value T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: a %T in the code", ErrUnavailable, p)
		}
	}()
	return work(ctx)
}

// begin marks an operation; the function it returns ends it.
func (v *Vault) begin() (end func(), err error) {
	v.active.RLock()
	if v.closing.Load() {
		v.active.RUnlock()
		return nil, fmt.Errorf("%w: it is closed", ErrUnavailable)
	}
	return v.active.RUnlock, nil
}

// Public is what anybody may know of a vault.
type Public struct {
	Name      string
	Suite     int
	PublicKey []byte // 33 bytes: server identity and AKE public key
	Guesses   int
}

// Public returns it.
func (v *Vault) Public() Public { return Public{v.p.Name, opaque.Suite, v.public, Guesses} }

// pingFor is how long the token may take to show that it works.
const pingFor = time.Second

// Prove makes a commit without a change: it fails where store or token cannot be written.
func (v *Vault) Prove(ctx context.Context) error {
	_, err := await(ctx, v, func(context.Context) (struct{}, error) { return struct{}{}, v.ledger.prove() })
	return err
}

// Ready tells with an error that the vault cannot work now: the token is away or does not answer,
// the last write to store or token failed or takes long, or they were changed by someone else. It takes at most two seconds.
func (v *Vault) Ready(ctx context.Context) error {
	if err := v.ledger.problem(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, pingFor)
	defer cancel()
	if err := v.p.HSM.Ping(ctx); err != nil {
		return unavailable("the token", err)
	}
	return nil
}

// Counts are totals since Open, and the number of accounts.
type Counts struct {
	Accounts                                                                       uint64
	Groups, Commits                                                                uint64
	Registrations, Deletions, Guesses, Right, Wrong, Destroyed, Waits, Evaluations int64
	// Returned are guesses that were given back, since the token failed before it evaluated anything.
	Returned     int64
	OpenStarts   int
	CommitNumber uint64
	Generation   uint32
}

// Counts returns them.
func (v *Vault) Counts() Counts {
	c := &v.counts
	l := v.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	return Counts{
		Accounts: l.head.accounts - min(l.head.accounts, uint64(v.timers.tombstones())), Groups: l.groups, Commits: l.commits,
		CommitNumber: l.head.number, Generation: l.current.generation,
		Registrations: c.registrations.Load(), Deletions: c.deletions.Load(), Guesses: c.guesses.Load(), Right: c.right.Load(),
		Wrong: c.wrong.Load(), Destroyed: c.destroyed.Load(), Waits: c.waits.Load(), Evaluations: c.evaluations.Load(),
		Returned: c.returned.Load(), OpenStarts: v.starts.len(),
	}
}

func storeKey(id AccountID) store.Key {
	return sha256.Sum256(append([]byte(labelAccount), id[:]...))
}

// prepared is a change of an account that is not stored yet.
type prepared struct {
	key          store.Key
	before, next *record
	old          []byte // as stored
	answer       response
	failed       error // what q is answered with, once next is durable
}

// prepare applies q to the account under key, and stores nothing. The caller holds the account's lock.
func (v *Vault) prepare(ctx context.Context, key store.Key, q request) (*prepared, error) {
	before, old, err := v.load(ctx, key)
	if err != nil {
		return nil, err
	}
	now := v.p.Now()
	p := &prepared{key: key, before: before, old: old}
	m := moment{now: now.UnixMilli(), policy: v.p.Policy, passed: v.timers.state(key, v.steady.Now()),
		known: func(id startID) startState { return v.starts.state(startKey{key, id}, now) }}
	p.answer, p.next, p.failed = apply(m, q, before)
	return p, nil
}

// commit makes a change durable. errStored: it is in the store, and the token does not show it yet.
func (v *Vault) commit(p *prepared) error {
	if p.next == p.before {
		return nil
	}
	var plain []byte
	if p.next != nil {
		plain = p.next.encode()
		defer clear(plain)
	}
	gone := p.before != nil && (p.next == nil || p.next.scalar != p.before.scalar)
	err := v.ledger.commitSealed(p.key, p.old, plain, gone)
	if gone {
		v.destroyed.Store(true)
	}
	if err == nil || errors.Is(err, errStored) {
		v.count(p)
	}
	return err
}

// count notes what became of guesses.
func (v *Vault) count(p *prepared) {
	v.timers.note(p.key, p.before, p.next, v.steady.Now())
	if p.next == nil {
		return
	}
	if p.before != nil && p.next.registered == p.before.registered {
		v.counts.wrong.Add(int64(max(0, p.next.wrong-p.before.wrong)))
	}
	if p.next.reason == ReasonGuesses && (p.before == nil || p.before.reason == "") {
		v.counts.destroyed.Add(1)
		v.p.Log.Info("an account was destroyed after its last guess")
	}
}

// do is prepare and commit. Nothing but a look is answered while the token is behind the store.
func (v *Vault) do(ctx context.Context, key store.Key, q request) (response, *record, error) {
	p, err := v.prepare(ctx, key, q)
	if err != nil {
		return response{}, nil, err
	}
	if err := v.commit(p); err != nil {
		return response{}, nil, err
	}
	if _, look := q.(lookRequest); !look && !v.ledger.isAnchored() {
		return response{}, nil, unavailable("the token", errStored)
	}
	return p.answer, p.next, p.failed
}

// load returns an account and its stored value, nil for none.
func (v *Vault) load(ctx context.Context, key store.Key) (*record, []byte, error) {
	value, err := v.p.Store.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, unavailable("the store", err)
	}
	r, err := v.ledger.openRecord(key, value)
	if err != nil {
		return nil, nil, unavailable("an account's record", err)
	}
	return r, value, nil
}

func (l *ledger) openRecord(key store.Key, value []byte) (*record, error) {
	keys, err := l.keysOf(value)
	if err != nil {
		return nil, err
	}
	plain, err := keys.openValue(labelRecord, key, value)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	return decodeRecord(plain)
}
