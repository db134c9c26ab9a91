package widgets

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
)

// What is pasted often ends with the line it stood on, which is no part of a password.
func TestSecretEntryPastesOneLine(t *testing.T) {
	begin(t)
	for pasted, want := range map[string]string{
		"lamp otter\n": "lamp otter", "lamp otter\r\n": "lamp otter", "\r\nlamp otter": "lamp otter", " lamp otter ": " lamp otter ",
	} {
		e := NewSecretEntry()
		w := test.NewTempWindow(t, e)
		w.Canvas().Focus(e)
		board := fyne.CurrentApp().Clipboard()
		board.SetContent(pasted)
		e.TypedShortcut(&fyne.ShortcutPaste{Clipboard: board})
		if got := string(e.Take()); got != want || e.Text != "" {
			t.Errorf("%q became %q, and %q stays", pasted, got, e.Text)
		}
		if e.Undo(); e.Text != "" {
			t.Errorf("undoing brings %q back", e.Text)
		}
	}
}

func TestGuessMeterSaysAndShows(t *testing.T) {
	begin(t)
	m := NewGuessMeter("Asking…")
	if m.dots.Visible() {
		t.Error("there are dots before anything is known")
	}
	m.Set(7, 10, ToneNeutral, "7 guesses left")
	if m.Left() != 7 || m.Words() != "7 guesses left" || len(test.WidgetRenderer(m.dots).Objects()) != 10 {
		t.Error(m.Left(), m.Words())
	}
	m.Say("No answer")
	if m.dots.Visible() {
		t.Error("it shows guesses that nobody told of")
	}
}

func TestStrengthMeterFills(t *testing.T) {
	begin(t)
	m := NewStrengthMeter()
	m.Set(9, ToneGood, "check", "Very good.")
	if m.bar.filled != strengthParts || m.Advice() != "Very good." {
		t.Error(m.bar.filled, m.Advice())
	}
}

// What belongs to one answer is seen only while that answer is chosen.
func TestChoicesShowWhatBelongsToTheChosen(t *testing.T) {
	begin(t)
	c := NewChoices(1, [2]string{"a", ""}, [2]string{"b", ""})
	c.Below(0, NewBody("more"))
	if c.below[0].Visible() {
		t.Error("it is seen too early")
	}
	test.Tap(c.all[0])
	if !c.below[0].Visible() {
		t.Error("it is not seen")
	}
}
