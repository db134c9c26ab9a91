//go:build unix

package main

import (
	"errors"
	"flag"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/holdfast-backup/holdfast/vault"
	"github.com/holdfast-backup/holdfast/vault/api"
	"github.com/holdfast-backup/holdfast/vault/vaultd/vaultdtest"
)

var kills = flag.Int("vault.kills", 200, "how often TestKills kills vaultd")

// worker is a person who guesses, and knows within which bounds the vault must be.
type worker struct {
	*person
	low, high int // guesses left
	of        int // one guess of so many is right: of few, the account comes to vault.WrongCap; of many, to ten wrong ones in a row
	notRight  int // starts since the password was set that are not known to be right: each may count to vault.WrongCap
}

// leaves is how many guesses a right one gives back when so many were wrong since the password was set.
func leaves(wrong int) int { return max(0, min(vault.Guesses, vault.WrongCap-wrong)) }

// work does one thing, and tells what is wrong with the vault, if anything.
func (w *worker) work(t *testing.T) {
	a, err := w.account()
	if err != nil {
		return // vaultd is dead
	}
	if a.GuessesLeft < w.low || a.GuessesLeft > w.high {
		t.Errorf("%d guesses left, and it must be %d to %d", a.GuessesLeft, w.low, w.high)
	}
	if a.State == api.StateDestroyed {
		if w.low > 0 {
			t.Errorf("destroyed with %d guesses left", w.low)
		}
		if err := w.register("right"); err == nil {
			w.low, w.high, w.notRight = vault.Guesses, vault.Guesses, 0
		} else {
			w.high = vault.Guesses // perhaps
		}
		return
	}
	w.low, w.high = a.GuessesLeft, a.GuessesLeft
	password := "right"
	if rand.IntN(w.of) > 0 {
		password = "wrong"
	}
	s, err := w.guess(password)
	if s.sentKE1 && !s.done {
		w.notRight++
	}
	var code *codeError
	switch {
	case s.gotKE2: // so it was counted
		w.low, w.high = w.low-1, w.high-1
		if w.high < 0 {
			t.Error("an eleventh guess was evaluated")
		}
	case s.sentKE1 && !errors.As(err, &code):
		w.low = max(0, w.low-1) // perhaps
	}
	if s.sentRight {
		w.high = leaves(a.WrongGuesses)
	}
	if s.done {
		w.low = leaves(w.notRight)
	}
}

// Vaultd is killed at random moments under load and started again. It always
// starts, no guess comes back, and no account is lost with guesses left.
func TestKills(t *testing.T) {
	d := vaultdtest.New(t, "--guess-delays", "0", "--rate-address", "0", "--rate-account", "0")
	if !d.Start() {
		t.Fatalf("%s", d.Output())
	}
	const workers = 4
	var running sync.RWMutex // held for writing while vaultd is started
	progress, stop := make(chan struct{}, 1), make(chan struct{})
	var group sync.WaitGroup
	var all []*worker
	for i := range workers {
		w := &worker{person: newPerson(t, d), low: vault.Guesses, high: vault.Guesses, of: 2 + i}
		must(t, w.register("right"))
		all = append(all, w)
	}
	for _, w := range all {
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				running.RLock()
				w.work(t)
				running.RUnlock()
				select {
				case progress <- struct{}{}:
				default:
				}
			}
		})
	}
	for i := range *kills {
		for range rand.IntN(12) {
			<-progress
		}
		d.Kill()
		running.Lock()
		started := d.Start()
		running.Unlock()
		if !started {
			t.Fatalf("after kill %d vaultd does not start:\n%s", i, d.Output())
		}
		if t.Failed() {
			break
		}
	}
	close(stop)
	group.Wait()
	for _, w := range all {
		w.work(t)
	}
	if code := d.Stop(); code != 0 {
		t.Errorf("stopped with %d", code)
	}
}
