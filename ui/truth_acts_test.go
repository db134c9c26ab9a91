package ui

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/ui/uitest"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// do does a step; false: it makes no sense now.
func (l *life) do(s step) bool {
	l.when = s.String()
	if !l.d.ui.w.Shows(l.d.ui.home.Screen) {
		l.d.nav("Backup")
	}
	writable := !l.away && !l.v.full
	switch s.act {
	case actBackUp:
		if l.change {
			return l.goOn()
		}
		l.backUp()
	case actStop, actHold, actKill:
		if l.change || !writable || l.expected() == core.OutcomeFailed {
			return false
		}
		l.during(func() { l.disturb(s.act) })
	case actEncrypt, actCut:
		if l.change || !writable {
			return false
		}
		l.encrypt(s)
	case actGiveUp:
		if !l.change || !writable {
			return false
		}
		l.giveUp()
	case actPassword:
		if l.vaults == nil || l.change || l.key == nil || l.password || !writable {
			return false
		}
		l.addPassword()
	case actGuess:
		if !l.password || l.change || l.away || l.wrong == 10 { // what the place says of its vault comes first
			return false
		}
		l.guess(s.n%3 == 0)
	case actFresh:
		if l.change || l.v.full {
			return false
		}
		l.freshPlace()
	case actDrill, actCheck:
		if l.change || len(l.kept) == 0 || l.away {
			return false
		}
		l.readBack(s.act)
	case actDamage:
		if l.change || len(l.kept) == 0 || l.away || len(l.kept[len(l.kept)-1].files) == 0 {
			return false
		}
		l.damage()
	case actDelete:
		if l.change || len(l.kept) == 0 || !writable {
			return false
		}
		l.deleteNewest()
	case actRestore:
		if l.change || len(l.kept) == 0 || l.away || l.everHurt || len(l.kept[len(l.kept)-1].files) == 0 {
			return false
		}
		l.restore(s.n)
	default:
		return l.befall(s)
	}
	return true
}

// befall does what happens beside Holdfast.
func (l *life) befall(s step) bool {
	f := l.folders[s.n%len(l.folders)]
	switch s.act {
	case actAddFolder:
		if l.expected() == core.OutcomeFailed && !l.away && !l.v.full || slices.ContainsFunc(l.folders, func(f *folder) bool { return f.gone }) {
			return false // the window asks to mend these first
		}
		l.addFolder()
		l.d.row("What").Tapped(nil)
		l.d.write(0, l.folders[len(l.folders)-1].path)
		l.d.press("Add")
		l.d.Until("the folder", func() bool {
			last := filepath.Base(l.folders[len(l.folders)-1].path)
			return len(uitest.Find(l.d.Desk, func(r *widgets.SettingRow) bool { return r.Title() == last })) > 0
		})
		l.d.press("Save")
		l.d.Until("the folders", func() bool { return len(l.d.core.Status().Sources) == len(l.folders) && l.d.atScreen() })
	case actChange:
		if f.gone || f.empty {
			return false
		}
		l.write(f)
	case actEmpty:
		if f.gone {
			return false
		}
		f.empty = !f.empty
		for name, text := range f.files {
			if path := filepath.Join(f.path, name); f.empty {
				l.must(os.Remove(path))
			} else {
				l.must(os.WriteFile(path, []byte(text), 0o644))
			}
		}
	case actVanish:
		f.gone = !f.gone
		from, to := f.path, f.path+" elsewhere"
		if !f.gone {
			from, to = to, from
		}
		l.must(os.Rename(from, to))
	case actGone:
		l.away = !l.away
		from, to := l.place, l.place+" unplugged"
		if !l.away {
			from, to = to, from
		}
		l.must(os.Rename(from, to))
	case actFull:
		l.v.full = !l.v.full
	case actPause:
		item, until := "Pause until tomorrow", tomorrow(l.d.now())
		if l.paused() {
			item, until = "Go on backing up", time.Time{}
		}
		l.pause = until
		l.d.panel.item(item).Action()
		l.d.Until("the pause", func() bool { return l.d.core.Status().Schedule.PausedUntil.After(l.d.now()) == l.paused() })
	case actDays:
		l.days += time.Duration(s.n+1) * 24 * time.Hour
		l.d.clock = l.days
	case actRestart:
		l.d.leave()
		l.sit()
	}
	return true
}

// disturb does something to a backup of which a write is held.
func (l *life) disturb(a act) {
	switch a {
	case actStop:
		l.d.press("Cancel")
		l.ended(core.RunBackup, core.OutcomeCancelled)
		l.v.open(false)
		l.last = core.OutcomeCancelled
	case actKill:
		l.kill()
	case actHold:
		l.says("while it runs", "Backing up", widgets.TonePrimary)
		l.d.press("Pause")
		l.says("paused", "The backup is paused", widgets.ToneAttention)
		l.d.press("Resume")
		l.says("resumed", "Backing up", widgets.TonePrimary)
		l.v.open(false)
		l.afterBackup(l.ended(core.RunBackup, l.expected()))
	}
}

// encrypt turns encryption on or off, and may be cut off in it.
func (l *life) encrypt(s step) {
	on, want := l.key == nil, l.expected()
	kind := core.RunTurnOff
	if s.act == actCut {
		l.v.hold(2 * s.n)
	}
	l.d.toggle().Tapped(nil)
	var key *backupkey.Key
	if on {
		kind = core.RunTurnOn
		l.d.press("Continue")
		if l.vaults != nil {
			l.d.Sees("How do you want to keep your key?")
			l.d.press("Continue")
		}
		k, err := backupkey.Parse([]byte(strings.Join(l.d.confirmKey(), "")))
		l.must(err)
		key = k
		l.d.press("Encrypt the backup")
	} else {
		l.d.press("Turn encryption off")
	}
	if len(l.kept) == 0 {
		want = core.OutcomeDone // there is nothing to store anew
	}
	if l.everHurt {
		want = "" // what is lost may be in the way
	}
	if s.act == actCut {
		l.d.Until("a write", func() bool { return l.v.holds() || l.d.ui.w.Job == nil })
		if l.d.ui.w.Job != nil {
			want = core.OutcomeCancelled
			l.d.press("Cancel")
			l.d.Until("the end", func() bool { return l.d.ui.w.Job == nil })
		}
		l.v.open(false)
	}
	if want == core.OutcomePartly {
		want = core.OutcomeFailed // nothing is deleted for what has gaps
	}
	l.afterChange(kind, want, key)
}

// afterChange notes how a change of encryption ended, and leaves its page.
func (l *life) afterChange(kind core.RunKind, want core.Outcome, key *backupkey.Key) {
	r := l.ended(kind, want)
	l.change = r.Outcome != core.OutcomeDone
	if l.change {
		if l.pending = key; r.Snapshot != "" {
			l.cut = l.holding(r.Snapshot, false)
		}
		l.d.press("Later")
		return
	}
	l.pending, l.key, l.password = nil, key, false
	l.d.press("Done")
	l.drill, l.check, l.proven, l.everHurt = "", "", false, false
	l.kept = nil
	if r.Snapshot == "" {
		return // nothing was backed up before
	}
	if l.last = r.Outcome; r.Snapshot == l.cut.id {
		l.add(l.cut)
		return
	}
	l.keep(r.Snapshot, false)
}

func (l *life) addPassword() {
	l.d.row("Add a password").Tapped(nil)
	l.d.typeNew(goodPassword, "Set the password")
	l.ended(core.RunPassword, core.OutcomeDone)
	l.d.Sees("Your password is set")
	l.d.press("Done")
	l.password, l.asked, l.wrong = true, false, 0
}

// guess checks the password.
func (l *life) guess(right bool) {
	l.d.row("Password").Tapped(nil)
	l.d.row("Check that you still know it").Tapped(nil)
	l.d.Until("the vault's answer", func() bool { return strings.Contains(l.d.meter().Words(), "left") })
	l.asked = true
	word, outcome := "not this one, surely", core.OutcomeFailed
	if right {
		word, outcome = goodPassword, core.OutcomeDone
	}
	l.d.write(0, word)
	l.d.press("Check it")
	if l.wrong == 9 {
		l.d.press("Use the last guess")
	}
	l.ended(core.RunPassword, outcome)
	if right {
		l.wrong = 0
		l.d.Until("the end of the page", func() bool {
			l.closeQuestions() // the page says that it was right
			return l.d.atScreen()
		})
		return
	}
	l.wrong++
	if l.wrong < 10 {
		l.d.Sees(guessesLeft(10 - l.wrong))
	} else {
		l.d.Sees("That was the last guess.")
	}
	l.d.press("Back")
}

// goOn goes on with a change that was cut off.
func (l *life) goOn() bool {
	if l.away || l.v.full || l.givingUp {
		return false
	}
	kind := core.RunTurnOff
	if l.key == nil {
		kind = core.RunTurnOn
	}
	l.d.press("Go on")
	l.d.Until("the end", func() bool { return l.d.ui.w.Job == nil })
	l.afterChange(kind, "", l.pending)
	return true
}

func (l *life) giveUp() {
	l.d.row("Leave it as it was").Tapped(nil)
	l.d.press("Leave it as it was")
	r := l.ended(core.RunGiveUp, "")
	l.change, l.givingUp = r.Outcome != core.OutcomeDone, r.Outcome != core.OutcomeDone
	if l.change {
		l.d.press("Later")
		return
	}
	l.pending = nil
	l.d.press("Done")
}

// freshPlace begins a new backup at another place.
func (l *life) freshPlace() {
	l.made++
	place := filepath.Join(l.root, "disk", fmt.Sprintf("Holdfast %d", l.made))
	l.d.row("Where").Tapped(nil)
	l.d.write(0, place)
	l.d.press("Use this place")
	l.d.Sees("Begin a fresh backup there?")
	l.d.press("Begin there")
	l.d.Until("the new place", func() bool { return l.d.core.Status().Destination == place && l.d.atScreen() })
	l.ended(core.RunSetup, core.OutcomeDone)
	l.place, l.away, l.kept = place, false, nil
	l.last, l.drill, l.check, l.proven, l.damaged, l.everHurt = "", "", "", false, false, false
}

// readBack tries a restore, or checks everything.
func (l *life) readBack(a act) {
	kind, row, want := core.RunDrill, "Prove that", core.OutcomeDone
	if l.proven && l.drill == core.OutcomeDone {
		row = "Proven"
	}
	if a == actCheck {
		kind, row = core.RunVerify, "Check the backup"
	}
	if l.everHurt {
		want = ""
	}
	l.d.row(row).Tapped(nil)
	r := l.ended(kind, want)
	if l.damaged && r.Outcome == core.OutcomeDone {
		l.lied("%s found nothing, and everything is lost", kind)
	}
	if kind == core.RunVerify {
		l.check = r.Outcome
		return
	}
	l.drill = r.Outcome
	if r.Outcome == core.OutcomeDone {
		l.proven, l.drilled = true, len(l.kept[len(l.kept)-1].files)
	}
}

func (l *life) damage() {
	packs, err := filepath.Glob(filepath.Join(l.place, "packs", "*", "*"))
	l.must(err)
	for _, p := range packs {
		l.must(os.Remove(p))
	}
	l.damaged, l.everHurt = true, true
}
