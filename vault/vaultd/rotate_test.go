//go:build unix

package main

import (
	"flag"
	"math/rand/v2"
	"sync"
	"testing"
)

var rotations = flag.Int("vault.rotations", 8,
	"how many pairs of rotations TestPairsOfRotations runs, and how many TestKilledRotations kills")

// Two operators rotate at the same moment: both succeed, and the vault starts again.
func TestPairsOfRotations(t *testing.T) {
	d := served(t, "--guess-delays", "0", "--rate-address", "0")
	p := newPerson(t, d)
	must(t, p.register("right"))
	for i := range *rotations {
		var group sync.WaitGroup
		for range 2 {
			group.Go(func() {
				if stdout, stderr, code := d.Run("rotate"); code != 0 {
					t.Errorf("pair %d: exit code %d\n%s%s", i, code, stdout, stderr)
				}
			})
		}
		group.Wait()
		if i%4 == 3 || i == *rotations-1 {
			d.Kill()
			startIt(t, d)
		}
		if _, err := p.guess("right"); err != nil {
			t.Fatalf("after pair %d: %v", i, err)
		}
		if t.Failed() {
			return
		}
	}
	if r := askStatus(t, d); r.StorageKey != 1+2**rotations {
		t.Errorf("%+v", r)
	}
}

// A rotation is killed at a random moment: the vault starts each time, every account opens, and the next rotation works.
func TestKilledRotations(t *testing.T) {
	d := served(t, "--guess-delays", "0", "--rate-address", "0", "--rate-account", "0", "--rate-registration", "0")
	var persons []*person
	for range 4 {
		p := newPerson(t, d)
		must(t, p.register("right"))
		persons = append(persons, p)
	}
	for i := range *rotations {
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _, _ = d.Run("rotate") // it is killed
		}()
		for range rand.IntN(40) { // a random while, in requests
			_, _ = persons[0].account()
		}
		d.Kill()
		<-done
		startIt(t, d)
		for _, p := range persons {
			if _, err := p.guess("right"); err != nil {
				t.Fatalf("after kill %d: %v", i, err)
			}
		}
		if i%4 == 3 {
			d.Must("rotate")
		}
	}
}
