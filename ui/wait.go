package ui

import (
	"context"
	"slices"
	"time"

	"fyne.io/fyne/v2"

	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// sayAfter is how long something may take before a sentence says what it is: sooner, it would only flicker.
const sayAfter = 400 * time.Millisecond

// wait runs fn as work.run does. What takes longer than a moment is said, and "" when it is over.
func (u *UI) wait(say func(sentence string), sentence string, fn func(ctx context.Context) (end func())) context.CancelFunc {
	over := false
	quiet := u.work.after(sayAfter, func() {
		if !over {
			say(sentence)
		}
	})
	return u.work.run(func(ctx context.Context) func() {
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

// waitFor is wait for what a button begins: the button is busy meanwhile.
func (u *UI) waitFor(b *widgets.Button, say func(sentence string), sentence string, fn func(ctx context.Context) (end func())) context.CancelFunc {
	b.SetBusy(true)
	return u.wait(say, sentence, func(ctx context.Context) func() {
		end := fn(ctx)
		return func() {
			b.SetBusy(false)
			if end != nil {
				end()
			}
		}
	})
}

// wait is UI.waitFor for what a button of the page begins, nil: the page itself. The focus comes back to where it
// was, and to try again is to press the button again.
func (p *page) wait(b *widgets.Button, sentence string, fn func(ctx context.Context) (end func())) context.CancelFunc {
	c := p.u.window.Canvas()
	had := c.Focused()
	run := func(ctx context.Context) func() {
		end := fn(ctx)
		return func() {
			if had != nil && c.Focused() == nil && p.shown() {
				c.Focus(had)
			}
			if end != nil {
				end()
			}
		}
	}
	if b == nil {
		return p.u.wait(p.say, sentence, run)
	}
	p.again = func() { b.Tapped(nil) }
	return p.u.waitFor(b, p.say, sentence, run)
}

// shown reports whether the window shows this page.
func (p *page) shown() bool {
	return slices.Contains(p.u.content.Objects, fyne.CanvasObject(p.root)) || slices.Contains(p.u.screen.Objects, fyne.CanvasObject(p.root))
}

// say shows above the buttons what is waited for; "" is nothing.
func (p *page) say(sentence string) {
	p.waiting.SetText(sentence)
	if sentence == "" {
		p.waiting.Hide()
	} else {
		p.waiting.Show()
	}
	if p.bare {
		p.foot.Hidden = sentence == ""
	}
	p.root.Refresh()
}
