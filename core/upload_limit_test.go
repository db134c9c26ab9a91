package core_test

import (
	"crypto/rand"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/filetest"
)

// The limit is remembered and holds a backup's uploads; one for a single
// process is not remembered.
func TestUploadLimit(t *testing.T) {
	c := newComputer(t)
	noise := make([]byte, 3_000_000)
	_, _ = rand.Read(noise) // documented never to fail
	filetest.Write(t, filepath.Join(c.src, "noise"), noise)
	c.setup(nil)
	c.must(func(a *core.App) error {
		if err := a.SetUploadLimit(-1, core.Hours{}); !errors.Is(err, core.ErrInvalid) {
			t.Errorf("a limit below nothing: %v", err)
		}
		return a.SetUploadLimit(1_000_000, core.Hours{})
	})
	c.must(func(a *core.App) error { // another process
		if l := a.Status().UploadLimit; l != 1_000_000 {
			t.Errorf("the limit is %d", l)
		}
		begin := time.Now()
		if _, err := a.Backup(t.Context(), nil); err != nil {
			return err
		}
		if took := time.Since(begin); took < 2*time.Second { // a quarter of a second's worth may go at once
			t.Errorf("3 MB at 1 MB a second took %v", took)
		}
		a.LimitUploads(0)
		return nil
	})
	c.must(func(a *core.App) error {
		if l := a.Status().UploadLimit; l != 1_000_000 {
			t.Errorf("the limit is %d: that of one process was remembered", l)
		}
		return nil
	})
}
