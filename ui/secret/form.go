package secret

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// passwordForm is a page that asks for a new password and its vault. What was
// entered outlives the page, which may be made anew.
type passwordForm struct {
	*Feature
	fields *newPassword
	vault  *vaultChoice // nil: it cannot be chosen
	// vaultChanged, if set, shows the page anew.
	vaultChanged func()

	shown bool // nothing brings a page back that was left
	p     *shell.Page
	next  *widgets.Button
}

// newPasswordForm makes a form. same names the vault in use.
func newPasswordForm(f *Feature, same string) *passwordForm {
	form := &passwordForm{Feature: f}
	form.fields = newNewPassword(f, form.update, func() { form.next.Tapped(nil) })
	form.vault = newVaultChoice(f, same, func() {
		if form.shown && form.vaultChanged != nil {
			form.vaultChanged()
			return
		}
		form.update()
	}, func(err error) { form.p.Fail(err) })
	return form
}

// show makes the page. use gets the password and clears it; the fields are empty then.
func (f *passwordForm) show(params shell.PageParams, text string, use func(p *shell.Page, next *widgets.Button, password []byte)) {
	again := f.shown
	f.next = widgets.NewButton(text, "", widgets.Main, func() {
		if f.ready() {
			f.shown = false
			use(f.p, f.next, f.fields.take())
		}
	})
	back := params.Back
	params.Back = func() {
		f.leave()
		back()
	}
	params.Content = []fyne.CanvasObject{f.fields.root}
	if f.vault != nil {
		params.Content = append(params.Content, f.vault.root)
	}
	params.Foot = append(params.Foot, f.next)
	f.p = f.w.NewPage(params)
	f.p.Failed = func(err error) {
		f.shown = f.shown || err != nil // it did not lead on
		f.update()                      // the fields are empty
	}
	f.shown = true
	f.update()
	f.w.Flow(f.p.Root)
	if !again {
		f.w.Canvas().Focus(f.fields.first)
	}
}

// leave empties the fields.
func (f *passwordForm) leave() {
	f.shown = false
	f.fields.clear()
	if f.vault != nil {
		f.vault.enrolment.SetText("")
	}
}

func (f *passwordForm) ready() bool {
	return f.fields.ready() && (f.vault == nil || f.vault.ready())
}

func (f *passwordForm) update() {
	if f.next == nil {
		return // not shown yet
	}
	if f.ready() {
		f.next.Enable()
	} else {
		f.next.Disable()
	}
	f.p.Relayout()
}

// guessWords says how many guesses are left.
func (f *Feature) guessWords(left int) string {
	if left == 1 {
		return lang.L("One guess left")
	}
	return lang.L("{{.Count}} guesses left", words.Values{"Count": left})
}

// guessTone is how serious that is.
func guessTone(left int) widgets.Tone {
	switch {
	case left <= 1:
		return widgets.ToneBad
	case left <= 3:
		return widgets.ToneAttention
	}
	return widgets.ToneNeutral
}
