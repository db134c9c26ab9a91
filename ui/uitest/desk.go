package uitest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"

	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// Desk is a person in front of a window.
type Desk struct {
	T    testing.TB
	Loop *Loop
}

// LastWindow returns the window that was made last.
func LastWindow() fyne.Window {
	all := fyne.CurrentApp().Driver().AllWindows()
	return all[len(all)-1]
}

// patience is only so that a window in which nothing more happens ends the test, and says what it shows.
const patience = 10 * time.Minute

// Until runs what the window's work hands in until cond holds.
func (d *Desk) Until(what string, cond func() bool) {
	d.T.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		d.Loop.Drain()
		if cond() {
			return
		}
		select {
		case <-d.Loop.Wake:
		case <-late.C:
			d.T.Fatalf("%s did not come; the window says:\n%s", what, strings.Join(d.Texts(), "\n"))
		}
	}
}

// Sees waits for a text to be shown.
func (d *Desk) Sees(text string) {
	d.T.Helper()
	d.Until(fmt.Sprintf("%q", text), func() bool {
		return slices.ContainsFunc(d.Texts(), func(s string) bool { return strings.Contains(s, text) })
	})
}

// Walk visits what is shown: the topmost overlay, else the content.
func (d *Desk) Walk(visit func(fyne.CanvasObject)) {
	c := LastWindow().Canvas()
	top := c.Overlays().Top()
	if top == nil {
		top = c.Content()
	}
	var down func(fyne.CanvasObject)
	down = func(o fyne.CanvasObject) {
		if o == nil || !o.Visible() {
			return
		}
		visit(o)
		switch x := o.(type) {
		case *fyne.Container:
			for _, c := range x.Objects {
				down(c)
			}
		case fyne.Widget:
			for _, c := range test.WidgetRenderer(x).Objects() {
				down(c)
			}
		}
	}
	down(top)
}

// Texts returns what can be read.
func (d *Desk) Texts() []string {
	var out []string
	d.Walk(func(o fyne.CanvasObject) {
		switch x := o.(type) {
		case *widgets.Text:
			out = append(out, x.Text)
		case *widgets.Button:
			out = append(out, "["+x.Text+"]")
		case *canvas.Text:
			out = append(out, x.Text)
		}
	})
	return out
}

// Find returns the things of a kind that are shown and fit.
func Find[T fyne.CanvasObject](d *Desk, fits func(T) bool) []T {
	var out []T
	d.Walk(func(o fyne.CanvasObject) {
		if x, ok := o.(T); ok && fits(x) {
			out = append(out, x)
		}
	})
	return out
}

// One returns the first thing of a kind that is shown and fits. It must be there.
func One[T fyne.CanvasObject](d *Desk, what string, fits func(T) bool) T {
	d.T.Helper()
	all := Find(d, fits)
	if len(all) == 0 {
		d.T.Fatalf("there is no %s; the window says:\n%s", what, strings.Join(d.Texts(), "\n"))
	}
	return all[0]
}
