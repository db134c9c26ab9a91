package shell

import (
	"context"
	"slices"
	"time"

	"fyne.io/fyne/v2"

	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// sayAfter is how long something may take before a sentence says what it is: sooner, it would only flicker.
const sayAfter = 400 * time.Millisecond

// Wait runs fn as Work.Run does. What takes longer than a moment is said, and "" when it is over.
func (w *Window) Wait(say func(sentence string), sentence string, fn func(ctx context.Context) (end func())) context.CancelFunc {
	over := false
	quiet := w.Work.after(sayAfter, func() {
		if !over {
			say(sentence)
		}
	})
	return w.Work.Run(func(ctx context.Context) func() {
		end := fn(ctx)
		quiet()
		return func() {
			over = true
			say("")
			if end != nil {
				end()
			}
		}
	})
}

// WaitFor is wait for what a button begins: the button is busy meanwhile.
func (w *Window) WaitFor(b *widgets.Button, say func(sentence string), sentence string,
	fn func(ctx context.Context) (end func())) context.CancelFunc {
	b.SetBusy(true)
	return w.Wait(say, sentence, func(ctx context.Context) func() {
		end := fn(ctx)
		return func() {
			b.SetBusy(false)
			if end != nil {
				end()
			}
		}
	})
}

// Wait is Window.WaitFor for what a button of the page begins, nil: the page itself. The focus comes back to where it
// was, and to try again is to press the button again.
func (p *Page) Wait(b *widgets.Button, sentence string, fn func(ctx context.Context) (end func())) context.CancelFunc {
	c := p.w.Canvas()
	had := c.Focused()
	run := func(ctx context.Context) func() {
		end := fn(ctx)
		return func() {
			if had != nil && c.Focused() == nil && p.Shown() {
				c.Focus(had)
			}
			if end != nil {
				end()
			}
		}
	}
	if b == nil {
		return p.w.Wait(p.Say, sentence, run)
	}
	p.Again = func() { b.Tapped(nil) }
	return p.w.WaitFor(b, p.Say, sentence, run)
}

// Shown reports whether the window shows this page.
func (p *Page) Shown() bool {
	return slices.Contains(p.w.Content.Objects, fyne.CanvasObject(p.Root)) || slices.Contains(p.w.Side.Objects, fyne.CanvasObject(p.Root))
}

// Say shows above the buttons what is waited for; "" is nothing.
func (p *Page) Say(sentence string) {
	p.waiting.SetText(sentence)
	if sentence == "" {
		p.waiting.Hide()
	} else {
		p.waiting.Show()
	}
	if p.bare {
		p.foot.Hidden = sentence == ""
	}
	p.Root.Refresh()
}
