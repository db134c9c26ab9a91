package ui

import (
	"cmp"
	"context"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/secret"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/sources"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// backupScreen shows how the backup is, and what it is.
func (u *UI) backupScreen() fyne.CanvasObject {
	st := u.core.Status()
	content := []fyne.CanvasObject{u.hero(st)}
	if n := u.secret.PasswordNotice(st); n != nil {
		content = append(content, n)
	}
	if u.w.Job != nil {
		content = append(content, u.w.Panel(u.w.Job))
	}
	if l := st.LastBackup; u.w.Job == nil && l != nil && l.Outcome == core.OutcomeFailed && st.Change == core.ChangeNone {
		content = append(content, u.w.ErrorPanel(shell.RunError{Run: l}, shell.Remedies{shell.WayAgain: u.backUp}))
		if l.Wanted > 0 {
			content = append(content, u.place.Amounts(l.Wanted, st.Destination))
		}
	}
	if g := st.LastGood; u.w.Job == nil && g != nil && st.LastBackup.Outcome != core.OutcomeFailed {
		content = append(content, u.w.ProblemList(g.Problems)...)
	}
	if l := st.LastBackup; u.w.Job == nil && l != nil && len(l.Emptied) > 0 && st.Change == core.ChangeNone {
		content = append(content, u.emptied(l.Emptied))
	}
	what := widgets.NewSettingRow("folder", lang.L("What"), nil, u.sources.Edit).SetValue(sources.Names(st.Sources))
	if g := st.LastGood; g != nil {
		what.SetNote(u.w.Words.Bytes(g.Bytes))
	}
	where := widgets.NewSettingRow("place", lang.L("Where"), nil, u.place.Edit)
	where.SetPath(core.DisplayName(st.Destination))
	u.place.ShowFree(where, st.Destination)
	when := widgets.NewSettingRow("clock", lang.L("When"), nil, u.schedule.Edit).SetValue(u.schedule.WhenLine(st))
	content = append(content, widgets.Rows(what, where, when), widgets.Rows(u.protectionRows(st)...))
	return shell.ScreenPage("", content...)
}

// emptied asks about folders that hold no file any more: only a person knows whether a disk is away.
func (u *UI) emptied(folders []string) fyne.CanvasObject {
	ask := lang.L("Is “{{.Folder}}” really empty?", words.Values{"Folder": folders[0]})
	if len(folders) > 1 {
		ask = lang.L("Are these {{.Count}} folders really empty?", words.Values{"Count": len(folders)})
	}
	help := lang.L("There were files before. If a disk is not connected, connect it and back up again. What is backed up already stays.")
	note := widgets.NewMuted(help)
	text := widgets.Column(theme.Space1, widgets.NewStrong(ask), note)
	var yes *widgets.Button
	yes = widgets.NewButton(lang.L("It is really empty"), "", widgets.Quiet, func() {
		u.w.WaitFor(yes, func(s string) { note.SetText(cmp.Or(s, help)) }, lang.L("Saving…"), func(context.Context) func() {
			err := u.core.AcceptEmpty(folders...)
			return func() {
				if err != nil {
					u.w.InformError(err)
					return
				}
				u.backUp()
			}
		})
	})
	again := widgets.NewButton(lang.L("Back up again"), "", widgets.Second, u.backUp)
	gap := widgets.Gap()
	return widgets.Card(widgets.Column(theme.Space3,
		widgets.Row(theme.Space3, widgets.Wide(text), widgets.NewIcon("folder", theme.Attention, theme.IconMedium), text),
		widgets.Row(theme.Space3, widgets.Wide(gap), gap, yes, again)))
}

func (u *UI) hero(st core.Status) *widgets.StatusHero {
	now := u.heroState(st)
	var button *widgets.Button
	switch {
	case u.w.Job != nil:
	case st.Change != core.ChangeNone:
		button = widgets.NewButton(lang.L("Go on"), "play", widgets.Main, u.secret.GoOn)
	default:
		button = widgets.NewButton(lang.L("Back up now"), "backup", widgets.Main, u.backUp)
	}
	h := widgets.NewStatusHero(button, nil)
	h.Set(now.tone, now.icon, now.line, now.sub)
	if j := u.w.Job; j != nil {
		j.Hero = func() {
			now := u.heroState(st)
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

func (u *UI) heroState(st core.Status) heroState {
	good, last := st.LastGood, st.LastBackup
	never := heroState{tone: widgets.ToneNeutral, icon: "backup", line: lang.L("Ready for the first backup"), sub: lang.L("Nothing is backed up yet.")}
	if st.NextBackup.After(u.w.Now()) {
		never.sub = lang.L("Nothing is backed up yet. The first backup begins {{.Time}}.", words.Values{"Time": u.w.Words.Soon(st.NextBackup, u.w.Now())})
	}
	late := u.late(st)
	switch {
	case u.w.Job != nil && u.w.Job.Last.Paused:
		return heroState{tone: widgets.ToneAttention, icon: "pause", line: lang.L("The backup is paused"), sub: lang.L("Nothing is backed up until you resume it.")}
	case u.w.Job != nil:
		return heroState{tone: widgets.TonePrimary, icon: jobIcon(u.w.Job.Kind), line: jobLine(u.w.Job.Kind), sub: lang.L("You can go on working meanwhile.")}
	case st.Change != core.ChangeNone:
		return heroState{tone: widgets.ToneAttention, icon: "shield-off", line: lang.L("Encryption is not finished"),
			sub: lang.L("A change was cut off. The older backup is whole; go on to finish it.")}
	case last == nil:
		return never
	case last.Outcome == core.OutcomeFailed:
		return heroState{tone: widgets.ToneBad, icon: "warning", line: lang.L("The last backup did not work"), sub: u.lastGoodLine(st)}
	case st.LastDrill != nil && st.LastDrill.Outcome == core.OutcomePartly: // wins over every good news
		return heroState{tone: widgets.ToneBad, icon: "warning", line: lang.L("Part of the backup cannot be restored"),
			sub: lang.L("{{.Files}} did not come back {{.Time}}. Activity tells which.", words.Values{"Files": u.w.Words.Files(int64(st.LastDrill.ProblemsTotal)), "Time": u.w.Words.Ago(st.LastDrill.Ended, u.w.Now())})}
	case late != core.InTime:
		tone := widgets.ToneAttention
		if late == core.VeryLate {
			tone = widgets.ToneBad
		}
		return heroState{tone: tone, icon: "clock", sub: u.lastGoodLine(st),
			line: lang.L("Overdue: {{.Time}}", words.Values{"Time": u.w.Words.Duration(u.w.Now().Sub(good.Ended))})}
	case last.Outcome == core.OutcomeCancelled:
		return heroState{tone: widgets.ToneAttention, icon: "pause", line: lang.L("Backup stopped"), sub: u.interruptedLine(st)}
	case last.Outcome == core.OutcomeInterrupted:
		return heroState{tone: widgets.ToneAttention, icon: "warning", line: lang.L("The last backup was interrupted"), sub: u.interruptedLine(st)}
	case good == nil:
		return never
	case len(added(st)) > 0:
		return heroState{tone: widgets.ToneAttention, icon: "warning", line: lang.L("Not all of it is backed up yet"),
			sub: lang.L("“{{.Folder}}” comes with the next backup.", words.Values{"Folder": sources.Names(added(st))}) + " " + u.lastGoodLine(st)}
	}
	out := heroState{tone: widgets.ToneGood, icon: "check", line: lang.L("Backed up"), sub: u.facts(good),
		tray: lang.L("Backed up {{.Time}}", words.Values{"Time": u.w.Words.Ago(good.Ended, u.w.Now())})}
	if good.Outcome == core.OutcomePartly {
		out.tone, out.icon, out.line, out.tray = widgets.ToneAttention, "warning", lang.L("Backed up, with gaps"), ""
		out.sub += " · " + u.w.GapsLine(good)
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
func (u *UI) interruptedLine(st core.Status) string {
	if st.LastGood == nil {
		return lang.L("What was stored counts. The next backup takes up from there.")
	}
	return u.lastGoodLine(st) + " " + lang.L("What was stored since still counts.")
}

// lastGoodLine says when the last backup was that came to its end, or nothing.
func (u *UI) lastGoodLine(st core.Status) string {
	if st.LastGood == nil {
		return ""
	}
	when := words.Values{"Time": u.w.Words.Ago(st.LastGood.Ended, u.w.Now())}
	if st.LastGood.Outcome == core.OutcomePartly {
		return lang.L("Your last backup, with gaps: {{.Time}}.", when)
	}
	return lang.L("Your last complete backup: {{.Time}}.", when)
}

// facts are when, how many and how large.
func (u *UI) facts(r *core.Run) string {
	return shell.Capital(u.w.Words.Ago(r.Ended, u.w.Now())) + " · " + u.w.Words.Files(r.Files) + " · " + u.w.Words.Bytes(r.Bytes)
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
func (u *UI) protectionRows(st core.Status) []fyne.CanvasObject {
	encrypted := st.Protection == core.ProtectionKey
	ask := func(on bool) {
		switch {
		case u.w.Job != nil:
			u.w.Inform(lang.L("Other work is under way."), lang.L("Wait for it to end, or cancel it, then try again."))
		case st.Change != core.ChangeNone:
			u.secret.GoOn()
		case on:
			u.secret.TurnOn()
		default:
			u.secret.TurnOff()
		}
	}
	toggle := widgets.NewToggle(ask)
	toggle.SetOn(encrypted)
	row := widgets.NewSettingRow("shield", lang.L("End-to-end encrypted backup"), toggle, nil)
	rows := []fyne.CanvasObject{row}
	if st.Change != core.ChangeNone && !secret.GivingUp(st) && u.w.Job == nil {
		back := widgets.NewSettingRow("back", lang.L("Leave it as it was"), nil, u.secret.AskGiveUp)
		back.SetValue(lang.L("Takes the change back. The backup from before stays as it is."))
		rows = append(rows, back)
	}
	if encrypted {
		row.SetIcon("shield", widgets.ToneGood)
		row.SetValue(secret.OpensLine(st))
		if r := u.secret.PasswordRow(st); r != nil {
			rows = append(rows, r)
		}
		key := widgets.NewSettingRow("key", lang.L("Show the key"), nil, u.secret.ShowKey)
		switch {
		case st.KeyConfirmed.IsZero():
			key.SetValue(lang.L("You have not shown yet that you saved it."))
			key.SetIcon("key", widgets.ToneAttention)
		default:
			key.SetValue(lang.L("You confirmed that you have it: {{.Day}}.", words.Values{"Day": u.w.Words.Day(st.KeyConfirmed, u.w.Now())}))
		}
		rows = append(rows, key)
	} else {
		row.SetIcon("shield-off", widgets.ToneAttention)
		row.SetValue(lang.L("Off. Whoever can read the folder can read the backup."))
	}
	if st.LastGood != nil {
		rows = append(rows, u.drillRow(st))
		check := widgets.NewSettingRow("search", lang.L("Check the backup"), nil, u.verify)
		check.SetValue(u.checkLine(st.LastCheck))
		if c := st.LastCheck; c != nil && c.Outcome == core.OutcomeDone {
			check.SetIcon("check", widgets.ToneGood)
		} else if c != nil && c.Outcome != core.OutcomeCancelled {
			check.SetIcon("warning", widgets.ToneBad)
		}
		rows = append(rows, check)
	}
	return rows
}

func (u *UI) checkLine(c *core.Run) string {
	if c == nil {
		return lang.L("Reads everything back and compares it. Not done yet.")
	}
	when := words.Values{"Time": u.w.Words.Ago(c.Ended, u.w.Now())}
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

// backUp starts a backup and shows it.
func (u *UI) backUp() {
	if u.startBackup(false) != nil {
		u.w.Refresh()
	}
}

// verify reads everything back.
func (u *UI) verify() {
	j := u.w.Start(core.RunVerify, func(ctx context.Context, progress func(core.Progress)) func() {
		_, _ = u.core.Upkeep.Verify(ctx, core.VerifyRequest{DataPercent: 100}, progress) // the history tells how it ended
		return u.w.Refresh
	})
	if j != nil {
		u.w.Refresh()
	}
}
