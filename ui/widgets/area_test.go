package widgets

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"
)

// The mouse's wheel scrolls the page, also over a field of several lines.
func TestTheWheelOverAnAreaScrollsThePage(t *testing.T) {
	test.NewTempApp(t)
	a := NewArea(4)
	tail := make([]fyne.CanvasObject, 60)
	for i := range tail {
		tail[i] = widget.NewLabel("a line below")
	}
	page := container.NewVScroll(container.NewVBox(append([]fyne.CanvasObject{a}, tail...)...))
	w := test.NewTempWindow(t, page)
	w.SetPadded(false)
	w.Resize(fyne.NewSize(400, 300))
	at := fyne.CurrentApp().Driver().AbsolutePositionForObject(a).AddXY(20, 20)
	test.Scroll(w.Canvas(), at, 0, -50)
	if page.Offset.Y < 40 {
		t.Errorf("the page is at %v", page.Offset.Y)
	}
}

// A field of several lines grows with them, so that nothing of it is out of sight.
func TestAnAreaGrows(t *testing.T) {
	test.NewTempApp(t)
	a := NewArea(4)
	test.NewTempWindow(t, a)
	small := a.MinSize().Height
	a.SetText(strings.Repeat("*.iso\n", 7))
	if got := a.MinSize().Height; got < 1.7*small {
		t.Errorf("8 lines are %v high, 4 are %v", got, small)
	}
	a.SetText("")
	if got := a.MinSize().Height; got != small {
		t.Errorf("it stays %v high, not %v", got, small)
	}
}
