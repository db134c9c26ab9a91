package vault

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-backup/holdfast/core/opaque"
)

// AccountID names an account: 32 random bytes, chosen by the client.
type AccountID [32]byte

// Params are what a Vault is made of. Store and HSM stay the caller's to close, after the vault.
type Params struct {
	Store Store // required
	HSM   HSM   // required
	// Name is shown to people, on cards.
	Name string
	// Policy's zero value has no delays; see DefaultDelays.
	Policy Policy
	Now    func() time.Time // nil: time.Now
	Log    *slog.Logger     // nil: none. Never gets a secret or an account id.
}

// Vault is an open vault. It may be used by any number of goroutines at once.
type Vault struct {
	p       Params
	server  opaque.Server
	public  []byte
	ledger  *ledger
	locks   locks
	starts  starts
	tickets cipher.AEAD
	counts  counts
	stop    chan struct{}
	stopped sync.WaitGroup
	closing atomic.Bool
	active  sync.RWMutex // readers: operations under way; writer: Close
}

// counts are for metrics; see Counts.
type counts struct {
	registrations, deletions, guesses, right, wrong, destroyed, waits, evaluations atomic.Int64
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
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	_, ake := p.HSM.PublicKeys()
	v := &Vault{p: p, public: ake.Bytes(), stop: make(chan struct{})}
	v.server = opaque.Server{Keys: p.HSM}
	v.locks.held = map[Key]*lock{}
	v.starts.init()
	ticketKey := make([]byte, 32)
	_, _ = rand.Read(ticketKey) // never fails since Go 1.24
	v.tickets = newGCM(ticketKey)
	clear(ticketKey)
	var err error
	if v.ledger, err = openLedger(ctx, p.Store, p.HSM, v.noteOpen); err != nil {
		return nil, err
	}
	v.ledger.start()
	if err := v.finishRotation(ctx); err != nil {
		v.ledger.stop()
		return nil, err
	}
	v.stopped.Go(v.sweepUntilStopped)
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

// Ready tells with an error that the vault cannot work now: the token is away,
// or store or token were changed by someone else.
func (v *Vault) Ready(ctx context.Context) error {
	v.ledger.mu.Lock()
	broken := v.ledger.broken
	v.ledger.mu.Unlock()
	if broken != nil {
		return broken
	}
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
	OpenStarts                                                                     int
	CommitNumber                                                                   uint64
	Generation                                                                     uint32
}

// Counts returns them.
func (v *Vault) Counts() Counts {
	c := &v.counts
	l := v.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	return Counts{
		Accounts: l.head.accounts, Groups: l.groups, Commits: l.commits, CommitNumber: l.head.number, Generation: l.current.generation,
		Registrations: c.registrations.Load(), Deletions: c.deletions.Load(), Guesses: c.guesses.Load(), Right: c.right.Load(),
		Wrong: c.wrong.Load(), Destroyed: c.destroyed.Load(), Waits: c.waits.Load(), Evaluations: c.evaluations.Load(),
		OpenStarts: v.starts.len(),
	}
}

func storeKey(id AccountID) Key {
	return sha256.Sum256(append([]byte(labelAccount), id[:]...))
}

// do applies q to the account under key, and makes the next record durable
// before it returns. The account's lock is held by the caller.
func (v *Vault) do(ctx context.Context, key Key, q request) (response, *record, error) {
	before, old, err := v.load(ctx, key)
	if err != nil {
		return response{}, nil, err
	}
	answer, next, failed := apply(v.p.Now(), v.p.Policy, q, before)
	if next == before {
		return answer, next, failed
	}
	var plain []byte
	if next != nil {
		plain = next.encode()
		defer clear(plain)
	}
	if err := v.ledger.commitSealed(key, old, plain); err != nil {
		return response{}, nil, err
	}
	if next != nil && next.reason == ReasonGuesses && (before == nil || before.reason == "") {
		v.counts.destroyed.Add(1)
		v.p.Log.Info("an account was destroyed after its last guess")
	}
	return answer, next, failed
}

// load returns an account and its stored value, nil for none.
func (v *Vault) load(ctx context.Context, key Key) (*record, []byte, error) {
	value, err := v.p.Store.Get(ctx, key)
	if errors.Is(err, ErrNotFound) {
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

func (l *ledger) openRecord(key Key, value []byte) (*record, error) {
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
