package ui

import (
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/holdfast-backup/holdfast/core"
)

// The window is driven through histories that are drawn at random, and what it says is held against what is so: against what was
// done, which the life below remembers, and against what the destination holds, read without the profile.
//
//	go test ./ui -run TestNoStateLies                            as many histories as CI has time for
//	go test ./ui -run TestNoStateLies -truth.histories 1000      more

var lives = flag.Int("truth.histories", 20, "how many histories TestNoStateLies lives through")

// mostLives is how many histories may be needed to find a lie that was put in.
const mostLives = 60

// act is one thing that a history can hold.
type act int

const (
	actBackUp    act = iota
	actStop          // a backup that is stopped in the middle
	actHold          // a backup that is paused in the middle, and goes on
	actKill          // a backup, and the process is killed in the middle
	actAddFolder     // one more folder is to be backed up
	actChange        // files come, change and go
	actEmpty         // a folder loses its files, or has them again
	actVanish        // a folder goes, or comes back
	actGone          // the place goes, or comes back
	actFull          // the place is full, or has room again
	actFresh         // a fresh backup begins elsewhere
	actEncrypt       // encryption is turned on or off
	actCut           // that, and it is stopped in the middle
	actGiveUp        // a change that was cut off is taken back
	actDrill         // a restore is tried
	actCheck         // everything is read back
	actDamage        // a part of what is stored is lost
	actDelete        // the newest date is deleted
	actRestore       // everything is restored over what is partly there
	actPause         // the schedule is paused, or goes on
	actDays          // days pass
	actRestart       // Holdfast ends, and begins again
	actPassword      // a password is added
	actGuess         // it is checked, wrongly or rightly
	acts
)

func (a act) String() string {
	return [...]string{"back up", "stop", "hold", "kill", "add a folder", "change files", "empty", "vanish", "place gone", "place full",
		"fresh place",
		"encrypt", "cut a change", "give up", "drill", "check", "damage", "delete a date", "restore", "pause", "days", "restart",
		"password", "guess"}[a]
}

// step is an act; n chooses what it is done to.
type step struct {
	act act
	n   int
}

func (s step) String() string { return fmt.Sprintf("%v %d", s.act, s.n) }

// often are the acts that histories need more of to come to anything.
var often = []act{actBackUp, actBackUp, actBackUp, actKill, actChange, actEncrypt, actRestore, actGuess}

var histories = rapid.Custom(func(t *rapid.T) []step {
	all := slices.Clone(often)
	for a := range acts {
		all = append(all, a)
	}
	one := rapid.Custom(func(t *rapid.T) step {
		return step{rapid.SampledFrom(all).Draw(t, "act"), rapid.IntRange(0, 8).Draw(t, "n")}
	})
	var begin []step
	if rapid.IntRange(0, 3).Draw(t, "password") == 0 {
		begin = []step{{actEncrypt, 0}, {actPassword, 0}}
	}
	return append(begin, rapid.SliceOfN(one, 2, 12).Draw(t, "history")...)
})

func TestNoStateLies(t *testing.T) {
	checks := flag.Lookup("rapid.checks")
	before := checks.Value.String()
	defer func() { _ = checks.Value.Set(before) }() // it was set to that
	if err := checks.Value.Set(strconv.Itoa(*lives)); err != nil {
		t.Fatal(err)
	}
	vaults := vaultsForLives(t)
	rapid.Check(t, func(rt *rapid.T) {
		history := histories.Draw(rt, "history")
		if lies := live(t, history, vaults, nil); len(lies) > 0 {
			rt.Fatalf("%v:\n%s", history, strings.Join(lies, "\n"))
		}
	})
}

// Histories in which the window once lied.
func TestNoStateLiesAgain(t *testing.T) {
	vaults := vaultsForLives(t)
	for _, history := range [][]step{
		// the last complete one has gaps
		{{actBackUp, 0}, {actVanish, 0}, {actAddFolder, 0}, {actBackUp, 0}, {actStop, 0}},
		// all is there, and differs
		{{actBackUp, 0}, {actRestore, 0}},
		// room at a place that is away
		{{actBackUp, 0}, {actGone, 0}},
		// trouble of another place
		{{actGone, 0}, {actBackUp, 0}, {actFresh, 0}},
		// a change that was taken back
		{{actBackUp, 0}, {actCut, 8}, {actGiveUp, 0}},
		// gaps, and overdue
		{{actAddFolder, 0}, {actBackUp, 0}, {actEmpty, 0}, {actBackUp, 0}, {actDays, 5}},
		// a change that was cut off at its end
		{{actBackUp, 0}, {actCut, 4}, {actChange, 0}, {actBackUp, 0}},
		// damage is not forgotten
		{{actBackUp, 0}, {actDamage, 0}, {actDrill, 0}, {actCheck, 0}, {actRestart, 0}},
		// nothing is left
		{{actBackUp, 0}, {actDelete, 0}, {actRestart, 0}},
		// guesses
		{{actEncrypt, 0}, {actPassword, 0}, {actGuess, 1}, {actBackUp, 0}, {actGuess, 1}, {actRestart, 0}, {actGuess, 0}, {actEncrypt, 0}},
		// interrupted, then well
		{{actBackUp, 0}, {actKill, 0}, {actPause, 0}, {actRestart, 0}, {actHold, 0}},
		// proven, then another backup
		{{actEncrypt, 0}, {actBackUp, 0}, {actDrill, 0}, {actEncrypt, 0}, {actFull, 0}, {actBackUp, 0}},
	} {
		if lies := live(t, history, vaults, nil); len(lies) > 0 {
			t.Errorf("%v:\n%s", history, strings.Join(lies, "\n"))
		}
	}
}

// liar is core with a lie in its status.
type liar struct {
	*core.App
	lie func(core.Status) core.Status
}

func (l *liar) Status() core.Status { return l.lie(l.App.Status()) }

// Lies that were told once are found when they are put in again, by the same histories.
func TestLiesThatArePutInAreFound(t *testing.T) {
	const guesses = "all guesses are left"
	for name, lie := range map[string]func(core.Status) core.Status{
		"backed up, over folders that never were": func(st core.Status) core.Status { st.NotBackedUp = nil; return st },
		"backed up, after a kill": func(st core.Status) core.Status {
			if st.LastBackup != nil && st.LastBackup.Outcome == core.OutcomeInterrupted {
				st.LastBackup = st.LastGood
			}
			return st
		},
		"proven, where what was proven is deleted": func(st core.Status) core.Status {
			if st.Proven == nil && st.LastGood != nil {
				st.LastDrill = &core.Run{Kind: core.RunDrill, Outcome: core.OutcomeDone, Ended: st.LastGood.Ended, Files: st.LastGood.Files}
				st.Proven = st.LastDrill
			}
			return st
		},
		guesses: func(st core.Status) core.Status {
			if st.Vault != nil {
				v := *st.Vault
				v.GuessesLeft, v.Wrong, v.Destroyed = 10, nil, false
				st.Vault = &v
			}
			return st
		},
		"the place is there": func(st core.Status) core.Status {
			if st.LastBackup != nil && st.LastBackup.Outcome == core.OutcomeFailed {
				st.LastBackup = st.LastGood
			}
			return st
		},
	} {
		t.Run(name, func(t *testing.T) {
			var vaults core.Vaults
			if name == guesses {
				if vaults = vaultsForLives(t); vaults == nil {
					return // a build without vaults has no guesses to lie about
				}
			}
			for seed := range mostLives {
				if lies := live(t, histories.Example(seed), vaults, lie); len(lies) > 0 {
					t.Logf("found by history %d: %s", seed, lies[0])
					return
				}
			}
			t.Errorf("%d histories do not find it", mostLives)
		})
	}
}

// live lives through a history and returns what was said and is not so. lie, if not nil, changes what the window hears of core.
func live(t *testing.T, history []step, vaults core.Vaults, lie func(core.Status) core.Status) []string {
	t.Helper()
	l := newLife(t, vaults, lie)
	defer func() {
		if t.Failed() {
			t.Logf("in %v", history)
		}
		l.d.leave()
	}()
	l.look("after the set-up")
	for i, s := range history {
		if !l.do(s) {
			continue
		}
		l.look(fmt.Sprintf("%d (%v)", i+1, s))
		if len(l.lies) > 0 {
			return l.lies
		}
	}
	return l.lies
}
