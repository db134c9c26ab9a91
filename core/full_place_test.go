package core_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/filetest"
	"github.com/holdfast-backup/holdfast/core/store"
)

// A backup that finds the place full remembers how much there was to back up, so that somebody can tell how much room is missing.
func TestAFullPlaceIsToldWithWhatWasWanted(t *testing.T) {
	ctx := context.Background()
	c := newComputer(t)
	const size = 3_000_000
	filetest.Write(t, filepath.Join(c.src, "noise"), filetest.Noise(1, size))
	c.setup(nil)
	var wanted int64
	c.must(func(a *core.App) (err error) {
		_, wanted, err = a.Estimate(ctx, []string{c.src}, nil, nil)
		return err
	})
	c.params.Places = hookStore(func(op, name string) error {
		if op == "put" && strings.HasPrefix(name, "packs/") {
			return &store.Error{Op: op, Name: name, Err: store.ErrNoSpace}
		}
		return nil
	})
	first := core.Progress{}
	err := c.do(func(a *core.App) error {
		if _, _, err := a.Estimate(ctx, []string{c.src}, nil, nil); err != nil { // as the wizard does
			return err
		}
		_, err := a.Backup(ctx, func(p core.Progress) {
			if first.Step == "" && p.Step == core.StepBackingUp {
				first = p
			}
		})
		run := a.Activity()[0]
		if run.Wanted != wanted || wanted < size || run.Code != "no-space" {
			t.Errorf("wanted %d of %d, %q", run.Wanted, wanted, run.Code)
		}
		return err
	})
	if !errors.Is(err, core.ErrNoSpace) {
		t.Fatal(err)
	}
	if first.Step != "" && first.BytesTotal != wanted {
		t.Errorf("the first progress: %+v, and there are %d bytes", first, wanted)
	}
}
