package ui

import (
	"context"
	"runtime"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// settingsScreen is the choices that are not part of a flow.
func (u *UI) settingsScreen() fyne.CanvasObject {
	looks := []theme.Appearance{theme.System, theme.Light, theme.Dark}
	choices := widgets.NewChoices(max(0, slices.Index(looks, u.prefs.appearance())),
		[2]string{lang.L("Like the system"), lang.L("Light by day and dark by night, if your system does so.")},
		[2]string{lang.L("Light"), lang.L("Dark text on a light ground.")},
		[2]string{lang.L("Dark"), lang.L("Light text on a dark ground.")})
	choices.OnChanged = func(i int) {
		u.prefs.setAppearance(looks[i])
		u.app.Settings().SetTheme(theme.New(looks[i]))
	}
	about := widgets.Rows(
		widgets.NewSettingRow("backup", "Holdfast", nil, nil).SetValue(strings.TrimPrefix(core.Program, "holdfast ")+" · "+runtime.GOOS),
		pathRow("folder", lang.L("Profile"), u.profile),
		widgets.NewSettingRow("file", lang.L("Licence"), nil, nil).SetValue(lang.L("Free software. The file LICENSE says what you may do.")),
	)
	return screenPage(lang.L("Settings"),
		widgets.Column(theme.Space3, widgets.NewLead(lang.L("Appearance")), choices),
		u.exclusionSettings(),
		widgets.Column(theme.Space3, widgets.NewLead(lang.L("About")), about))
}

func pathRow(icon, title, path string) fyne.CanvasObject {
	r := widgets.NewSettingRow(icon, title, nil, nil)
	r.SetPath(path)
	return r
}

// exclusionSettings are the presets and the person's own patterns.
func (u *UI) exclusionSettings() fyne.CanvasObject {
	st := u.core.Status()
	e := newSourceEditor(u, nil, st.Excludes)
	patterns := widgets.NewArea(4)
	patterns.SetText(strings.Join(e.own, "\n"))
	patterns.SetPlaceHolder("*.iso\nbuild/\n/Videos")
	trouble := widgets.Column(0)
	note := widgets.NewCaption(lang.L("One pattern on each line, as in .gitignore. They count from the next backup on."))
	var save *widgets.Button
	save = widgets.NewButton(lang.L("Save"), "", widgets.Second, func() {
		e.own = nil
		for line := range strings.SplitSeq(patterns.Text, "\n") {
			if line = strings.TrimSpace(line); line != "" {
				e.own = append(e.own, line)
			}
		}
		excludes := e.excludes()
		save.SetBusy(true)
		u.work.run(func(ctx context.Context) func() {
			err := u.core.SetSources(ctx, st.Sources, excludes)
			return func() {
				save.SetBusy(false)
				trouble.Objects = nil
				if err != nil {
					trouble.Objects = []fyne.CanvasObject{u.errorPanel(err)}
				} else {
					note.SetText(lang.L("Saved. It counts from the next backup on."))
				}
				trouble.Refresh()
				u.screen.Refresh()
			}
		})
	})
	return widgets.Column(theme.Space3, e.exclusions(), widgets.NewStrong(lang.L("Your own patterns")), patterns, note, trouble, widgets.Row(0, nil, save))
}
