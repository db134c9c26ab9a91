package ui

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/secret"
)

// due is a backup with a password that has not been asked for in a long time.
type due struct{ *core.App }

// reachable are passwords whose vaults this build reaches.
type reachable struct{ secret.Passwords }

func (reachable) Possible() bool { return true }

func (d due) Status() core.Status {
	st := d.App.Status()
	st.Password, st.PasswordCheckDue = true, time.Now().Add(-time.Hour)
	st.Vault = &core.VaultState{Name: "Family vault", GuessesLeft: 1, GuessLimit: 10, Wrong: make([]time.Time, 9)}
	return st
}

func TestThePasswordIsAskedAboutNowAndThen(t *testing.T) {
	dir, destination, profile := treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast"), t.TempDir()
	d := sit(t, profile, nil)
	d.setUpEncrypted(dir, destination)
	d.leave()

	d = sit(t, profile, func(a *core.App) Core {
		c := with(a, due{a})
		c.Passwords = reachable{c.Passwords}
		return c
	})
	d.Sees("Do you still know your password?")
	d.Sees("9 wrong guesses since")
	d.press("Check it")
	d.Sees("A wrong one costs a guess.")
	d.press("Back")
	d.press("Later")
	if slices.ContainsFunc(d.Texts(), func(s string) bool { return strings.Contains(s, "Do you still know") }) {
		t.Error("it asks again at once")
	}
}
