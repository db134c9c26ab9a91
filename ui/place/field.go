package place

import (
	"context"
	"path/filepath"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// Field asks for a folder, typed or chosen in a dialog, and says how much
// room there is.
type Field struct {
	*Feature
	Root      *fyne.Container
	Entry     *widgets.Field
	free      *widgets.Text
	measuring shell.Latest
	row       *fyne.Container
	Submitted func()
	Sources   []string // of what is to be kept there; nil: nothing is known
}

// Remedies lead from trouble back to the field.
func (f *Field) Remedies() shell.Remedies {
	return shell.Remedies{shell.WayPlace: func() { f.w.Canvas().Focus(f.Entry) }}
}

// Wanted returns the path, and asks for one where there is none.
func (f *Field) Wanted() (path string, ok bool) {
	if path = f.path(); path == "" {
		f.measuring.Stop()
		f.free.SetText(lang.L("Type the path of a folder, or choose one."))
		f.w.Canvas().Focus(f.Entry)
	}
	return path, path != ""
}

// NewField makes a field with a path in it.
func NewField(f *Feature, path, label string) *Field {
	field := &Field{Feature: f, Entry: widgets.NewField(), free: widgets.NewCaption(" "), measuring: f.w.Work.Newest()}
	field.Entry.SetText(path)
	field.Entry.SetPlaceHolder(lang.L("Path of the folder"))
	field.Entry.OnChanged = func(string) { field.Measure() }
	field.Entry.OnSubmitted = func(string) {
		if field.Submitted != nil {
			field.Submitted()
		}
	}
	choose := widgets.NewButton(lang.L("Choose…"), "folder", widgets.Second, func() {
		f.w.Choose.Folder(field.path(), field.Entry.SetText)
	})
	field.row = widgets.Row(theme.Space3, widgets.Wide(field.Entry), field.Entry, choose)
	field.Root = widgets.Column(theme.Space2, widgets.NewStrong(label), field.row, field.free)
	field.Measure()
	return field
}

// OrServer offers a server or a cloud too, where this computer can reach one. toRead: it holds a backup already.
func (f *Field) OrServer(toRead bool) {
	if !f.core.Elsewhere().Places.Reaches() {
		return
	}
	server := widgets.NewButton(lang.L("Cloud or server…"), "globe", widgets.Second, func() { newServer(f, toRead) })
	f.row.Add(server)
}

// Measure looks how much room there is; only the newest answer counts.
func (f *Field) Measure() {
	path := f.path()
	if !filepath.IsAbs(path) {
		f.measuring.Stop()
		f.free.SetText(" ")
		return
	}
	sources, free, look := f.Sources, f.Free, f.State // read here: the window's state is this goroutine's
	isBackup := path == f.core.Status().Destination
	f.measuring.Run(func(ctx context.Context) func() {
		if isBackup && !look(ctx, path).There { // the room would be that of the disk it hangs on
			return func() { f.free.SetText(lang.L("The place of your backup cannot be reached.")) }
		}
		bytes, known := free(ctx, path)
		same := core.SameDisk(sources, path)
		return func() {
			text := " " // keeps its line
			if known {
				text = f.freeLine(bytes)
			}
			if same {
				text += " " + lang.L("This is the disk that your files are on: if it breaks, both are lost.")
			}
			f.free.SetText(text)
		}
	})
}

func (f *Field) path() string {
	p := strings.TrimSpace(f.Entry.Text)
	if p == "" || !places.IsPath(p) {
		return p
	}
	return filepath.Clean(shell.Expand(p))
}
