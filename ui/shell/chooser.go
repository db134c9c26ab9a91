package shell

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/storage"
)

// Picker asks the person for a place on this computer. The callbacks are not
// called when nothing was chosen.
type Picker interface {
	Folder(start string, chosen func(path string))
	Save(name string, chosen func(path string))
	File(chosen func(path string))
}

func newChooser(w *Window) Picker {
	own := &dialogs{w: w}
	if w.desk.Chooser == nil {
		return own
	}
	return &systemDialogs{w: w, system: w.desk.Chooser, own: own}
}

// systemDialogs chooses with the system's dialogs, which know its drives and
// bookmarks and take a path that is typed; without them, with the toolkit's.
type systemDialogs struct {
	w      *Window
	system Chooser
	own    Picker
	open   bool
}

// Folder asks for a folder.
func (d *systemDialogs) Folder(start string, chosen func(string)) {
	if start == "" {
		start = HomeFolder() // where the system would begin with what was opened last, files too
	}
	d.ask(func(ctx context.Context, window string) (string, error) {
		return d.system.Folder(ctx, window, lang.L("Choose a folder"), start)
	}, chosen, func() { d.own.Folder(start, chosen) })
}

// Save asks for the name of a new file.
func (d *systemDialogs) Save(name string, chosen func(string)) {
	d.ask(func(ctx context.Context, window string) (string, error) {
		return d.system.Save(ctx, window, lang.L("Save as"), name)
	}, chosen, func() { d.own.Save(name, chosen) })
}

// File asks for a file.
func (d *systemDialogs) File(chosen func(string)) {
	d.ask(func(ctx context.Context, window string) (string, error) {
		return d.system.File(ctx, window, lang.L("Choose a file"))
	}, chosen, func() { d.own.File(chosen) })
}

// ask shows one dialog of the system at a time; otherwise is what follows where it has none.
func (d *systemDialogs) ask(show func(ctx context.Context, window string) (string, error), chosen func(string), otherwise func()) {
	if d.open {
		return
	}
	d.open = true
	window := handle(d.w.frame)
	d.w.Work.Run(func(ctx context.Context) func() {
		path, err := show(ctx, window)
		return func() {
			d.open = false
			switch {
			case err != nil:
				otherwise()
			case path != "":
				chosen(path)
			}
		}
	})
}

// dialogs chooses with the toolkit's dialogs.
type dialogs struct {
	w    *Window
	open *dialog.FileDialog // nil: none
}

// dialogSize is that of the toolkit's dialogs.
var dialogSize = fyne.NewSize(760, 540)

// Folder asks for a folder.
func (d *dialogs) Folder(start string, chosen func(string)) {
	f := dialog.NewFolderOpen(func(uri fyne.ListableURI, err error) {
		if err == nil && uri != nil {
			chosen(uri.Path())
		}
	}, d.w.frame)
	if l, err := storage.ListerForURI(storage.NewFileURI(start)); start != "" && err == nil {
		f.SetLocation(l)
	}
	d.show(f)
}

// Save asks for the name of a new file.
func (d *dialogs) Save(name string, chosen func(string)) {
	f := dialog.NewFileSave(func(w fyne.URIWriteCloser, err error) {
		if err != nil || w == nil {
			return
		}
		path := w.URI().Path()
		if w.Close() == nil {
			chosen(path)
		}
	}, d.w.frame)
	f.SetFileName(name)
	d.show(f)
}

// File asks for a file.
func (d *dialogs) File(chosen func(string)) {
	f := dialog.NewFileOpen(func(r fyne.URIReadCloser, err error) {
		if err != nil || r == nil {
			return
		}
		path := r.URI().Path()
		if r.Close() == nil {
			chosen(path)
		}
	}, d.w.frame)
	d.show(f)
}

func (d *dialogs) show(f *dialog.FileDialog) {
	f.SetView(dialog.ListView)
	f.SetOnClosed(func() { d.open = nil })
	f.Show()
	if d.w.Canvas().Overlays().Top() == nil {
		return // the toolkit was built to ask the portal, and there is no dialog of its own to be resized
	}
	f.Resize(dialogSize) // after Show: before it the dialog has no window
	d.open = f
	d.w.Canvas().Unfocus() // so that Escape closes it
}

// dismiss closes the dialog that is open, and reports whether there was one.
func (d *dialogs) dismiss() bool {
	if d.open == nil {
		return false
	}
	d.open.Dismiss()
	return true
}

func (d *systemDialogs) dismiss() bool {
	own, ok := d.own.(interface{ dismiss() bool })
	return ok && own.dismiss()
}

// HomeFolder is the person's folder; "" where there is none.
func HomeFolder() string {
	h, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return h
}

// Expand understands "~", as people type it.
func Expand(path string) string {
	if path == "~" || strings.HasPrefix(path, "~/") || strings.HasPrefix(path, `~\`) {
		if h := HomeFolder(); h != "" {
			return filepath.Join(h, path[1:])
		}
	}
	return path
}
