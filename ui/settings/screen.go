package settings

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
	"github.com/holdfast-backup/holdfast/core/release"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/sources"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// show is the choices that are not part of a flow.
func (f *Feature) show() fyne.CanvasObject {
	section := func(title string, content ...fyne.CanvasObject) fyne.CanvasObject {
		return widgets.Column(theme.Space3, append([]fyne.CanvasObject{widgets.NewLead(title)}, content...)...)
	}
	st := f.core.Status()
	backups := []fyne.CanvasObject{
		widgets.NewSettingRow("clock", lang.L("When to back up"), nil, f.schedule.Edit).SetValue(f.schedule.WhenLine(st)),
		widgets.NewSettingRow("calendar", lang.L("Older dates"), nil, f.schedule.EditRetention).SetValue(f.schedule.RetentionLine()),
	}
	backups = append(backups, f.uploadRow(st), f.uploadHoursRow(st))
	if r := f.vaultRow(st); r != nil {
		backups = append(backups, r)
	}
	return shell.ScreenPage(lang.L("Settings"),
		section(lang.L("Running"), widgets.Rows(f.runningRows()...)),
		section(lang.L("Look and language"), widgets.Rows(f.appearanceRow(), f.languageRow())),
		section(lang.L("Backups"), widgets.Rows(backups...)),
		f.exclusionSettings(),
		section(lang.L("About"), widgets.Rows(f.aboutRows()...)))
}

// aboutRows are what Holdfast is.
func (f *Feature) aboutRows() []fyne.CanvasObject {
	rows := []fyne.CanvasObject{widgets.NewSettingRow("backup", "Holdfast", nil, nil).SetValue(release.Version() + " · " + runtime.GOOS)}
	for _, r := range []fyne.CanvasObject{f.newer.Row(), f.newer.Setting()} {
		if r != nil {
			rows = append(rows, r)
		}
	}
	return append(rows, shell.PathRow("folder", lang.L("Profile"), f.profile),
		widgets.NewSettingRow("file", lang.L("Licences"), nil,
			f.licences).SetValue(lang.L("Holdfast is free software, made with other free software.")))
}

// runningRows are whether Holdfast runs without its window, and from when.
func (f *Feature) runningRows() []fyne.CanvasObject {
	background := widgets.NewToggle(nil)
	background.OnAsked = func(on bool) {
		b := shell.BackgroundNo
		if on {
			b = shell.BackgroundYes
		}
		f.w.Prefs.SetBackground(b)
		background.SetOn(on)
	}
	background.SetOn(f.w.Prefs.Background() == shell.BackgroundYes)
	rows := []fyne.CanvasObject{widgets.NewSettingRow("screen", lang.L("Keep running without a window"), background, nil).
		SetValue(lang.L("Closing the window leaves Holdfast in the system's panel, and backups go on."))}
	if f.w.Login == nil {
		return rows
	}
	var atLogin *widgets.Toggle
	atLogin = widgets.NewToggle(func(on bool) {
		f.w.Work.Run(func(context.Context) func() {
			err := f.w.Login.Set(on)
			return func() {
				if err != nil {
					f.w.LoginNotSet()
					return
				}
				atLogin.SetOn(on)
			}
		})
	})
	f.w.Work.Run(func(context.Context) func() {
		on, err := f.w.Login.Enabled()
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

func (f *Feature) appearanceRow() fyne.CanvasObject {
	looks := []theme.Appearance{theme.System, theme.Light, theme.Dark}
	choose := picker([]string{lang.L("Like the system"), lang.L("Light"), lang.L("Dark")}, slices.Index(looks, f.w.Prefs.Appearance()),
		func(i int) {
			f.w.Prefs.SetAppearance(looks[i])
			f.w.App.Settings().SetTheme(f.w.Look())
		})
	return widgets.NewSettingRow("sun", lang.L("Appearance"), choose, nil)
}

func (f *Feature) languageRow() fyne.CanvasObject {
	choose := picker([]string{lang.L("Like the system"), "English", "Deutsch"}, slices.Index(shell.Languages, f.w.Prefs.Language()),
		func(i int) {
			f.w.Prefs.SetLanguage(shell.Languages[i])
			shell.Speak(shell.Languages[i])
			f.w.Relabel()
		})
	return widgets.NewSettingRow("globe", lang.L("Language"), choose, nil)
}

// uploadLimits are on offer, in bytes a second; 0 is none.
var uploadLimits = []int64{0, 250_000, 500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000, 20_000_000}

// uploadRow limits how fast backups go to their place.
func (f *Feature) uploadRow(st core.Status) fyne.CanvasObject {
	limits := slices.Clone(uploadLimits)
	if !slices.Contains(limits, st.UploadLimit) {
		limits = append(limits, st.UploadLimit)
		slices.Sort(limits)
	}
	var names []string
	for _, l := range limits {
		name := lang.L("No limit")
		if l > 0 {
			name = lang.L("{{.Size}}/s", words.Values{"Size": f.w.Words.Bytes(l)})
		}
		names = append(names, name)
	}
	choose := picker(names, slices.Index(limits, st.UploadLimit), func(i int) { f.limitUploads(limits[i], f.core.Status().UploadHours) })
	return widgets.NewSettingRow("upload", lang.L("Upload limit"), choose, nil).
		SetValue(lang.L("Leaves room on a slow line. It counts at once, on average."))
}

// uploadHours are on offer.
var uploadHours = []core.Hours{{}, {From: 8, To: 18}, {From: 7, To: 23}, {From: 18, To: 23}}

// uploadHoursRow says when the limit holds.
func (f *Feature) uploadHoursRow(st core.Status) fyne.CanvasObject {
	hours := slices.Clone(uploadHours)
	if !slices.Contains(hours, st.UploadHours) {
		hours = append(hours, st.UploadHours)
	}
	var names []string
	for _, h := range hours {
		name := lang.L("All day")
		if h.From != h.To {
			name = lang.L("From {{.From}} to {{.To}} o’clock", words.Values{"From": h.From, "To": h.To})
		}
		names = append(names, name)
	}
	choose := picker(names, slices.Index(hours, st.UploadHours), func(i int) { f.limitUploads(f.core.Status().UploadLimit, hours[i]) })
	return widgets.NewSettingRow("clock", lang.L("When the limit holds"), choose, nil).
		SetValue(lang.L("At other hours backups go as fast as they can."))
}

func (f *Feature) limitUploads(bytesPerSecond int64, at core.Hours) {
	f.w.Work.Run(func(context.Context) func() {
		err := f.core.SetUploadLimit(bytesPerSecond, at)
		return func() {
			if err != nil {
				f.w.InformError(err)
			}
		}
	})
}

// vaultRow leads to the vault in use; nil where there is none.
func (f *Feature) vaultRow(st core.Status) fyne.CanvasObject {
	if !st.Password || !f.core.Passwords.Possible() {
		return nil
	}
	row := widgets.NewSettingRow("lock", lang.L("Vault"), nil, f.secret.ShowPassword)
	if st.Vault != nil {
		row.SetValue(core.DisplayName(st.Vault.Name))
	}
	return row
}

// exclusionSettings are the presets and the person's own patterns.
func (f *Feature) exclusionSettings() fyne.CanvasObject {
	st := f.core.Status()
	shown := st.Excludes
	if f.draft != nil {
		shown = f.draft
	}
	e := sources.NewEditor(f.sources, nil, shown)
	patterns := widgets.NewArea(4)
	patterns.SetText(strings.Join(e.Own, "\n"))
	keep := func() {
		e.Own = nil
		for line := range strings.SplitSeq(patterns.Text, "\n") {
			if line = strings.TrimSpace(line); line != "" {
				e.Own = append(e.Own, line)
			}
		}
		f.draft = e.Excludes()
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
		say := func(s string) { note.SetText(cmp.Or(s, help)) }
		f.w.WaitFor(save, say, lang.L("Looking at the folders…"), func(ctx context.Context) func() {
			err := f.core.SetSources(ctx, st.Sources, excludes)
			return func() {
				trouble.Objects = nil
				if err != nil {
					trouble.Objects = []fyne.CanvasObject{f.w.ErrorPanel(err, shell.Remedies{shell.WayAgain: func() { save.Tapped(nil) }})}
				} else {
					f.draft = nil
					note.SetText(lang.L("Saved. It counts from the next backup on."))
				}
				trouble.Refresh()
				f.w.Side.Refresh()
			}
		})
	})
	return widgets.Column(theme.Space3, e.Exclusions(), widgets.NewStrong(lang.L("Your own patterns")), patterns, note, trouble,
		widgets.Row(0, nil, save))
}
