package vaultclient

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core/opaque"
	"github.com/holdfast-backup/holdfast/core/opaque/opaquetest"
	"github.com/holdfast-backup/holdfast/core/vaults"
	"github.com/holdfast-backup/holdfast/vault"
	cards "github.com/holdfast-backup/holdfast/vault/card"
)

// bench is a vault as the protocol has it, over scalars in memory, which a test can make lie, and cut off at each message. The
// accounts' rules are not tested with it: package vault's own tests, and those against vaultd, do that.
type bench struct {
	keys *opaquetest.Keys
	name string

	mu       sync.Mutex
	accounts map[vault.AccountID]*entry
	tickets  map[string]*opaque.Scalar
	clock    int64
	down     bool
	// evaluations counts the runs of the OPRF that a person or an attacker gets an answer of.
	evaluations int
	// lies: it evaluates under another scalar. claims: it tells another time of registration.
	lies, claims bool
}

type entry struct {
	scalar              *opaque.Scalar
	record, sealed, key []byte
	left                int
	version             uint64
	registered          time.Time
	open                map[[32]byte]*opaque.Login
}

func newBench(name string) *bench {
	return &bench{keys: opaquetest.NewKeys(), name: name, accounts: map[vault.AccountID]*entry{}, tickets: map[string]*opaque.Scalar{}}
}

func (b *bench) server() opaque.Server { return opaque.Server{Keys: b.keys} }

func (b *bench) RegisterStart(ctx context.Context, _ vault.AccountID, q vault.RegistrationRequest) (*vault.RegistrationReply, error) {
	s := opaque.NewScalar()
	response, err := b.server().RegistrationResponse(ctx, s, q.Request)
	if err != nil {
		return nil, err
	}
	ticket := random(76)
	b.tickets[string(ticket)] = s
	return &vault.RegistrationReply{Response: response, Ticket: ticket}, nil
}

func (b *bench) RegisterFinish(_ context.Context, id vault.AccountID, r vault.Registration) error {
	s, key := b.tickets[string(r.Ticket)], ed25519.PublicKey(r.Management)
	e := b.accounts[id]
	switch {
	case e != nil && bytes.Equal(e.record, r.Record):
		return nil
	case s == nil:
		return vault.ErrStale
	case e != nil:
		key = e.key
	}
	_, ake := b.keys.PublicKeys()
	if !ed25519.Verify(key, vault.RegistrationMessage(ake.Bytes(), id, r), r.Signature) {
		return vault.ErrSignature
	}
	b.tickets = map[string]*opaque.Scalar{}
	b.clock += 1000
	b.accounts[id] = &entry{scalar: s, record: r.Record, sealed: r.SealedKey, key: r.Management, left: vault.Guesses, version: uint64(b.clock),
		registered: time.UnixMilli(1_790_000_000_000 + b.clock), open: map[[32]byte]*opaque.Login{}}
	return nil
}

func (b *bench) RecoverStart(ctx context.Context, id vault.AccountID, r vault.RecoveryStart) (*vault.RecoveryReply, error) {
	e := b.accounts[id]
	ke1, err := opaque.ParseKE1(r.KE1)
	start := vault.StartID(r.KE1)
	switch {
	case err != nil:
		return nil, vault.ErrInvalid
	case e == nil:
		return nil, vault.ErrNoAccount
	case e.open[start] != nil:
		return &vault.RecoveryReply{KE2: e.open[start].KE2, GuessesLeft: e.left}, nil
	case e.version != r.Version:
		return nil, vault.ErrStale
	case e.left == 0:
		return nil, &vault.DestroyedError{Reason: vault.ReasonGuesses}
	}
	e.left--
	e.version++
	b.evaluations++
	scalar := e.scalar
	if b.lies {
		scalar = opaque.NewScalar()
	}
	login, err := b.server().GenerateKE2(ctx, opaque.Account{Scalar: scalar, Record: e.record, Identity: id[:]}, ke1)
	if err != nil {
		return nil, err
	}
	e.open[start] = login
	return &vault.RecoveryReply{KE2: login.KE2, GuessesLeft: e.left}, nil
}

func (b *bench) RecoverFinish(_ context.Context, id vault.AccountID, r vault.RecoveryFinish) ([]byte, error) {
	e := b.accounts[id]
	if e == nil {
		return nil, vault.ErrNoAccount
	}
	login := e.open[[32]byte(r.Start)]
	if login == nil {
		return nil, vault.ErrStale
	}
	e.version++
	if !opaque.VerifyKE3(login.ExpectedKE3, r.KE3) {
		delete(e.open, [32]byte(r.Start))
		return nil, vault.ErrWrongProof
	}
	e.left = vault.Guesses
	return vault.SealRelease(login.SessionKey, id, e.sealed), nil
}

func (b *bench) Account(_ context.Context, id vault.AccountID) (*vault.Account, error) {
	e := b.accounts[id]
	if e == nil {
		return nil, vault.ErrNoAccount
	}
	a := &vault.Account{GuessesLeft: e.left, Version: e.version, Registered: e.registered}
	if b.claims {
		a.Registered = a.Registered.Add(time.Second)
	}
	if e.left == 0 {
		a.Reason = vault.ReasonGuesses
	}
	return a, nil
}

func (b *bench) Delete(_ context.Context, id vault.AccountID, version uint64, signature []byte) error {
	e := b.accounts[id]
	_, ake := b.keys.PublicKeys()
	switch {
	case e == nil:
		return vault.ErrNoAccount
	case !ed25519.Verify(e.key, vault.DeletionMessage(ake.Bytes(), id, version), signature):
		return vault.ErrSignature
	}
	delete(b.accounts, id)
	return nil
}

// benches are several of them, the place of the card, and a cut: of the message with that number, nothing
// arrives, or its answer is lost, and everything after it fails.
type benches struct {
	all  []*bench
	key  []byte
	mu   sync.Mutex
	card []byte
	// messages are counted; cut is the one at which the computer dies, 0: none. after: the message arrives.
	messages, cut int
	after         bool
}

var errDied = errors.New("the computer died")

func newBenches(n int) *benches {
	b := &benches{key: random(32)}
	for i := range n {
		b.all = append(b.all, newBench("vault "+string('A'+rune(i))))
	}
	return b
}

// pass counts a message. arrives: it does; err: nothing comes back.
func (b *benches) pass() (arrives bool, err error) {
	b.messages++
	switch {
	case b.cut == 0 || b.messages < b.cut:
		return true, nil
	case b.messages == b.cut && b.after:
		return true, errDied
	}
	return false, errDied
}

// wire is the way to one vault.
type wire struct {
	*bench
	b *benches
}

func through[T any](w wire, send func() (T, error)) (answer T, err error) {
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	arrives, err := w.b.pass()
	if w.down && err == nil {
		return answer, errDied
	}
	if !arrives {
		return answer, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	a, sent := send()
	if err != nil {
		return answer, err
	}
	return a, sent
}

func (w wire) RegisterStart(ctx context.Context, id vault.AccountID, q vault.RegistrationRequest) (*vault.RegistrationReply, error) {
	return through(w, func() (*vault.RegistrationReply, error) { return w.bench.RegisterStart(ctx, id, q) })
}

func (w wire) RegisterFinish(ctx context.Context, id vault.AccountID, r vault.Registration) error {
	_, err := through(w, func() (struct{}, error) { return struct{}{}, w.bench.RegisterFinish(ctx, id, r) })
	return err
}

func (w wire) RecoverStart(ctx context.Context, id vault.AccountID, r vault.RecoveryStart) (*vault.RecoveryReply, error) {
	return through(w, func() (*vault.RecoveryReply, error) { return w.bench.RecoverStart(ctx, id, r) })
}

func (w wire) RecoverFinish(ctx context.Context, id vault.AccountID, r vault.RecoveryFinish) ([]byte, error) {
	return through(w, func() ([]byte, error) { return w.bench.RecoverFinish(ctx, id, r) })
}

func (w wire) Account(ctx context.Context, id vault.AccountID) (*vault.Account, error) {
	return through(w, func() (*vault.Account, error) { return w.bench.Account(ctx, id) })
}

func (w wire) Delete(ctx context.Context, id vault.AccountID, version uint64, signature []byte) error {
	_, err := through(w, func() (struct{}, error) { return struct{}{}, w.bench.Delete(ctx, id, version, signature) })
	return err
}

// benchVault is a Vault on such a wire.
type benchVault struct{ protocol }

func (*benchVault) Close() error { return nil }

func (b *benches) open(_ context.Context, m cards.Member, card []byte) (Vault, error) {
	c, err := cards.Parse(card)
	if err != nil {
		return nil, err
	}
	for _, one := range b.all {
		if _, ake := one.keys.PublicKeys(); bytes.Equal(ake.Bytes(), m.PublicKey) {
			v := &benchVault{protocol{card: c, pause: func(int) time.Duration { return time.Microsecond }}}
			v.begin = func(context.Context) (transport, func(), error) { return wire{one, b}, func() {}, nil }
			return v, nil
		}
	}
	return nil, errDied
}

func (b *benches) derive(info string, salt []byte) []byte {
	k, err := hkdf.Key(sha256.New, b.key, salt, info, 32)
	if err != nil {
		panic(err)
	}
	return k
}

func (b *benches) keep(_ context.Context, before, card []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	arrives, err := b.pass()
	if arrives {
		if !bytes.Equal(before, b.card) {
			return errors.New("another card is there")
		}
		b.card = card
	}
	return err
}

func (b *benches) new(password string, threshold int, at ...int) NewShared {
	n := NewShared{Password: []byte(password), Key: b.key, CardSeed: b.derive("card", nil), Threshold: threshold, Keep: b.keep,
		Seeds: func(v, id []byte) (seed, previous []byte) {
			return b.derive("seed", append(bytes.Clone(v), id...)), b.derive("old", nil)
		}}
	for _, i := range at {
		_, ake := b.all[i].keys.PublicKeys()
		n.Vaults = append(n.Vaults, cards.Member{Name: b.all[i].name, URL: cards.URL(fmt.Sprintf("https://%d.example", i)), Suite: 1,
			PublicKey: ake.Bytes()})
	}
	return n
}

func (b *benches) set(t *testing.T, password string, threshold int, at ...int) error {
	t.Helper()
	_, err := SetShared(t.Context(), b.card, b.open, b.new(password, threshold, at...))
	return err
}

// recovers tries a password and reports whether it gave the key.
func (b *benches) recovers(t *testing.T, password string) *Opened {
	t.Helper()
	if b.card == nil {
		return nil
	}
	s, err := OpenShared(b.card, b.open)
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.Recover(t.Context(), []byte(password), func(key []byte) bool { return bytes.Equal(key, b.key) })
	if err != nil {
		return nil
	}
	return o
}

// cheap makes key stretching cheap as long as the test runs: it stretches a thousand times.
func cheap(t *testing.T) {
	t.Helper()
	before := stretch
	stretch = func(password, salt []byte) []byte {
		sum := sha256.Sum256(slices.Concat(password, salt))
		return sum[:]
	}
	t.Cleanup(func() { stretch = before })
}

// The computer dies at every message, before it arrives and after, while the first password is set, changed, moved to other
// vaults, and while the change before that was cut off too. Whatever n-t vaults are dead then, the new password opens once its
// card is kept, and the old one as long as enough have not moved; the next run finishes.
func TestCutOffAtEveryMessage(t *testing.T) {
	cheap(t)
	for _, c := range []struct {
		name         string
		before, then []int
		t1, t2       int
	}{
		{"first", nil, []int{0, 1, 2}, 0, 2},
		{"change", []int{0, 1, 2}, []int{0, 1, 2}, 2, 2},
		{"change 3 of 5", []int{0, 1, 2, 3, 4}, []int{0, 1, 2, 3, 4}, 3, 3},
		{"replace", []int{0, 1, 2}, []int{0, 3, 2}, 2, 2},
		{"add", []int{0}, []int{0, 1, 2}, 1, 2},
		{"all need to answer", []int{0, 1}, []int{0, 1}, 2, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			step := 1
			if testing.Short() {
				step = 17
			}
			for cut := 1; ; cut += step {
				finished := false
				for _, after := range []bool{false, true} {
					finished = cutOff(t, c.before, c.then, c.t1, c.t2, cut, after)
				}
				if finished {
					if cut < 20 {
						t.Errorf("only %d messages", cut)
					}
					break
				}
			}
		})
	}
}

// cutOff cuts one change at one message and reports whether it came to its end before.
func cutOff(t *testing.T, before, then []int, t1, t2, cut int, after bool) (finished bool) {
	t.Helper()
	at := fmt.Sprintf("cut at %d, after %v", cut, after)
	b := newBenches(5)
	if before != nil {
		if err := b.set(t, "old", t1, before...); err != nil {
			t.Fatal(err)
		}
	}
	b.messages, b.cut, b.after = 0, cut, after
	err := b.set(t, "new", t2, then...)
	b.cut = 0
	held := b.card // not one more message
	state := b.opensWithout(t, before, then, t1, t2, at)
	if err == nil {
		return true
	}
	b.card = held
	// The next run finishes, and so does a second cut one after it.
	if state == "new" {
		if o := b.recovers(t, "new"); o != nil && o.Unfinished() {
			s, err := OpenShared(b.card, b.open)
			if err != nil {
				t.Fatal(err)
			}
			n := b.new("", 0)
			if _, err := s.Mend(t.Context(), o, n); err != nil {
				t.Fatalf("%s: mend: %v", at, err)
			}
			if o := b.recovers(t, "new"); o == nil || o.Unfinished() || len(o.Findings) > 0 {
				t.Fatalf("%s: after mending: %+v", at, o)
			}
		}
	}
	b.messages, b.cut = 0, cut
	_ = b.set(t, "newer", t2, then...) // cut again, or not
	b.cut = 0
	b.elsewhere(t, before, cut, at)
	if b.recovers(t, "newer") == nil && b.recovers(t, "new") == nil && b.recovers(t, "old") == nil && before != nil {
		t.Fatalf("%s: after two cuts nothing opens", at)
	}
	if err := b.set(t, "newest", t2, then...); err != nil {
		t.Fatalf("%s: the next run: %v", at, err)
	}
	if o := b.recovers(t, "newest"); o == nil || o.Unfinished() || len(o.Findings) > 0 {
		t.Fatalf("%s: the next run did not finish: %+v", at, o)
	}
	for _, password := range []string{"old", "new", "newer"} {
		if b.recovers(t, password) != nil {
			t.Fatalf("%s: %q still opens", at, password)
		}
	}
	return false
}

// elsewhere cuts a change to other vaults off on top of all that, from the same card. It is refused, or something opens afterwards.
func (b *benches) elsewhere(t *testing.T, before []int, cut int, at string) {
	t.Helper()
	b.messages, b.cut = 0, cut%9+1
	_ = b.set(t, "elsewhere", 2, 4, 1, 0)
	b.cut = 0
	if before == nil {
		return
	}
	for _, password := range []string{"elsewhere", "newer", "new", "old"} {
		if b.recovers(t, password) != nil {
			return
		}
	}
	t.Fatalf("%s: after a change to other vaults nothing opens", at)
}

// opensWithout holds that with any choice of vaults that may be dead or lie, and as many as that, the old or the new password opens. It
// returns which does with all alive.
func (b *benches) opensWithout(t *testing.T, before, then []int, t1, t2 int, at string) (which string) {
	t.Helper()
	for bad := range 1 << len(b.all) {
		n := func(of []int) (k int) {
			for _, i := range of {
				k += bad >> i & 1
			}
			return k
		}
		many, many1 := n(then), n(before)
		if many > len(then)-t2 || before != nil && many1 > len(before)-t1 || bad != 0 && many < len(then)-t2 {
			continue
		}
		for _, kind := range []string{"dead", "lying", "claiming"} {
			for i, one := range b.all {
				is := bad>>i&1 == 1
				one.down, one.lies, one.claims = is && kind == "dead", is && kind == "lying", is && kind == "claiming"
			}
			opens := ""
			if b.recovers(t, "new") != nil {
				opens = "new"
			} else if b.recovers(t, "old") != nil {
				opens = "old"
			}
			for _, one := range b.all {
				one.down, one.lies, one.claims = false, false, false
				for _, e := range one.accounts {
					e.left = vault.Guesses
				}
			}
			if bad == 0 {
				which = opens
			}
			if opens == "" && before != nil {
				t.Fatalf("%s: with %05b %s nothing opens", at, bad, kind)
			}
		}
	}
	return which
}

// A vault that evaluates under another scalar, and proves itself all the same, is named.
func TestWrongEvaluations(t *testing.T) {
	cheap(t)
	b := newBenches(3)
	if err := b.set(t, "right", 2, 0, 1, 2); err != nil {
		t.Fatal(err)
	}
	b.all[1].lies = true
	o := b.recovers(t, "right")
	if o == nil || len(o.Findings) != 1 || o.Findings[0].Vault != "vault B" || o.Findings[0].Lie != vaults.WrongEvaluation {
		t.Errorf("%+v", o)
	}
	if left := b.all[1].accounts; len(left) != 1 {
		t.Errorf("%d accounts", len(left))
	}
	if err := b.set(t, "other", 2, 0, 1, 2); !errors.Is(err, ErrNotProven) {
		t.Errorf("a password is set at a liar: %v", err)
	}
}

// Where fewer than t vaults can take a guess, none is asked for one, and the guesses that are left stay.
func TestTooFewAreNotAsked(t *testing.T) {
	cheap(t)
	b := newBenches(3)
	if err := b.set(t, "right", 2, 0, 1, 2); err != nil {
		t.Fatal(err)
	}
	before := b.all[0].evaluations
	b.all[1].down, b.all[2].down = true, true
	for _, password := range []string{"right", "wrong"} {
		if b.recovers(t, password) != nil {
			t.Errorf("%q opens with one vault of three", password)
		}
	}
	if b.all[0].evaluations != before {
		t.Errorf("the one that is there was asked %d times for nothing", b.all[0].evaluations-before)
	}
}

// A change to more vaults was cut off, and a new vault is dead since: too few are left of the new set, and the old
// password opens, at the vault that has it.
func TestTooFewOfTheNewSet(t *testing.T) {
	cheap(t)
	opened := 0
	for cut := 1; ; cut++ {
		b := newBenches(3)
		if err := b.set(t, "old", 1, 0); err != nil {
			t.Fatal(err)
		}
		moved := b.registered(0)
		b.messages, b.cut = 0, cut
		err := b.set(t, "new", 3, 0, 1, 2)
		b.cut = 0
		if err == nil {
			break
		}
		if b.all[2].down = true; b.registered(0) != moved {
			continue // the new password is the one now, and needs all three
		}
		if opened++; b.recovers(t, "old") == nil {
			t.Errorf("cut at %d: the old password does not open", cut)
		}
	}
	if opened < 10 {
		t.Errorf("only %d cuts", opened)
	}
}

// registered is when the one account at a vault was registered.
func (b *benches) registered(i int) time.Time {
	for _, e := range b.all[i].accounts {
		return e.registered
	}
	return time.Time{}
}
