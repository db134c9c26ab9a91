package vaultclient

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-backup/holdfast/core/opaque/ppss"
	"github.com/holdfast-backup/holdfast/core/vaults"
	cards "github.com/holdfast-backup/holdfast/vault/card"
)

// Shared is a password that is shared over several vaults. Any t of them open it
// (docs/shared-vaults.md). To each of them it is a client like any other. It may
// be used by several goroutines at once, but for SetPassword and Mend.
type Shared struct {
	card *cards.Shared
	open Opener
	// Tried remembers which passwords were wrong; nil: that is not remembered.
	Tried *Tried
}

// stretch is package ppss's, but in tests that stretch thousands of times.
var stretch = ppss.Stretch

// grace is how long vaults are waited for that are not needed any more.
const grace = 2 * time.Second

// OpenShared reads the card of a shared password. Nothing is contacted yet. ErrNewerCard, vaults.ErrCard.
func OpenShared(card []byte, open Opener) (*Shared, error) {
	c, err := cards.ParseShared(card)
	switch {
	case errors.Is(err, cards.ErrNewer):
		return nil, fmt.Errorf("%w: %w", ErrNewerCard, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", vaults.ErrCard, err)
	}
	return &Shared{card: c, open: open}, nil
}

// Opened is what a recovery gave. Clear it after use.
type Opened struct {
	// Key is the backup key, 32 bytes.
	Key []byte
	// Findings are the vaults that gave something false, or hold something else than the card says.
	Findings []vaults.Finding
	// Silent are the names of the vaults that did not answer in time.
	Silent []string

	set    *cards.Set // that opened
	secret *ppss.Secret
	u      []byte
	proven []bool // whose record opened, by member
}

// Clear forgets the key and what gave it, best effort.
func (o *Opened) Clear() {
	if o != nil {
		clear(o.Key)
		clear(o.u)
		o.secret.Clear()
	}
}

// Recover gives the key for the password, at the cost of one guess at each vault, which the right password
// gives back with all others; two where a change of the password was cut off. fits reports
// whether a key is the backup's; a vault that gives another is a liar, and so is a card whose
// own key does not derive from it.
//
// Errors as Vault.Recover; vaults.ErrUnreachable also where fewer than t vaults answer, and vaults.ErrSuspect where the card is
// older than what the vaults hold. They name the vaults.
func (s *Shared) Recover(ctx context.Context, password []byte, fits func(key []byte) bool) (*Opened, error) {
	if len(password) == 0 {
		return nil, fmt.Errorf("%w: the password is empty", vaults.ErrRefused)
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &recovery{Shared: s, fits: fits, seats: sit(ctx, s.open, s.card.Key, s.card.Members())}
	defer r.seats.close()
	defer cancel()
	defer r.beginWith(password)()
	if err := r.wait(ctx); err != nil {
		return nil, err
	}
	plans, err := r.plans()
	if err != nil {
		return nil, err
	}
	guessed := false
	for _, set := range plans {
		if guessed && !r.another(ctx, set) {
			break
		}
		if few := r.enoughLeft(set); few != nil {
			if err == nil {
				err = few
			}
			continue
		}
		opened, failed := r.attempt(ctx, set, password)
		if failed == nil {
			return opened, nil
		}
		guessed = guessed || !repeated(failed)
		if err = failed; !errors.Is(err, vaults.ErrWrongPassword) {
			break
		}
	}
	return nil, err
}

// repeated reports whether a password was known as wrong, so that no guess was made.
func repeated(err error) bool {
	var told *vaults.Error
	return errors.As(err, &told) && told.Repeated
}

// recovery is one Recover under way.
type recovery struct {
	*Shared
	fits  func(key []byte) bool
	seats *seats
	// early is u of the set that is likely to be tried first; it is computed while the vaults are asked for the account.
	early chan []byte
	of    *cards.Set
}

// beginWith begins to stretch the password for the set that is probably tried first. end waits for it, and clears it if nobody used it.
func (r *recovery) beginWith(password []byte) (end func()) {
	r.early, r.of = make(chan []byte, 1), r.card.Current()
	copied, early := slices.Clone(password), r.early
	go func() {
		defer clear(copied)
		early <- stretch(copied, r.of.Salt)
		close(early)
	}()
	return func() { clear(<-early) }
}

// stretched is u of a set. The caller clears it.
func (r *recovery) stretched(set *cards.Set, password []byte) []byte {
	if set == r.of {
		if u, ok := <-r.early; ok {
			return u
		}
	}
	return stretch(password, set.Salt)
}

// wait waits until all vaults have told of the account; when enough for either set have, only a moment more.
func (r *recovery) wait(ctx context.Context) error {
	all := make(chan struct{})
	go func() {
		r.seats.group.Wait()
		close(all)
	}()
	told := make(chan struct{}, len(r.seats.all))
	for _, s := range r.seats.all {
		go func() {
			<-s.ready
			told <- struct{}{}
		}()
	}
	var enough <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-all:
			return ctx.Err()
		case <-enough:
			return nil
		case <-told:
			if enough == nil && slices.ContainsFunc([]*cards.Set{r.card.Set, r.card.Pending}, r.enough) {
				enough = time.After(grace)
			}
		}
	}
}

func (r *recovery) enough(set *cards.Set) bool {
	return set != nil && r.count(set, (*seat).lives) >= set.Threshold
}

// count is for how many members of a set holds returns true.
func (r *recovery) count(set *cards.Set, holds func(*seat) bool) int {
	n := 0
	for _, m := range set.Vaults {
		if holds(r.seats.of(m)) {
			n++
		}
	}
	return n
}

// plans are the sets to try, in order (docs/shared-vaults.md, chapter 3, step 2).
func (r *recovery) plans() ([]*cards.Set, error) {
	set, pending := r.card.Set, r.card.Pending
	if set == nil {
		return []*cards.Set{pending}, nil
	}
	moved := r.count(set, func(s *seat) bool { return s.moved(set) })
	if pending == nil {
		if moved > len(set.Vaults)-set.Threshold {
			return nil, fmt.Errorf("%w: the vaults hold a newer password than this place: it shows an older state", vaults.ErrSuspect)
		}
		return []*cards.Set{set}, nil
	}
	if r.count(pending, func(s *seat) bool { return s.moved(set) }) == 0 {
		return []*cards.Set{set, pending}, nil
	}
	if len(set.Vaults)-moved < set.Threshold {
		return []*cards.Set{pending}, nil
	}
	return []*cards.Set{pending, set}, nil
}

// another asks all vaults again, and reports whether enough of them can take a second guess and have one left after it. The
// others are left out.
func (r *recovery) another(ctx context.Context, set *cards.Set) bool {
	for _, m := range set.Vaults {
		s := r.seats.of(m)
		if !s.answered() {
			continue
		}
		if s.err = s.look(ctx); s.err == nil && s.lives() && s.account.GuessesLeft < 2 {
			s.err = fmt.Errorf("%w: it has one guess left", vaults.ErrRefused)
		}
	}
	return r.count(set, func(s *seat) bool { return s.answered() && s.usable() == nil }) >= set.Threshold
}

// enoughLeft is nil where t members of a set can take a guess, or have not told yet whether they can. Else it is the
// error, and none is asked: a guess that cannot open anything must not be counted (docs/shared-vaults.md, chapter 3, step 3).
func (r *recovery) enoughLeft(set *cards.Set) error {
	guesses, left := make([]*guess, len(set.Vaults)), 0
	for i, m := range set.Vaults {
		g := &guess{seat: r.seats.of(m)}
		select {
		case <-g.seat.ready:
			g.err = r.refusal(set, g.seat)
		default:
		}
		if guesses[i] = g; g.err == nil {
			left++
			g.output = []byte{} // it is not silent
		}
	}
	if left < set.Threshold {
		return tooFew(set, guesses, left)
	}
	return nil
}

// refusal says why no guess is made at a vault of a set that has told of the account; nil: one can be made.
func (r *recovery) refusal(set *cards.Set, s *seat) error {
	if r.card.Pending == nil && s.moved(set) {
		return errMoved
	}
	return s.usable()
}

// setOf is what package ppss needs of a set.
func setOf(s *cards.Set, key []byte) ppss.Set {
	p := ppss.Set{Threshold: s.Threshold, Salt: s.Salt, Commitment: s.Commitment}
	for _, m := range s.Vaults {
		p.Members = append(p.Members, ppss.Member{PublicKey: m.PublicKey, Account: m.Account(key), Mask: m.Mask, Bridge: m.Bridge})
	}
	return p
}

// nthHighest is how many tries there are left before fewer than n vaults have one.
func nthHighest(left []int, n int) int {
	left = slices.Clone(left)
	slices.Sort(left)
	return left[len(left)-n]
}

// silence names who did not take the guess, and why.
func silence(set *cards.Set, guesses []*guess) (out []string) {
	for i, m := range set.Vaults {
		if g := guesses[i]; g.output == nil {
			out = append(out, fmt.Sprintf("%s: %v", m.Name, g.err))
		}
	}
	return out
}

// tooFew is the error where fewer than t vaults take a guess: gone for good, not before a time, or not reached.
func tooFew(set *cards.Set, guesses []*guess, tried int) error {
	var gone, wait, suspect int
	var until []time.Time
	for _, g := range guesses {
		var told *vaults.Error
		switch {
		case errors.As(g.err, &told) && errors.Is(told, vaults.ErrWait):
			wait++
			until = append(until, told.Until)
		case errors.Is(g.err, vaults.ErrPasswordGone) || errors.Is(g.err, ErrNoAccount):
			gone++
		case errors.Is(g.err, vaults.ErrSuspect):
			suspect++
		}
	}
	names := fmt.Errorf("%d of %d vaults are needed, and %d answered: %s", set.Threshold, len(set.Vaults), tried,
		strings.Join(silence(set, guesses), "; "))
	kind, at := vaults.ErrUnreachable, time.Time{}
	switch n := len(set.Vaults); {
	case n-gone < set.Threshold:
		kind = vaults.ErrPasswordGone
	case tried+wait >= set.Threshold:
		kind = vaults.ErrWait
		slices.SortFunc(until, time.Time.Compare)
		at = until[set.Threshold-tried-1]
	case n-suspect < set.Threshold:
		kind = vaults.ErrSuspect
	}
	return &vaults.Error{Kind: kind, GuessesLeft: -1, Until: at, Cause: names}
}
