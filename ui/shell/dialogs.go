package shell

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/widget"

	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// Question is asked before something that should not happen by accident.
type Question struct {
	Title, Text, Yes, No string
	Danger               bool              // what yes does cannot be taken back
	Harmless             bool              // yes is the safe answer: it has the focus
	Otherwise            func()            // what no does besides going away; may be nil
	field                fyne.CanvasObject // asked along; may be nil
}

// Ask shows a question over the window.
func (w *Window) Ask(q Question, yes func()) {
	var pop *widget.PopUp
	kind := widgets.Main
	if q.Danger {
		kind = widgets.Danger
	}
	no := widgets.NewButton(q.No, "", widgets.Second, func() {
		pop.Hide()
		if q.Otherwise != nil {
			q.Otherwise()
		}
	})
	ok := widgets.NewButton(q.Yes, "", kind, func() { pop.Hide(); yes() })
	no.OnEscape = func() { pop.Hide() }
	ok.OnEscape = no.OnEscape
	pop = w.PopUpWith(q.Title, q.Text, q.field, no, ok)
	if q.Harmless {
		w.Canvas().Focus(ok)
		return
	}
	w.Canvas().Focus(no)
}

// Inform says something over the window.
func (w *Window) Inform(title, text string) {
	var pop *widget.PopUp
	ok := widgets.NewButton(lang.L("OK"), "", widgets.Main, func() { pop.Hide() })
	ok.OnEscape = func() { pop.Hide() }
	pop = w.PopUpWith(title, text, nil, ok)
	w.Canvas().Focus(ok)
}

// InformError says over the window what went wrong where there is no page for it.
func (w *Window) InformError(err error) {
	s := w.Words.For(err)
	w.Inform(s.What, s.Safe+" "+s.Do)
}

// PopUpWith shows a question over the window, with a field between its text and its buttons; the field may be nil.
func (w *Window) PopUpWith(title, text string, field fyne.CanvasObject, buttons ...fyne.CanvasObject) *widget.PopUp {
	gap := widgets.Gap()
	parts := []fyne.CanvasObject{widgets.NewTitle(title), widgets.NewBody(text)}
	if field != nil {
		parts = append(parts, field)
	}
	parts = append(parts, widgets.Row(theme.Space3, widgets.Wide(gap), append([]fyne.CanvasObject{gap}, buttons...)...))
	body := widgets.Inset(theme.Space4, theme.Space3, widgets.Column(theme.Space4, parts...))
	body.Resize(fyne.NewSize(440, 10)) // texts learn their width before their height is asked
	pop := widget.NewModalPopUp(container.NewStack(body), w.Canvas())
	pop.Resize(fyne.NewSize(440, body.MinSize().Height))
	pop.Show()
	return pop
}
