package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/widget"

	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// question is asked before something that should not happen by accident.
type question struct {
	title, text, yes, no string
	danger               bool              // what yes does cannot be taken back
	harmless             bool              // yes is the safe answer: it has the focus
	otherwise            func()            // what no does besides going away; may be nil
	field                fyne.CanvasObject // asked along; may be nil
}

// ask shows a question over the window.
func (u *UI) ask(q question, yes func()) {
	var pop *widget.PopUp
	kind := widgets.Main
	if q.danger {
		kind = widgets.Danger
	}
	no := widgets.NewButton(q.no, "", widgets.Second, func() {
		pop.Hide()
		if q.otherwise != nil {
			q.otherwise()
		}
	})
	ok := widgets.NewButton(q.yes, "", kind, func() { pop.Hide(); yes() })
	no.OnEscape = func() { pop.Hide() }
	ok.OnEscape = no.OnEscape
	pop = u.popUpWith(q.title, q.text, q.field, no, ok)
	if q.harmless {
		u.window.Canvas().Focus(ok)
		return
	}
	u.window.Canvas().Focus(no)
}

// inform says something over the window.
func (u *UI) inform(title, text string) {
	var pop *widget.PopUp
	ok := widgets.NewButton(lang.L("OK"), "", widgets.Main, func() { pop.Hide() })
	ok.OnEscape = func() { pop.Hide() }
	pop = u.popUp(title, text, ok)
	u.window.Canvas().Focus(ok)
}

// informError says over the window what went wrong where there is no page for it.
func (u *UI) informError(err error) {
	s := u.words.For(err)
	u.inform(s.What, s.Safe+" "+s.Do)
}

func (u *UI) popUp(title, text string, buttons ...fyne.CanvasObject) *widget.PopUp {
	return u.popUpWith(title, text, nil, buttons...)
}

// popUpWith has a field between its text and its buttons.
func (u *UI) popUpWith(title, text string, field fyne.CanvasObject, buttons ...fyne.CanvasObject) *widget.PopUp {
	gap := widgets.Gap()
	parts := []fyne.CanvasObject{widgets.NewTitle(title), widgets.NewBody(text)}
	if field != nil {
		parts = append(parts, field)
	}
	parts = append(parts, widgets.Row(theme.Space3, widgets.Wide(gap), append([]fyne.CanvasObject{gap}, buttons...)...))
	body := widgets.Inset(theme.Space4, theme.Space3, widgets.Column(theme.Space4, parts...))
	body.Resize(fyne.NewSize(440, 10)) // texts learn their width before their height is asked
	pop := widget.NewModalPopUp(container.NewStack(body), u.window.Canvas())
	pop.Resize(fyne.NewSize(440, body.MinSize().Height))
	pop.Show()
	return pop
}
