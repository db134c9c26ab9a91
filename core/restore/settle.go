package restore

import (
	"errors"
	"os"

	"github.com/holdfast-backup/holdfast/core/writeback"
)

// What is restored does not stay in the system's page cache: it would take the
// place of what the person works with. A worker lets the disk begin with what it has
// written and goes on; that much later it waits for it, and only then the file gets its name.
const (
	settleMin    = 256 << 10 // of smaller files, too many would be open
	settleBehind = 16 << 20
)

// written is a range of a file on its way to the disk; then is called when it is there, or
// with why it cannot be.
type written struct {
	file           *os.File
	offset, length int64
	then           func(error) error
}

// settle takes over a range that was written. It returns errors that end the run.
func (w *worker) settle(x written) error {
	writeback.Begin(x.file, x.offset, x.length)
	w.behind = append(w.behind, x)
	w.behindBytes += x.length
	for w.behindBytes > settleBehind || len(w.behind) > w.r.behind {
		if err := w.settleOldest(); err != nil {
			return err
		}
	}
	return nil
}

func (w *worker) settleOldest() error {
	x := w.behind[0]
	w.behind = w.behind[1:]
	w.behindBytes -= x.length
	return x.then(writeback.Await(x.file, x.offset, x.length))
}

// settleAll ends what is on its way, also when the run has failed: those files are whole.
func (w *worker) settleAll() (err error) {
	for len(w.behind) > 0 {
		err = errors.Join(err, w.settleOldest())
	}
	return err
}
