package ui

import (
	"context"
	"crypto/sha256"
	"time"

	"fyne.io/fyne/v2"
)

// clip puts a secret into the clipboard and takes it out again after a while
// and at the end, unless something else was copied since.
type clip struct {
	board fyne.Clipboard
	work  *work
	keep  time.Duration
	mine  [sha256.Size]byte // of what was copied
	holds bool
	timer latest
}

func (c *clip) copy(secret []byte) {
	c.mine, c.holds = sha256.Sum256(secret), true
	c.board.SetContent(string(secret))
	c.timer.w = c.work
	c.timer.run(func(ctx context.Context) func() {
		t := time.NewTimer(c.keep)
		defer t.Stop()
		select {
		case <-t.C:
			return c.clear
		case <-ctx.Done():
			return nil
		}
	})
}

func (c *clip) clear() {
	if c.holds && sha256.Sum256([]byte(c.board.Content())) == c.mine {
		c.board.SetContent("")
	}
	c.holds = false
}
