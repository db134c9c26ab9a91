package shell

import (
	"context"
	"crypto/sha256"
	"time"

	"fyne.io/fyne/v2"
)

// Clip puts a secret into the clipboard and takes it out again after a while
// and at the end, unless something else was copied since.
type Clip struct {
	board fyne.Clipboard
	work  *Work
	Keep  time.Duration
	mine  [sha256.Size]byte // of what was copied
	holds bool
	timer Latest
}

// Copy puts a secret into the clipboard.
func (c *Clip) Copy(secret []byte) {
	c.mine, c.holds = sha256.Sum256(secret), true
	c.board.SetContent(string(secret))
	c.timer.w = c.work
	c.timer.Run(func(ctx context.Context) func() {
		t := time.NewTimer(c.Keep)
		defer t.Stop()
		select {
		case <-t.C:
			return c.Clear
		case <-ctx.Done():
			return nil
		}
	})
}

// Clear takes the secret out of the clipboard, if it is still there.
func (c *Clip) Clear() {
	if c.holds && sha256.Sum256([]byte(c.board.Content())) == c.mine {
		c.board.SetContent("")
	}
	c.holds = false
}
