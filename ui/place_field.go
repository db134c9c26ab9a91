package ui

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/holdfast-backup/holdfast/ui/shell"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// placeField asks for a folder, typed or chosen in a dialog, and says how much
// room there is.
type placeField struct {
	u         *UI
	root      fyne.CanvasObject
	entry     *widgets.Field
	free      *widgets.Text
	measuring shell.Latest
	submitted func()
	sources   []string // of what is to be kept there; nil: nothing is known
}

// remedies lead from trouble back to the field.
func (f *placeField) remedies() shell.Remedies {
	return shell.Remedies{shell.WayPlace: func() { f.u.w.Canvas().Focus(f.entry) }}
}

// wanted returns the path, and asks for one where there is none.
func (f *placeField) wanted() (path string, ok bool) {
	if path = f.path(); path == "" {
		f.measuring.Stop()
		f.free.SetText(lang.L("Type the path of a folder, or choose one."))
		f.u.w.Canvas().Focus(f.entry)
	}
	return path, path != ""
}

func newPlaceField(u *UI, path, label string) *placeField {
	f := &placeField{u: u, entry: widgets.NewField(), free: widgets.NewCaption(" "), measuring: u.w.Work.Newest()}
	f.entry.SetText(path)
	f.entry.SetPlaceHolder(lang.L("Path of the folder"))
	f.entry.OnChanged = func(string) { f.measure() }
	f.entry.OnSubmitted = func(string) {
		if f.submitted != nil {
			f.submitted()
		}
	}
	choose := widgets.NewButton(lang.L("Choose…"), "folder", widgets.Second, func() {
		u.w.Choose.Folder(f.path(), f.entry.SetText)
	})
	f.root = widgets.Column(theme.Space2, widgets.NewStrong(label), widgets.Row(theme.Space3, widgets.Wide(f.entry), f.entry, choose), f.free)
	f.measure()
	return f
}

// measure looks how much room there is; only the newest answer counts.
func (f *placeField) measure() {
	path := f.path()
	if !filepath.IsAbs(path) {
		f.measuring.Stop()
		f.free.SetText(" ")
		return
	}
	sources, free, there := f.sources, f.u.free, f.u.there // read here: the window's state is this goroutine's
	isBackup := path == f.u.core.Status().Destination
	f.measuring.Run(func(ctx context.Context) func() {
		if isBackup && !there(ctx, path) { // the room would be that of the disk it hangs on
			return func() { f.free.SetText(lang.L("The place of your backup cannot be reached.")) }
		}
		bytes, known := free(ctx, path)
		same := core.SameDisk(sources, path)
		return func() {
			text := " " // keeps its line
			if known {
				text = f.u.freeLine(bytes)
			}
			if same {
				text += " " + lang.L("This is the disk that your files are on: if it breaks, both are lost.")
			}
			f.free.SetText(text)
		}
	})
}

func (f *placeField) path() string {
	p := strings.TrimSpace(f.entry.Text)
	if p == "" {
		return ""
	}
	return filepath.Clean(shell.Expand(p))
}
