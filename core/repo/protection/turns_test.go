package protection_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/internal/repotest"
	"github.com/holdfast-backup/holdfast/core/repo/protection"
	"github.com/holdfast-backup/holdfast/core/store"
)

// Two computers that change key or protection at once, in every order of their calls that
// needs up to two switches back and forth between them, and where one of them dies on the way: the header names a
// keyring that is there and that one of the keys opens, and the backup restores.
func TestTwoChangesAtOnce(t *testing.T) {
	ctx := context.Background()
	old, a, b, between := repotest.Key(t), repotest.Key(t), repotest.Key(t), repotest.Key(t)
	changeTo := func(k *backupkey.Key) func(*repo.Repository) error {
		return func(r *repo.Repository) error { return protection.ChangeKey(ctx, r, k, nil) }
	}
	turnOn := func(k *backupkey.Key) func(*repo.Repository) error {
		return func(r *repo.Repository) error { _, err := beginChange(ctx, r, k); return err }
	}
	card := func(r *repo.Repository) error {
		return protection.SetVaultCard(ctx, r, []byte(`{"vault":"https://vault.example"}`))
	}
	prepareChange := func(from, to *backupkey.Key) func(t *testing.T, m *store.Memory) {
		return func(t *testing.T, m *store.Memory) {
			moving, err := beginChange(ctx, repotest.Open(t, m, from), to)
			if err != nil {
				t.Fatal(err)
			}
			repotest.WriteSnapshot(t, moving, repotest.SomeFiles, nil)
		}
	}
	// finish commits and deletes what was before.
	finish := func(to, gone *backupkey.Key) func(*repo.Repository) error {
		return func(r *repo.Repository) error {
			if !r.Facts().Changing {
				return errors.New("it was given up")
			}
			moving, err := beginChange(ctx, r, to)
			if err != nil {
				return err
			}
			if err := protection.Commit(ctx, moving); err != nil {
				return err
			}
			next, err := repo.Open(ctx, r.Engine().Store, repo.By(to))
			if err != nil {
				return err
			}
			return protection.DropOldEpochs(ctx, next, gone, nil)
		}
	}
	giveUp := func(to *backupkey.Key) func(*repo.Repository) error {
		return func(r *repo.Repository) error {
			if !r.Facts().Changing {
				return errors.New("it was made")
			}
			return protection.GiveUp(ctx, r, to, nil)
		}
	}
	for _, c := range []struct {
		name    string
		begin   *backupkey.Key
		prepare func(t *testing.T, m *store.Memory)
		changes [2]func(*repo.Repository) error
		keys    [2]*backupkey.Key // that the changes put in force
		longest int               // 0: 11
	}{
		{"two keys", old, nil, [2]func(*repo.Repository) error{changeTo(a), changeTo(b)}, [2]*backupkey.Key{a, b}, 0},
		{"a key twice and a key", old, nil, [2]func(*repo.Repository) error{changeTo(a), func(r *repo.Repository) error {
			if err := protection.ChangeKey(ctx, r, between, nil); err != nil {
				return err
			}
			return protection.ChangeKey(ctx, r, b, nil)
		}}, [2]*backupkey.Key{a, b}, 0},
		{"a key and a card", old, nil, [2]func(*repo.Repository) error{changeTo(a), card}, [2]*backupkey.Key{a, old}, 0},
		{"a key and no encryption", old, nil, [2]func(*repo.Repository) error{changeTo(a), turnOn(nil)}, [2]*backupkey.Key{a, old}, 0},
		{"encryption twice", nil, nil, [2]func(*repo.Repository) error{turnOn(a), turnOn(b)}, [2]*backupkey.Key{}, 0},
		{"a key while old epochs go", nil, func(t *testing.T, m *store.Memory) {
			moving, err := protection.BeginTurnOn(ctx, repotest.Open(t, m, nil), old, nil)
			if err != nil {
				t.Fatal(err)
			}
			repotest.WriteSnapshot(t, moving, repotest.SomeFiles, nil)
			if err := protection.Commit(ctx, moving); err != nil {
				t.Fatal(err)
			}
		}, [2]func(*repo.Repository) error{func(r *repo.Repository) error { return protection.DropOldEpochs(ctx, r, nil, nil) }, changeTo(a)},
			[2]*backupkey.Key{old, a}, 0},
		{"on is finished and given up", nil, prepareChange(nil, old), [2]func(*repo.Repository) error{finish(old, nil), giveUp(old)},
			[2]*backupkey.Key{old, nil}, 8},
		{"on is given up and finished", nil, prepareChange(nil, old), [2]func(*repo.Repository) error{giveUp(old), finish(old, nil)},
			[2]*backupkey.Key{nil, old}, 8},
		{"off is finished and given up", old, prepareChange(old, nil), [2]func(*repo.Repository) error{finish(nil, old), giveUp(nil)},
			[2]*backupkey.Key{nil, old}, 8},
		{"off is given up and finished", old, prepareChange(old, nil), [2]func(*repo.Repository) error{giveUp(nil), finish(nil, old)},
			[2]*backupkey.Key{old, nil}, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, base := repotest.New(t, c.begin)
			repotest.WriteSnapshot(t, repotest.Open(t, base, c.begin), repotest.SomeFiles, nil)
			open := c.begin
			if c.prepare != nil {
				c.prepare(t, base)
				if c.longest == 0 {
					open = old
				}
			}
			both, all := 0, orders(cmp.Or(c.longest, 11))
			if c.longest > 0 { // many calls: also late switches
				for x := range 60 {
					for first := range 2 {
						for dead := -1; dead < 2; dead++ {
							for _, y := range []int{0, 7, 12} {
								all = append(all, order{first, [3]int{c.longest + x, y, 0}, dead})
							}
						}
					}
				}
			}
			for i, order := range all {
				if testing.Short() && i%5 > 0 {
					continue // the full run has them
				}
				m := store.NewMemory()
				repotest.Copy(t, base, m)
				var did [2]func(store.Store) error
				for i, change := range c.changes {
					did[i] = func(s store.Store) error {
						r, err := repo.Open(ctx, s, repo.By(open))
						if err != nil {
							return err
						}
						return change(r)
					}
				}
				var errs [2]error
				synctest.Test(t, func(t *testing.T) { errs = order.run(t, m, did) }) // pauses before another try take no time
				var keys []*backupkey.Key
				nothingNew := false
				for i, err := range errs {
					switch {
					case errors.Is(err, repo.ErrNothingNew): // backs up anew; until then what was before must be there
						keys, nothingNew = append(keys, c.keys[i]), true
					case err == nil: // somebody was told that this key opens it
						keys = append(keys, c.keys[i])
					}
				}
				switch len(keys) {
				case 0:
					keys = append(c.keys[:], open, between)
				default:
					if errs == [2]error{} {
						both++
					}
				}
				err := opensAndRestores(t, m, keys)
				if err != nil && (nothingNew || len(keys) > 1 && errs[0] != nil && errs[1] != nil) {
					r := repotest.Open(t, base, open)
					r.Engine().Store = m
					err = restores(ctx, r)
				}
				if err != nil {
					t.Fatalf("%v: %v; the changes ended with %v", order, err, errs)
				}
			}
			t.Logf("both said that they changed it in %d of %d orders", both, len(all))
		})
	}
}

func opensAndRestores(t *testing.T, m *store.Memory, keys []*backupkey.Key) error {
	t.Helper()
	ctx := context.Background()
	var errs []error
	for _, k := range keys {
		r, err := repo.Open(ctx, m, repo.By(k))
		if err == nil {
			err = restores(ctx, r)
		}
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// restores reads a file of every snapshot.
func restores(ctx context.Context, r *repo.Repository) error {
	if _, err := r.LoadIndex(ctx); err != nil {
		return err
	}
	list, damaged, err := r.Snapshots(ctx)
	if err != nil || len(list) == 0 || len(damaged) > 0 {
		return fmt.Errorf("%d snapshots, %d damaged, %w", len(list), len(damaged), err)
	}
	for _, s := range list {
		if _, err := repotest.ReadFile(r, s, "b.bin"); err != nil {
			return err
		}
	}
	return nil
}

// order is an interleaving: first makes runs[0] calls, the other runs[1], and
// so on; then the one that is not dead makes the rest of its calls, then the other.
type order struct {
	first int
	runs  [3]int
	dead  int // 0 or 1; -1: neither
}

func orders(longest int) (all []order) {
	for first := range 2 {
		for x := 1; x <= longest; x++ {
			for y := 0; y <= longest; y++ {
				for z := 0; z <= longest; z += 3 {
					if y == 0 && z > 0 {
						continue
					}
					for dead := -1; dead < 2; dead++ {
						all = append(all, order{first, [3]int{x, y, z}, dead})
					}
				}
			}
		}
	}
	return all
}

var errDead = errors.New("this computer is dead")

// run lets both make their calls to m in this order and returns how they ended.
func (o order) run(t *testing.T, m *store.Memory, changes [2]func(store.Store) error) (errs [2]error) {
	t.Helper()
	var actors [2]*turns
	for i := range actors {
		actors[i] = &turns{Store: m, ask: make(chan struct{}), next: make(chan bool)}
		go func() {
			defer close(actors[i].ask)
			errs[i] = changes[i](actors[i])
		}()
	}
	var waits [2]bool // it has a call to make
	for i := range actors {
		_, waits[i] = <-actors[i].ask
	}
	// step lets an actor make one call, to its end, and reports whether it had one to make.
	step := func(i int, alive bool) bool {
		if !waits[i] {
			return false
		}
		actors[i].next <- alive
		_, waits[i] = <-actors[i].ask
		return true
	}
	for n, run := range o.runs {
		for range run {
			if !step((o.first+n)%2, true) {
				break
			}
		}
	}
	last := []int{0, 1}
	if o.dead == 0 {
		last = []int{1, 0}
	}
	for _, i := range last {
		for step(i, i != o.dead) { //nolint:revive // all there is to do
		}
	}
	return errs
}

// turns is a store whose calls wait for their turn.
type turns struct {
	store.Store
	ask  chan struct{}
	next chan bool
}

func (s *turns) wait() error {
	s.ask <- struct{}{}
	if !<-s.next {
		return errDead
	}
	return nil
}

func (s *turns) Put(ctx context.Context, name string, b []byte) error {
	if err := s.wait(); err != nil {
		return err
	}
	return s.Store.Put(ctx, name, b)
}

func (s *turns) Replace(ctx context.Context, name string, b []byte) error {
	if err := s.wait(); err != nil {
		return err
	}
	return s.Store.Replace(ctx, name, b)
}

func (s *turns) Delete(ctx context.Context, name string) error {
	if err := s.wait(); err != nil {
		return err
	}
	return s.Store.Delete(ctx, name)
}

func (s *turns) ReadAt(ctx context.Context, name string, p []byte, at int64) error {
	if err := s.wait(); err != nil {
		return err
	}
	return s.Store.ReadAt(ctx, name, p, at)
}

func (s *turns) Stat(ctx context.Context, name string) (store.Object, error) {
	if err := s.wait(); err != nil {
		return store.Object{}, err
	}
	return s.Store.Stat(ctx, name)
}

func (s *turns) List(ctx context.Context, prefix string, fn func(store.Object) error) error {
	if err := s.wait(); err != nil {
		return err
	}
	return s.Store.List(ctx, prefix, fn)
}

// beginChange begins turning encryption on with a key, or off with nil.
func beginChange(ctx context.Context, r *repo.Repository, key *backupkey.Key) (*repo.Repository, error) {
	if key == nil {
		return protection.BeginTurnOff(ctx, r)
	}
	return protection.BeginTurnOn(ctx, r, key, nil)
}
