package ui

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/widget"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/sources"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// settingsScreen is the choices that are not part of a flow.
func (u *UI) settingsScreen() fyne.CanvasObject {
	section := func(title string, content ...fyne.CanvasObject) fyne.CanvasObject {
		return widgets.Column(theme.Space3, append([]fyne.CanvasObject{widgets.NewLead(title)}, content...)...)
	}
	st := u.core.Status()
	backups := []fyne.CanvasObject{
		widgets.NewSettingRow("clock", lang.L("When to back up"), nil, u.schedule.Edit).SetValue(u.schedule.WhenLine(st)),
		widgets.NewSettingRow("calendar", lang.L("Older dates"), nil, u.schedule.EditRetention).SetValue(u.schedule.RetentionLine()),
	}
	backups = append(backups, u.uploadRow(st))
	if r := u.vaultRow(st); r != nil {
		backups = append(backups, r)
	}
	return shell.ScreenPage(lang.L("Settings"),
		section(lang.L("Running"), widgets.Rows(u.runningRows()...)),
		section(lang.L("Look and language"), widgets.Rows(u.appearanceRow(), u.languageRow())),
		section(lang.L("Backups"), widgets.Rows(backups...)),
		u.exclusionSettings(),
		section(lang.L("About"), widgets.Rows(
			widgets.NewSettingRow("backup", "Holdfast", nil, nil).SetValue(strings.TrimPrefix(core.Program, "holdfast ")+" · "+runtime.GOOS),
			shell.PathRow("folder", lang.L("Profile"), u.profile),
			widgets.NewSettingRow("file", lang.L("Licences"), nil, u.licences).SetValue(lang.L("Holdfast is free software, made with other free software.")),
		)))
}

// runningRows are whether Holdfast runs without its window, and from when.
func (u *UI) runningRows() []fyne.CanvasObject {
	background := widgets.NewToggle(nil)
	background.OnAsked = func(on bool) {
		b := shell.BackgroundNo
		if on {
			b = shell.BackgroundYes
		}
		u.w.Prefs.SetBackground(b)
		background.SetOn(on)
	}
	background.SetOn(u.w.Prefs.Background() == shell.BackgroundYes)
	rows := []fyne.CanvasObject{widgets.NewSettingRow("screen", lang.L("Keep running without a window"), background, nil).
		SetValue(lang.L("Closing the window leaves Holdfast in the system's panel, and backups go on."))}
	if u.w.Login == nil {
		return rows
	}
	var atLogin *widgets.Toggle
	atLogin = widgets.NewToggle(func(on bool) {
		u.w.Work.Run(func(context.Context) func() {
			err := u.w.Login.Set(on)
			return func() {
				if err != nil {
					u.w.LoginNotSet()
					return
				}
				atLogin.SetOn(on)
			}
		})
	})
	u.w.Work.Run(func(context.Context) func() {
		on, err := u.w.Login.Enabled()
		return func() { atLogin.SetOn(on && err == nil) }
	})
	return append(rows, widgets.NewSettingRow("power", lang.L("Start at login"), atLogin, nil).
		SetValue(lang.L("It starts without a window, and backs up when it is time.")))
}

// picker is a list to choose from at a row's end.
func picker(names []string, chosen int, changed func(i int)) fyne.CanvasObject {
	s := widget.NewSelect(names, nil)
	s.SetSelectedIndex(max(0, chosen))
	s.OnChanged = func(string) { changed(s.SelectedIndex()) }
	return widgets.AtLeast(170, 0, widgets.Bordered(s))
}

func (u *UI) appearanceRow() fyne.CanvasObject {
	looks := []theme.Appearance{theme.System, theme.Light, theme.Dark}
	choose := picker([]string{lang.L("Like the system"), lang.L("Light"), lang.L("Dark")}, slices.Index(looks, u.w.Prefs.Appearance()), func(i int) {
		u.w.Prefs.SetAppearance(looks[i])
		u.w.App.Settings().SetTheme(u.w.Look())
	})
	return widgets.NewSettingRow("sun", lang.L("Appearance"), choose, nil)
}

func (u *UI) languageRow() fyne.CanvasObject {
	choose := picker([]string{lang.L("Like the system"), "English", "Deutsch"}, slices.Index(shell.Languages, u.w.Prefs.Language()), func(i int) {
		u.w.Prefs.SetLanguage(shell.Languages[i])
		shell.Speak(shell.Languages[i])
		u.w.Relabel()
	})
	return widgets.NewSettingRow("globe", lang.L("Language"), choose, nil)
}

// uploadLimits are on offer, in bytes a second; 0 is none.
var uploadLimits = []int64{0, 250_000, 500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000, 20_000_000}

// uploadRow limits how fast backups go to their place.
func (u *UI) uploadRow(st core.Status) fyne.CanvasObject {
	limits := slices.Clone(uploadLimits)
	if !slices.Contains(limits, st.UploadLimit) {
		limits = append(limits, st.UploadLimit)
		slices.Sort(limits)
	}
	var names []string
	for _, l := range limits {
		name := lang.L("No limit")
		if l > 0 {
			name = lang.L("{{.Size}}/s", words.Values{"Size": u.w.Words.Bytes(l)})
		}
		names = append(names, name)
	}
	choose := picker(names, slices.Index(limits, st.UploadLimit), func(i int) {
		u.w.Work.Run(func(context.Context) func() {
			err := u.core.SetUploadLimit(limits[i])
			return func() {
				if err != nil {
					u.w.InformError(err)
				}
			}
		})
	})
	return widgets.NewSettingRow("upload", lang.L("Upload limit"), choose, nil).
		SetValue(lang.L("Leaves room on a slow line. It counts at once, on average."))
}

// vaultRow leads to the vault in use; nil where there is none.
func (u *UI) vaultRow(st core.Status) fyne.CanvasObject {
	if !st.Password || !u.core.Passwords.Possible() {
		return nil
	}
	row := widgets.NewSettingRow("lock", lang.L("Vault"), nil, u.secret.ShowPassword)
	if st.Vault != nil {
		row.SetValue(core.DisplayName(st.Vault.Name))
	}
	return row
}

// exclusionSettings are the presets and the person's own patterns.
func (u *UI) exclusionSettings() fyne.CanvasObject {
	st := u.core.Status()
	shown := st.Excludes
	if u.draft != nil {
		shown = u.draft
	}
	e := sources.NewEditor(u.sources, nil, shown)
	patterns := widgets.NewArea(4)
	patterns.SetText(strings.Join(e.Own, "\n"))
	keep := func() {
		e.Own = nil
		for line := range strings.SplitSeq(patterns.Text, "\n") {
			if line = strings.TrimSpace(line); line != "" {
				e.Own = append(e.Own, line)
			}
		}
		u.draft = e.Excludes()
	}
	patterns.OnChanged = func(string) { keep() }
	for _, c := range e.Presets {
		c.OnChanged = func(bool) { keep() }
	}
	patterns.SetPlaceHolder("*.iso\nbuild/\n/Videos")
	trouble := widgets.Column(0)
	help := lang.L("One pattern on each line: *.iso leaves out files that end so, build/ folders of that name, /Videos one at the top, !keep.iso keeps one after all. They count from the next backup on.")
	note := widgets.NewCaption(help)
	var save *widgets.Button
	save = widgets.NewButton(lang.L("Save"), "", widgets.Second, func() {
		excludes := e.Excludes()
		u.w.WaitFor(save, func(s string) { note.SetText(cmp.Or(s, help)) }, lang.L("Looking at the folders…"), func(ctx context.Context) func() {
			err := u.core.SetSources(ctx, st.Sources, excludes)
			return func() {
				trouble.Objects = nil
				if err != nil {
					trouble.Objects = []fyne.CanvasObject{u.w.ErrorPanel(err, shell.Remedies{shell.WayAgain: func() { save.Tapped(nil) }})}
				} else {
					u.draft = nil
					note.SetText(lang.L("Saved. It counts from the next backup on."))
				}
				trouble.Refresh()
				u.w.Side.Refresh()
			}
		})
	})
	return widgets.Column(theme.Space3, e.Exclusions(), widgets.NewStrong(lang.L("Your own patterns")), patterns, note, trouble, widgets.Row(0, nil, save))
}
