package home

import (
	"cmp"
	"context"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/ui/secret"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/sources"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// show shows how the backup is, and what it is.
func (f *Feature) show() fyne.CanvasObject {
	st := f.core.Status()
	content := []fyne.CanvasObject{f.hero(st)}
	if n := f.secret.PasswordNotice(st); n != nil {
		content = append(content, n)
	}
	if f.w.Job != nil {
		content = append(content, f.w.Job.Panel())
	}
	if l := st.LastBackup; f.w.Job == nil && l != nil && l.Outcome == core.OutcomeFailed && st.Change == core.ChangeNone {
		content = append(content, f.w.ErrorPanel(shell.RunError{Run: l}, shell.Remedies{shell.WayAgain: f.BackUp}))
		if l.Wanted > 0 {
			content = append(content, f.place.Amounts(l.Wanted, st.Destination))
		}
	}
	if g := st.LastGood; f.w.Job == nil && g != nil && st.LastBackup.Outcome != core.OutcomeFailed {
		content = append(content, shell.ProblemList(f.w, g.Problems)...)
	}
	if l := st.LastBackup; f.w.Job == nil && l != nil && len(l.Emptied) > 0 && st.Change == core.ChangeNone {
		content = append(content, f.emptied(l.Emptied))
	}
	what := widgets.NewSettingRow("folder", lang.L("What"), nil, f.sources.Edit).SetValue(sources.Names(st.Sources))
	if g := st.LastGood; g != nil {
		what.SetNote(f.w.Words.Bytes(g.Bytes))
	}
	where := widgets.NewSettingRow("place", lang.L("Where"), nil, f.place.Edit)
	where.SetPath(core.DisplayName(places.Title(st.Destination)))
	f.place.ShowFree(where, st.Destination)
	when := widgets.NewSettingRow("clock", lang.L("When"), nil, f.schedule.Edit).SetValue(f.schedule.WhenLine(st))
	content = append(content, widgets.Rows(what, where, when), widgets.Rows(f.protectionRows(st)...))
	f.newer.Look()
	if r := f.newer.Row(); r != nil {
		content = append(content, widgets.Rows(r))
	}
	return shell.ScreenPage("", content...)
}

// emptied asks about folders that hold no file any more: only a person knows whether a disk is away.
func (f *Feature) emptied(folders []string) fyne.CanvasObject {
	ask := lang.L("Is “{{.Folder}}” really empty?", words.Values{"Folder": folders[0]})
	if len(folders) > 1 {
		ask = lang.L("Are these {{.Count}} folders really empty?", words.Values{"Count": len(folders)})
	}
	help := lang.L("There were files before. If a disk is not connected, connect it and back up again. What is backed up already stays.")
	note := widgets.NewMuted(help)
	text := widgets.Column(theme.Space1, widgets.NewStrong(ask), note)
	var yes *widgets.Button
	yes = widgets.NewButton(lang.L("It is really empty"), "", widgets.Quiet, func() {
		f.w.WaitFor(yes, func(s string) { note.SetText(cmp.Or(s, help)) }, lang.L("Saving…"), func(context.Context) func() {
			err := f.core.AcceptEmpty(folders...)
			return func() {
				if err != nil {
					f.w.InformError(err)
					return
				}
				f.BackUp()
			}
		})
	})
	again := widgets.NewButton(lang.L("Back up again"), "", widgets.Second, f.BackUp)
	gap := widgets.Gap()
	return widgets.Card(widgets.Column(theme.Space3,
		widgets.Row(theme.Space3, widgets.Wide(text), widgets.NewIcon("folder", theme.Attention, theme.IconMedium), text),
		widgets.Row(theme.Space3, widgets.Wide(gap), gap, yes, again)))
}

func (f *Feature) hero(st core.Status) *widgets.StatusHero {
	now := f.heroState(st)
	var button *widgets.Button
	switch {
	case f.w.Job != nil:
	case st.Change != core.ChangeNone:
		button = widgets.NewButton(lang.L("Go on"), "play", widgets.Main, f.secret.GoOn)
	default:
		button = widgets.NewButton(lang.L("Back up now"), "backup", widgets.Main, f.BackUp)
	}
	h := widgets.NewStatusHero(button, nil)
	h.Set(now.tone, now.icon, now.line, now.sub)
	if j := f.w.Job; j != nil {
		j.Hero = func() {
			now := f.heroState(st)
			h.Set(now.tone, now.icon, now.line, now.sub)
		}
	}
	return h
}

// heroState is how things are, in one line and a second; tray, if set, is the
// line where there is only one.
type heroState struct {
	tone            widgets.Tone
	icon, line, sub string
	tray            string
}

func (f *Feature) heroState(st core.Status) heroState {
	good, last := st.LastGood, st.LastBackup
	never := heroState{tone: widgets.ToneNeutral, icon: "backup", line: lang.L("Ready for the first backup"),
		sub: lang.L("Nothing is backed up yet.")}
	if st.NextBackup.After(f.w.Now()) {
		never.sub = lang.L("Nothing is backed up yet. The first backup begins {{.Time}}.",
			words.Values{"Time": f.w.Words.Soon(st.NextBackup, f.w.Now())})
	}
	late := f.late(st)
	switch {
	case f.w.Job != nil && f.w.Job.Last.Paused:
		return heroState{tone: widgets.ToneAttention, icon: "pause", line: lang.L("The backup is paused"),
			sub: lang.L("Nothing is backed up until you resume it.")}
	case f.w.Job != nil:
		return heroState{tone: widgets.TonePrimary, icon: jobIcon(f.w.Job.Kind), line: jobLine(f.w.Job.Kind),
			sub: lang.L("You can go on working meanwhile.")}
	case st.Change != core.ChangeNone:
		return heroState{tone: widgets.ToneAttention, icon: "shield-off", line: lang.L("Encryption is not finished"),
			sub: lang.L("A change was cut off. The older backup is whole; go on to finish it.")}
	case last == nil:
		return never
	case last.Outcome == core.OutcomeFailed:
		return heroState{tone: widgets.ToneBad, icon: "warning", line: lang.L("The last backup did not work"), sub: f.lastGoodLine(st)}
	case st.LastDrill != nil && st.LastDrill.Outcome == core.OutcomePartly: // wins over every good news
		return heroState{tone: widgets.ToneBad, icon: "warning", line: lang.L("Part of the backup cannot be restored"),
			sub: lang.L("{{.Files}} did not come back {{.Time}}. Activity tells which.",
				words.Values{"Files": f.w.Words.Files(int64(st.LastDrill.ProblemsTotal)), "Time": f.w.Words.Ago(st.LastDrill.Ended, f.w.Now())})}
	case late != core.InTime:
		tone := widgets.ToneAttention
		if late == core.VeryLate {
			tone = widgets.ToneBad
		}
		return heroState{tone: tone, icon: "clock", sub: f.lastGoodLine(st),
			line: lang.L("Overdue: {{.Time}}", words.Values{"Time": f.w.Words.Duration(f.w.Now().Sub(good.Ended))})}
	case last.Outcome == core.OutcomeCancelled:
		return heroState{tone: widgets.ToneAttention, icon: "pause", line: lang.L("Backup stopped"), sub: f.interruptedLine(st)}
	case last.Outcome == core.OutcomeInterrupted:
		return heroState{tone: widgets.ToneAttention, icon: "warning", line: lang.L("The last backup was interrupted"),
			sub: f.interruptedLine(st)}
	case good == nil:
		return never
	case len(added(st)) > 0:
		return heroState{tone: widgets.ToneAttention, icon: "warning", line: lang.L("Not all of it is backed up yet"),
			sub: lang.L("“{{.Folder}}” comes with the next backup.", words.Values{"Folder": sources.Names(added(st))}) +
				" " + f.lastGoodLine(st)}
	}
	out := heroState{tone: widgets.ToneGood, icon: "check", line: lang.L("Backed up"), sub: f.facts(good),
		tray: lang.L("Backed up {{.Time}}", words.Values{"Time": f.w.Words.Ago(good.Ended, f.w.Now())})}
	if good.Outcome == core.OutcomePartly {
		out.tone, out.icon, out.line, out.tray = widgets.ToneAttention, "warning", lang.L("Backed up, with gaps"), ""
		out.sub += " · " + shell.GapsLine(f.w.Words, good)
	}
	return out
}

// added are the sources that no backup has seen yet. Others may be missing because they could not be read, and are listed.
func added(st core.Status) []string {
	good := st.LastGood
	return slices.DeleteFunc(slices.Clone(st.NotBackedUp), func(path string) bool {
		return slices.Contains(good.Emptied, path) || slices.ContainsFunc(good.Problems, func(p core.Problem) bool { return p.Path == path })
	})
}

// interruptedLine says what it means that a backup was stopped, by the person, a crash or a loss of power.
func (f *Feature) interruptedLine(st core.Status) string {
	if st.LastGood == nil {
		return lang.L("What was stored counts. The next backup takes up from there.")
	}
	return f.lastGoodLine(st) + " " + lang.L("What was stored since still counts.")
}

// lastGoodLine says when the last backup was that came to its end, or nothing.
func (f *Feature) lastGoodLine(st core.Status) string {
	if st.LastGood == nil {
		return ""
	}
	when := words.Values{"Time": f.w.Words.Ago(st.LastGood.Ended, f.w.Now())}
	if st.LastGood.Outcome == core.OutcomePartly {
		return lang.L("Your last backup, with gaps: {{.Time}}.", when)
	}
	return lang.L("Your last complete backup: {{.Time}}.", when)
}

// facts are when, how many and how large.
func (f *Feature) facts(r *core.Run) string {
	return shell.Capital(f.w.Words.Ago(r.Ended, f.w.Now())) + " · " + f.w.Words.Files(r.Files) + " · " + f.w.Words.Bytes(r.Bytes)
}

func jobIcon(k core.RunKind) string {
	switch k {
	case core.RunRestore:
		return "restore"
	case core.RunVerify:
		return "search"
	case core.RunDrill:
		return "restore"
	case core.RunPrune:
		return "calendar"
	case core.RunTurnOn, core.RunTurnOff, core.RunGiveUp:
		return "shield"
	}
	return "backup"
}

func jobLine(k core.RunKind) string {
	switch k {
	case core.RunRestore:
		return lang.L("Restoring")
	case core.RunVerify:
		return lang.L("Checking the backup")
	case core.RunDrill:
		return lang.L("Trying a restore")
	case core.RunPrune:
		return lang.L("Thinning out older dates")
	case core.RunTurnOn:
		return lang.L("Turning encryption on")
	case core.RunTurnOff:
		return lang.L("Turning encryption off")
	case core.RunGiveUp:
		return lang.L("Taking the change back")
	}
	return lang.L("Backing up")
}

// protectionRows are the toggle, the key, and the last check.
func (f *Feature) protectionRows(st core.Status) []fyne.CanvasObject {
	encrypted := st.Protection == core.ProtectionKey
	ask := func(on bool) {
		switch {
		case f.w.Job != nil:
			f.w.Inform(lang.L("Other work is under way."), lang.L("Wait for it to end, or cancel it, then try again."))
		case st.Change != core.ChangeNone:
			f.secret.GoOn()
		case on:
			f.secret.TurnOn()
		default:
			f.secret.TurnOff()
		}
	}
	toggle := widgets.NewToggle(ask)
	toggle.SetOn(encrypted)
	row := widgets.NewSettingRow("shield", lang.L("End-to-end encrypted backup"), toggle, nil)
	rows := []fyne.CanvasObject{row}
	if st.Change != core.ChangeNone && !secret.GivingUp(st) && f.w.Job == nil {
		back := widgets.NewSettingRow("back", lang.L("Leave it as it was"), nil, f.secret.AskGiveUp)
		back.SetValue(lang.L("Takes the change back. The backup from before stays as it is."))
		rows = append(rows, back)
	}
	if encrypted {
		row.SetIcon("shield", widgets.ToneGood)
		row.SetValue(secret.OpensLine(st))
		if r := f.secret.PasswordRow(st); r != nil {
			rows = append(rows, r)
		}
		key := widgets.NewSettingRow("key", lang.L("Show the key"), nil, f.secret.ShowKey)
		switch {
		case st.KeyConfirmed.IsZero():
			key.SetValue(lang.L("You have not shown yet that you saved it."))
			key.SetIcon("key", widgets.ToneAttention)
		default:
			key.SetValue(lang.L("You confirmed that you have it: {{.Day}}.", words.Values{"Day": f.w.Words.Day(st.KeyConfirmed, f.w.Now())}))
		}
		rows = append(rows, key)
	} else {
		row.SetIcon("shield-off", widgets.ToneAttention)
		row.SetValue(lang.L("Off. Whoever can read the folder can read the backup."))
	}
	if st.LastGood != nil {
		rows = append(rows, f.drillRow(st))
		check := widgets.NewSettingRow("search", lang.L("Check the backup"), nil, f.verify)
		check.SetValue(f.checkLine(st.LastCheck))
		if c := st.LastCheck; c != nil && c.Outcome == core.OutcomeDone {
			check.SetIcon("check", widgets.ToneGood)
		} else if c != nil && c.Outcome != core.OutcomeCancelled {
			check.SetIcon("warning", widgets.ToneBad)
		}
		rows = append(rows, check)
	}
	return rows
}

func (f *Feature) checkLine(c *core.Run) string {
	if c == nil {
		return lang.L("Reads everything back and compares it. Not done yet.")
	}
	when := words.Values{"Time": f.w.Words.Ago(c.Ended, f.w.Now())}
	switch c.Outcome {
	case core.OutcomeDone:
		return lang.L("All is well: everything was read back {{.Time}}.", when)
	case core.OutcomeCancelled:
		return lang.L("Stopped {{.Time}}.", when)
	case core.OutcomePartly:
		return lang.L("Damage was found {{.Time}}. Activity tells what.", when)
	}
	return lang.L("It could not be checked {{.Time}}. Activity tells why.", when)
}

// BackUp starts a backup and shows it.
func (f *Feature) BackUp() {
	if f.startBackup(false) != nil {
		f.w.Refresh()
	}
}

// verify reads everything back.
func (f *Feature) verify() {
	j := f.w.Start(core.RunVerify, func(ctx context.Context, progress func(core.Progress)) func() {
		_, _ = f.core.Upkeep.Verify(ctx, core.VerifyRequest{DataPercent: 100}, progress) // the history tells how it ended
		return f.w.Refresh
	})
	if j != nil {
		f.w.Refresh()
	}
}
