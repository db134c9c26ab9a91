package ui

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/activity"
	"github.com/holdfast-backup/holdfast/ui/uitest"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

func (l *life) lied(format string, args ...any) {
	l.lies = append(l.lies, l.when+": "+fmt.Sprintf(format, args...))
}

// says holds the first line and the tray against what is so.
func (l *life) says(when, line string, tone widgets.Tone) {
	l.t.Helper()
	hero := uitest.One(l.d.Desk, "first line "+when+", "+l.when, func(*widgets.StatusHero) bool { return true })
	if hero.Line() != line || hero.Tone() != tone {
		l.lied("%s home says %q in tone %d, and it is %q in tone %d", when, hero.Line(), hero.Tone(), line, tone)
	}
	inTray := l.d.panel.menu.Items[0].Label
	if line == "Backed up" {
		line = "Backed up " + english.Ago(l.d.core.Status().LastGood.Ended, l.d.now())
	}
	if inTray != line {
		l.lied("%s the tray says %q, and it is %q", when, inTray, line)
	}
	if i := l.d.panel.item("Back up now"); i == nil || i.Disabled != (l.d.ui.w.Job != nil || l.change) {
		l.lied("%s the tray offers to back up wrongly", when)
	}
}

func (l *life) heroes() []*widgets.StatusHero {
	return uitest.Find(l.d.Desk, func(*widgets.StatusHero) bool { return true })
}

// so is what the first line must say, and how.
func (l *life) so() (string, widgets.Tone) {
	age := l.days // and the moments that the test takes
	switch {
	case l.change:
		return "Encryption is not finished", widgets.ToneAttention
	case l.last == "":
		return "Ready for the first backup", widgets.ToneNeutral
	case l.last == core.OutcomeFailed:
		return "The last backup did not work", widgets.ToneBad
	case l.drill == core.OutcomePartly:
		return "Part of the backup cannot be restored", widgets.ToneBad
	case len(l.kept) > 0 && age >= l.overdue:
		tone := widgets.ToneAttention
		if age >= 2*l.overdue {
			tone = widgets.ToneBad
		}
		return "Overdue: " + english.Duration(age), tone
	case l.last == core.OutcomeCancelled:
		return "Backup stopped", widgets.ToneAttention
	case l.last == core.OutcomeInterrupted:
		return "The last backup was interrupted", widgets.ToneAttention
	case len(l.kept) == 0:
		return "Ready for the first backup", widgets.ToneNeutral
	case l.missing():
		return "Not all of it is backed up yet", widgets.ToneAttention
	case l.newest().gaps:
		return "Backed up, with gaps", widgets.ToneAttention
	}
	return "Backed up", widgets.ToneGood
}

func (l *life) newest() kept { return l.kept[len(l.kept)-1] }

// missing reports whether a folder is in no backup, and no backup tried.
func (l *life) missing() bool {
	return slices.ContainsFunc(l.folders, func(f *folder) bool {
		return !slices.Contains(l.newest().sources, f.path) && !slices.Contains(l.newest().tried, f.path)
	})
}

// look holds all that is said against what is so.
func (l *life) look(when string) {
	l.t.Helper()
	l.when = when
	l.lookAtPlace()
	l.d.nav("Backup")
	l.d.ui.w.Tray.Update()
	line, tone := l.so()
	l.says("then", line, tone)
	if held := l.d.panel.item("Go on backing up") != nil; held != l.paused() {
		l.lied("the tray says that backups are paused: %v", held)
	}
	l.lookAtHome()
	l.lookAtActivity()
	if !l.change {
		l.lookAtDates()
	}
	l.d.nav("Backup")
}

// lookAtPlace holds what is remembered here against what the place holds.
func (l *life) lookAtPlace() {
	if l.away || l.change {
		return
	}
	found, err := (core.Elsewhere{}).Inspect(l.t.Context(), l.place)
	l.must(err)
	if encrypted := found.Protection == core.ProtectionKey; encrypted != (l.key != nil) {
		l.t.Fatalf("%s: the place is encrypted: %v", l.when, encrypted)
	}
	r, all := l.snapshots()
	defer r.Close() //nolint:errcheck // only read from
	if len(all) != len(l.kept) {
		l.t.Fatalf("%s: there are %d backups, and %d were made", l.when, len(all), len(l.kept))
	}
	for i, s := range all {
		k := &l.kept[i]
		if s.Files != int64(len(k.files)) || s.Bytes != k.bytes() {
			l.lied("backup %d says %d files with %d bytes, and there were %d with %d", i, s.Files, s.Bytes, len(k.files), k.bytes())
		}
		if k.id != "" && k.id != s.ID {
			l.t.Fatalf("%s: backup %d is another one", l.when, i)
		}
		k.sources = s.Sources
	}
	if len(all) > 0 && !l.everHurt {
		l.lookAtFiles(r, all[len(all)-1])
	}
}

// lookAtFiles lists the newest backup.
func (l *life) lookAtFiles(r *core.Reader, s core.Snapshot) {
	listed := map[string]int64{}
	var down func(at string)
	down = func(at string) {
		entries, err := r.List(l.t.Context(), s.ID, at)
		l.must(err)
		for _, e := range entries {
			if e.Kind == core.EntryFolder {
				down(e.Path)
			} else {
				listed[e.Path] = e.Size
			}
		}
	}
	down("")
	for name, text := range l.newest().files {
		if listed[name] != int64(len(text)) {
			l.lied("the backup holds %d bytes of %s, which had %d", listed[name], name, len(text))
		}
	}
	if len(listed) != len(l.newest().files) {
		l.lied("the backup holds %d files, there were %d", len(listed), len(l.newest().files))
	}
}

func (l *life) lookAtHome() {
	texts := strings.Join(l.d.Texts(), "\n")
	says := func(text string, want bool) {
		if strings.Contains(texts, text) != want {
			l.lied("home says %q: %v\n%s", text, !want, texts)
		}
	}
	sub := l.heroes()[0].Sub()
	if len(l.kept) > 0 {
		facts := english.Files(int64(len(l.newest().files))) + " · " + english.Bytes(l.newest().bytes())
		if strings.Contains(sub, " files · ") && !strings.Contains(sub, facts) {
			l.lied("home says %q, and there are %s", sub, facts)
		}
		whole := slices.ContainsFunc(l.kept, func(k kept) bool { return !k.gaps })
		if strings.Contains(sub, "complete backup") && (!whole || l.newest().gaps) {
			l.lied("home says %q, and the newest backup has gaps", sub)
		}
		if gaps := l.newest().gaps; !gaps && strings.Contains(texts, "could not be read") {
			l.lied("home tells of gaps, and there are none:\n%s", texts)
		}
	} else {
		says("complete backup", false)
		says("Backed up", false)
	}
	says("Nothing is backed up yet", len(l.kept) == 0 && (l.last == "" || l.last == core.OutcomeDone || l.last == core.OutcomePartly) &&
		!l.change)
	says("Proven restorable", l.proven && l.drill == core.OutcomeDone && len(l.kept) > 0)
	if l.proven && l.drill == core.OutcomeDone && len(l.kept) > 0 {
		says(english.Files(int64(l.drilled))+" were read back and checked", true)
	}
	says("All is well: everything was read back", l.check == core.OutcomeDone && len(l.kept) > 0)
	says("Damage was found", l.check == core.OutcomePartly && len(l.kept) > 0)
	l.lookAtPassword()
	says("You have not shown yet that you saved it.", false) // it is asked back whenever a key is made
	says("paused until", l.paused())
	says("Off. Whoever can read the folder", l.key == nil && !l.protected())
	if on := l.d.toggle().On(); on != l.protected() {
		l.lied("the switch of the encryption is on: %v", on)
	}
	errors := uitest.Find(l.d.Desk, func(*widgets.ErrorPanel) bool { return true })
	if failed := l.last == core.OutcomeFailed && !l.change; (len(errors) > 0) != failed {
		l.lied("home shows %d errors, and the last backup failed: %v", len(errors), failed)
	}
	for _, r := range uitest.Find(l.d.Desk, func(r *widgets.SettingRow) bool { return r.Title() == "Where" }) {
		if r.Value() != l.place {
			l.lied("the place is said to be %s", r.Value())
		}
	}
	// The row may be another one once home is shown again.
	note := func() string {
		return uitest.One(l.d.Desk, "row", func(r *widgets.SettingRow) bool { return r.Title() == "Where" }).Note()
	}
	want := "not connected"
	if !l.away {
		want = "free"
	}
	l.d.Until("the place's room", func() bool { return note() != "" })
	if !strings.HasSuffix(note(), want) {
		l.lied("of the place is said %q, and it is %s", note(), want)
	}
}

// lookAtPassword holds what is said of the guesses against those that were made.
func (l *life) lookAtPassword() {
	rows := uitest.Find(l.d.Desk, func(r *widgets.SettingRow) bool { return r.Title() == "Password" })
	if l.change {
		return
	}
	if (len(rows) > 0) != l.password {
		l.lied("there is a password: %v", len(rows) > 0)
		return
	}
	if !l.password {
		return
	}
	want := guessesLeft(10-l.wrong) + " (asked today "
	switch {
	case !l.asked:
		want = "ecovery key saved"
	case l.wrong == 10:
		want = "Destroyed after ten wrong guesses"
	case l.wrong > 0 && !strings.HasPrefix(rows[0].Value(), wrongGuesses(l.wrong)):
		l.lied("of %d wrong guesses is said %q", l.wrong, rows[0].Value())
	case l.days > 0: // the vault was asked before these days
		want = guessesLeft(10-l.wrong) + " (asked "
	}
	if !strings.Contains(rows[0].Value(), want) {
		l.lied("of the password is said %q; it should be %q", rows[0].Value(), want)
	}
}

// protected reports whether the profile goes on in an encrypted backup.
func (l *life) protected() bool {
	if l.change { // the place may be ahead
		return l.d.core.Status().Protection == core.ProtectionKey
	}
	return l.key != nil
}

func (l *life) lookAtActivity() {
	l.d.nav("Activity")
	rows := uitest.Find(l.d.Desk, func(*widgets.SettingRow) bool { return true })
	for i, row := range rows {
		if i >= len(l.runs) {
			l.lied("there are %d rows in the activity, of %d runs", len(rows), len(l.runs))
			break
		}
		e := l.runs[len(l.runs)-1-i]
		if row.Title() != activity.Title(e.kind) {
			l.lied("row %d of the activity is %q, and it was %s", i, row.Title(), e.kind)
		}
		well := map[core.Outcome]string{core.OutcomeCancelled: "Stopped", core.OutcomeInterrupted: "Interrupted"}[e.outcome]
		if !strings.HasPrefix(row.Value(), well) {
			l.lied("row %d of the activity says %q, and it was %s", i, row.Value(), e.outcome)
		}
		if good := strings.Contains(row.Value(), "files · "); good && e.outcome != core.OutcomeDone && e.outcome != core.OutcomePartly {
			l.lied("row %d of the activity says %q, and it was %s", i, row.Value(), e.outcome)
		}
		if gaps := strings.Contains(row.Value(), "could not be read"); e.kind == core.RunBackup && gaps != (e.outcome == core.OutcomePartly) {
			l.lied("row %d of the activity says %q, and it was %s", i, row.Value(), e.outcome)
		}
	}
}

func (l *life) lookAtDates() {
	there := l.toRestore()
	texts := strings.Join(l.d.Texts(), "\n")
	switch {
	case l.away:
		if there || !strings.Contains(texts, "cannot be reached") {
			l.lied("a place that is away shows\n%s", texts)
		}
		return
	case there != (len(l.kept) > 0):
		l.lied("of %d dates is said\n%s", len(l.kept), texts)
		return
	}
	dates := uitest.Find(l.d.Desk, func(r *widgets.SettingRow) bool { return strings.Contains(r.Title(), ":") })
	if len(dates) != len(l.kept) {
		l.lied("%d dates are listed, there are %d", len(dates), len(l.kept))
		return
	}
	titles := map[string]bool{}
	for i, row := range dates {
		k := l.kept[len(l.kept)-1-i]
		if want := english.Files(int64(len(k.files))) + " · "; !strings.HasPrefix(row.Value(), want) {
			l.lied("date %d says %q, and holds %s", i, row.Value(), want)
		}
		if newest := strings.HasSuffix(row.Title(), "newest"); newest != (i == 0) {
			l.lied("date %d is %q", i, row.Title())
		}
		if gaps := strings.Contains(row.Value(), "with gaps"); gaps != k.gaps {
			l.lied("date %d says %q, and has gaps: %v", i, row.Value(), k.gaps)
		}
		if titles[row.Title()] {
			l.lied("two dates are called %q", row.Title())
		}
		titles[row.Title()] = true
	}
}

func guessesLeft(n int) string {
	if n == 1 {
		return "One guess left"
	}
	return fmt.Sprintf("%d guesses left", n)
}

func wrongGuesses(n int) string {
	if n == 1 {
		return "1 wrong guess"
	}
	return fmt.Sprintf("%d wrong guesses", n)
}
