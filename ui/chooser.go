package ui

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/storage"
)

// chooser asks the person for a place on this computer. The callbacks are not
// called when nothing was chosen.
type chooser interface {
	folder(start string, chosen func(path string))
	save(name string, chosen func(path string))
	file(chosen func(path string))
}

func newChooser(u *UI) chooser {
	own := &dialogs{u: u}
	if u.desk.Chooser == nil {
		return own
	}
	return &systemDialogs{u: u, system: u.desk.Chooser, own: own}
}

// systemDialogs chooses with the system's dialogs, which know its drives and
// bookmarks and take a path that is typed; without them, with the toolkit's.
type systemDialogs struct {
	u      *UI
	system Chooser
	own    chooser
	open   bool
}

func (d *systemDialogs) folder(start string, chosen func(string)) {
	if start == "" {
		start = home() // where the system would begin with what was opened last, files too
	}
	d.ask(func(ctx context.Context, window string) (string, error) {
		return d.system.Folder(ctx, window, lang.L("Choose a folder"), start)
	}, chosen, func() { d.own.folder(start, chosen) })
}

func (d *systemDialogs) save(name string, chosen func(string)) {
	d.ask(func(ctx context.Context, window string) (string, error) {
		return d.system.Save(ctx, window, lang.L("Save as"), name)
	}, chosen, func() { d.own.save(name, chosen) })
}

func (d *systemDialogs) file(chosen func(string)) {
	d.ask(func(ctx context.Context, window string) (string, error) {
		return d.system.File(ctx, window, lang.L("Choose a file"))
	}, chosen, func() { d.own.file(chosen) })
}

// ask shows one dialog of the system at a time; otherwise is what follows where it has none.
func (d *systemDialogs) ask(show func(ctx context.Context, window string) (string, error), chosen func(string), otherwise func()) {
	if d.open {
		return
	}
	d.open = true
	window := d.u.handle()
	d.u.work.run(func(ctx context.Context) func() {
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
	u    *UI
	open *dialog.FileDialog // nil: none
}

// dialogSize is that of the toolkit's dialogs.
var dialogSize = fyne.NewSize(760, 540)

func (d *dialogs) folder(start string, chosen func(string)) {
	f := dialog.NewFolderOpen(func(uri fyne.ListableURI, err error) {
		if err == nil && uri != nil {
			chosen(uri.Path())
		}
	}, d.u.window)
	if l, err := storage.ListerForURI(storage.NewFileURI(start)); start != "" && err == nil {
		f.SetLocation(l)
	}
	d.show(f)
}

func (d *dialogs) save(name string, chosen func(string)) {
	f := dialog.NewFileSave(func(w fyne.URIWriteCloser, err error) {
		if err != nil || w == nil {
			return
		}
		path := w.URI().Path()
		if w.Close() == nil {
			chosen(path)
		}
	}, d.u.window)
	f.SetFileName(name)
	d.show(f)
}

func (d *dialogs) file(chosen func(string)) {
	f := dialog.NewFileOpen(func(r fyne.URIReadCloser, err error) {
		if err != nil || r == nil {
			return
		}
		path := r.URI().Path()
		if r.Close() == nil {
			chosen(path)
		}
	}, d.u.window)
	d.show(f)
}

func (d *dialogs) show(f *dialog.FileDialog) {
	f.SetView(dialog.ListView)
	f.SetOnClosed(func() { d.open = nil })
	f.Show()
	if d.u.window.Canvas().Overlays().Top() == nil {
		return // the toolkit was built to ask the portal, and there is no dialog of its own to be resized
	}
	f.Resize(dialogSize) // after Show: before it the dialog has no window
	d.open = f
	d.u.window.Canvas().Unfocus() // so that Escape closes it
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
