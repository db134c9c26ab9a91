package vaultclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-backup/holdfast/core/opaque"
	"github.com/holdfast-backup/holdfast/core/opaque/ppss"
	"github.com/holdfast-backup/holdfast/core/vaults"
	cards "github.com/holdfast-backup/holdfast/vault/card"
)

// round is one guess at all vaults of a set.
type round struct {
	*recovery
	set     *cards.Set
	public  ppss.Set
	u       []byte
	guesses []*guess // nil: not there yet
	come    chan arrival
	open    int // how many are not there yet

	opened  *Opened
	lies    []vaults.Lie
	ended   chan ending
	proving int // how many proofs have not ended
	last    error
}

type arrival struct {
	i int
	g *guess
}

// ending is how one vault took the proof.
type ending struct {
	i   int
	key []byte
	err error
}

// attempt makes one guess at all vaults of a set.
func (r *recovery) attempt(ctx context.Context, set *cards.Set, password []byte) (*Opened, error) {
	n := len(set.Vaults)
	d := &round{recovery: r, set: set, public: setOf(set, r.card.Key), u: r.stretched(set, password), guesses: make([]*guess, n),
		come: make(chan arrival, n), open: n, lies: make([]vaults.Lie, n), ended: make(chan ending, n)}
	if err := d.triedBefore(); err != nil {
		clear(d.u)
		return nil, err
	}
	asking, cancel := context.WithCancel(ctx)
	defer func() {
		cancel() // a cancelled question ends at once
		for ; d.open > 0; d.open-- {
			(<-d.come).g.clear()
		}
		for ; d.proving > 0; d.proving-- {
			clear((<-d.ended).key)
		}
		for _, g := range d.guesses {
			g.clear()
		}
	}()
	for i, m := range set.Vaults {
		go func() { d.come <- arrival{i, d.ask(asking, i, r.seats.of(m))} }()
	}
	outputs := make([][]byte, n)
	for d.open > 0 {
		i := d.arrived(<-d.come)
		if outputs[i] = d.guesses[i].output; outputs[i] == nil {
			continue
		}
		if secret, err := d.public.Open(d.u, outputs); err == nil {
			d.opened = &Opened{set: set, secret: secret, u: d.u, proven: make([]bool, n)}
			return d.release(asking)
		}
	}
	d.noteWrong()
	clear(d.u)
	return nil, d.failed(ctx)
}

// triedBefore is the error where this password was wrong before, at all the vaults that could take the guess now: they have nothing new
// to say. One that was away then makes it worth a guess.
func (d *round) triedBefore() error {
	var marks []mark
	var left []int
	for i, m := range d.set.Vaults {
		if s := d.seats.of(m); s.lives() && d.refusal(d.set, s) == nil {
			marks, left = append(marks, d.mark(i)), append(left, s.account.GuessesLeft)
		}
	}
	if len(left) < d.set.Threshold || !d.Tried.before(marks) {
		return nil
	}
	return &vaults.Error{Kind: vaults.ErrWrongPassword, GuessesLeft: nthHighest(left, d.set.Threshold), Repeated: true}
}

// noteWrong remembers the password as wrong at the vaults that evaluated it.
func (d *round) noteWrong() {
	var marks []mark
	for i, g := range d.guesses {
		if g != nil && g.output != nil {
			marks = append(marks, d.mark(i))
		}
	}
	if len(marks) >= d.set.Threshold {
		d.Tried.note(marks)
	}
}

// mark stands for the password at one vault that has told of a living account.
func (d *round) mark(i int) mark {
	s := d.seats.of(d.set.Vaults[i])
	secret := slices.Concat(d.set.Commitment, d.u)
	defer clear(secret)
	return d.Tried.mark("set", d.set.Vaults[i].PublicKey, s.id[:], s.registered(), secret)
}

func (d *round) arrived(a arrival) int {
	d.open--
	d.guesses[a.i] = a.g
	return a.i
}

// errMoved: the vault holds another registration than the card says.
var errMoved = fmt.Errorf("%w: it holds another registration", vaults.ErrSuspect)

// ask makes the guess at one vault, once that has told of the account.
func (d *round) ask(ctx context.Context, i int, s *seat) *guess {
	select {
	case <-ctx.Done():
		return &guess{seat: s, err: fmt.Errorf("%w: it did not answer in time", vaults.ErrUnreachable)}
	case <-s.ready:
	}
	if err := d.refusal(d.set, s); err != nil {
		return &guess{seat: s, err: err}
	}
	x := d.public.Input(i, d.u)
	defer clear(x)
	return guessAt(ctx, s, x)
}

// release proves the right guess to every vault that has answered, and to those that still do within a moment.
func (d *round) release(ctx context.Context) (*Opened, error) {
	for i, g := range d.guesses {
		if g != nil {
			d.prove(ctx, i)
		}
	}
	o := d.opened
	var late <-chan time.Time
	for waiting := true; waiting && (d.proving > 0 || d.open > 0); {
		select {
		case a := <-d.come:
			d.prove(ctx, d.arrived(a))
		case e := <-d.ended:
			d.proving--
			d.proved(e)
			if o.Key != nil && late == nil {
				late = time.After(grace)
			}
		case <-late:
			waiting = false
		case <-ctx.Done():
			o.Clear()
			return nil, ctx.Err()
		}
	}
	d.tell()
	if o.Key == nil {
		o.Clear()
		return nil, d.noKey()
	}
	return o, nil
}

// prove sends the right KE3 where the record opens, else a random one. What decides
// that hangs on the record and the server's proof, never on the share (docs/shared-vaults.md, chapter 7, selective failure).
func (d *round) prove(ctx context.Context, i int) {
	g := d.guesses[i]
	switch {
	case errors.Is(g.err, errMoved):
		d.lies[i] = vaults.OtherRegistration
	case errors.Is(g.err, ErrNoAccount), errors.Is(g.err, vaults.ErrPasswordGone):
		d.lies[i] = vaults.NoAccount
	case errors.Is(g.err, ErrNotTheVault):
		d.lies[i] = vaults.WrongProof
	}
	if g.output == nil {
		return
	}
	m := d.public.Members[i]
	if !d.opened.secret.Holds(m, i, g.output) {
		if d.lies[i] = vaults.WrongEvaluation; d.set == d.card.Set && g.seat.moved(d.set) {
			d.lies[i] = vaults.OtherRegistration
		}
	}
	d.proving++
	go func() {
		randomized := d.opened.secret.RandomizedPassword(m)
		defer clear(randomized)
		key, err := g.right(ctx, randomized)
		if opensNot(err) {
			g.wrong(ctx)
		}
		d.ended <- ending{i, key, err}
	}()
}

// proved notes what a vault gave for the proof.
func (d *round) proved(e ending) {
	o := d.opened
	switch bridged := d.set.Vaults[e.i].Bridge != nil; {
	case errors.Is(e.err, opaque.ErrPassword) && bridged: // it holds the record of before: that is no lie
	case errors.Is(e.err, errSealed):
		d.lies[e.i] = vaults.WrongKey
	case errors.Is(e.err, opaque.ErrServer), errors.Is(e.err, ErrNotTheVault):
		d.lies[e.i] = vaults.WrongProof
	case opensNot(e.err):
		d.lies[e.i] = vaults.WrongRecord
	case e.err != nil:
		d.last = e.err
	case !d.fits(e.key), o.Key != nil && !bytes.Equal(o.Key, e.key):
		d.lies[e.i] = vaults.WrongKey
		clear(e.key)
	case o.Key == nil:
		o.Key, o.proven[e.i] = e.key, true
	default:
		o.proven[e.i] = true
		clear(e.key)
	}
}

// opensNot reports whether a vault's answer did not stand the check, so that the guess is still open.
func opensNot(err error) bool {
	return errors.Is(err, opaque.ErrPassword) || errors.Is(err, opaque.ErrServer) || errors.Is(err, opaque.ErrMessage)
}

// tell fills in who lied and who was silent.
func (d *round) tell() {
	for i, m := range d.set.Vaults {
		switch {
		case d.lies[i] != "":
			d.opened.Findings = append(d.opened.Findings, vaults.Finding{Vault: m.Name, Address: string(m.URL), Lie: d.lies[i]})
		case !d.opened.proven[i] && m.Bridge == nil:
			d.opened.Silent = append(d.opened.Silent, m.Name)
		}
	}
}

// noKey is the error where the password is right and no vault gave the key.
func (d *round) noKey() error {
	var said []string
	for _, f := range d.opened.Findings {
		said = append(said, f.String())
	}
	switch {
	case len(said) > 0:
		return fmt.Errorf("%w: %s", ErrNotTheVault, strings.Join(said, ", "))
	case d.last != nil:
		return d.last
	case d.set == d.card.Pending:
		return &vaults.Error{Kind: vaults.ErrWrongPassword, GuessesLeft: -1, Cause: errNotYet}
	}
	return ErrNotTheVault
}

// errNotYet: the bridges open the secret, and no vault that answers has the key under it yet.
var errNotYet = errors.New("the change to this password was cut off before a vault that answers took it: the one before it opens the backup")

// failed closes all guesses as wrong and says what is the matter: the password, or the vaults.
func (d *round) failed(ctx context.Context) error {
	left := make([]int, len(d.guesses))
	ended := make(chan struct{}, len(d.guesses))
	tried := 0
	for i, g := range d.guesses {
		if g.output == nil {
			continue
		}
		tried++
		left[i] = g.reply.GuessesLeft
		go func() {
			_ = g.try.wrong(ctx, g.reply.GuessesLeft) // a vault that hears nothing finds out by itself
			ended <- struct{}{}
		}()
	}
	for range tried {
		<-ended // each has its own patience
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if tried < d.set.Threshold {
		return tooFew(d.set, d.guesses, tried)
	}
	silent := silence(d.set, d.guesses)
	n := nthHighest(left, d.set.Threshold)
	switch {
	case len(silent) > 0:
		return &vaults.Error{Kind: vaults.ErrWrongPassword, GuessesLeft: n, Cause: fmt.Errorf(
			"%w, or fewer than %d vaults answered truthfully: %s", vaults.ErrWrongPassword, d.set.Threshold, strings.Join(silent, "; "))}
	case n > 0:
		return &vaults.Error{Kind: vaults.ErrWrongPassword, GuessesLeft: n}
	}
	return destroyed("", true)
}
