package secret

import (
	"context"

	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/widget"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// AskPIN asks for a token's PIN over the window, and waits for the answer away
// from the toolkit's goroutine. A backup asks nobody: it needs no password,
// and nobody may be there.
func (f *Feature) AskPIN(ctx context.Context, token string) ([]byte, error) {
	answer := make(chan []byte, 1) // nil: no answer
	var hide func()
	f.w.Work.Do(func() {
		if f.w.Job != nil && f.w.Job.Kind == core.RunBackup || ctx.Err() != nil {
			answer <- nil
			return
		}
		hide = f.pinDialog(token, func(pin []byte) { answer <- pin })
	})
	select {
	case pin := <-answer:
		if pin == nil {
			return nil, context.Canceled
		}
		return pin, nil
	case <-ctx.Done():
		f.w.Work.Do(func() {
			if hide != nil {
				hide()
			}
		})
		return nil, ctx.Err()
	}
}

// pinDialog shows the question; answered is called once.
func (f *Feature) pinDialog(token string, answered func([]byte)) (hide func()) {
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
	pop = f.w.PopUpWith(lang.L("The PIN of “{{.Token}}”", words.Values{"Token": core.DisplayName(token)}),
		lang.L("It is the token's own PIN, not your password. A token locks itself after a few wrong ones. Holdfast remembers it until it is closed."), entry, no, ok)
	f.w.Canvas().Focus(entry)
	return func() { end(nil) }
}
