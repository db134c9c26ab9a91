package ui

import (
	"context"

	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/widget"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// askPIN asks for a token's PIN over the window, and waits for the answer away
// from the toolkit's goroutine. A backup asks nobody: it needs no password,
// and nobody may be there.
func (u *UI) askPIN(ctx context.Context, token string) ([]byte, error) {
	answer := make(chan []byte, 1) // nil: no answer
	var hide func()
	u.w.Work.Do(func() {
		if u.w.Job != nil && u.w.Job.Kind == core.RunBackup || ctx.Err() != nil {
			answer <- nil
			return
		}
		hide = u.pinDialog(token, func(pin []byte) { answer <- pin })
	})
	select {
	case pin := <-answer:
		if pin == nil {
			return nil, context.Canceled
		}
		return pin, nil
	case <-ctx.Done():
		u.w.Work.Do(func() {
			if hide != nil {
				hide()
			}
		})
		return nil, ctx.Err()
	}
}

// pinDialog shows the question; answered is called once.
func (u *UI) pinDialog(token string, answered func([]byte)) (hide func()) {
	var pop *widget.PopUp
	entry := widgets.NewSecretEntry()
	done := false
	end := func(pin []byte) {
		if done {
			return
		}
		done = true
		entry.SetText("")
		pop.Hide()
		answered(pin)
	}
	no := widgets.NewButton(lang.L("Cancel"), "", widgets.Second, func() { end(nil) })
	ok := widgets.NewButton(lang.L("Use the PIN"), "", widgets.Main, func() { end(entry.Take()) })
	ok.Disable()
	entry.OnChanged = func(text string) {
		if text == "" {
			ok.Disable()
		} else {
			ok.Enable()
		}
	}
	entry.OnSubmitted = func(string) { ok.Tapped(nil) }
	entry.OnEscape = func() { end(nil) }
	no.OnEscape, ok.OnEscape = entry.OnEscape, entry.OnEscape
	pop = u.w.PopUpWith(lang.L("The PIN of “{{.Token}}”", words.Values{"Token": core.DisplayName(token)}),
		lang.L("It is the token's own PIN, not your password. A token locks itself after a few wrong ones. Holdfast remembers it until it is closed."), entry, no, ok)
	u.w.Canvas().Focus(entry)
	return func() { end(nil) }
}
