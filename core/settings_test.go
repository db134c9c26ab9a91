package core_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/filetest"
)

func TestSourcesCanBeChanged(t *testing.T) {
	ctx := context.Background()
	c := newComputer(t)
	other := filepath.Join(t.TempDir(), "other")
	filetest.Write(t, filepath.Join(c.src, "a.txt"), []byte("a"))
	filetest.Write(t, filepath.Join(other, "b.txt"), []byte("b"))
	filetest.Write(t, filepath.Join(other, "b.tmp"), []byte("b"))
	c.must(func(a *core.App) error {
		if err := a.SetSources(ctx, []string{other}, nil); !errors.Is(err, core.ErrNotSetUp) {
			t.Errorf("before set-up: %v", err)
		}
		return nil
	})
	c.setup(nil)
	c.backup()
	excludes := []string{"preset:temporary"}
	c.must(func(a *core.App) error {
		for _, bad := range []struct {
			sources, excludes []string
			want              error
		}{
			{nil, nil, core.ErrInvalid}, {[]string{filepath.Join(other, "nothing")}, nil, core.ErrNoSource},
			{[]string{other}, []string{"["}, core.ErrInvalid},
			{[]string{other}, []string{"preset:unknown"}, core.ErrInvalid}, {[]string{filepath.Dir(c.dest)}, nil, core.ErrInvalid},
			{[]string{other, filepath.Join(other, "b.txt")}, nil, core.ErrInvalid},
		} {
			if err := a.SetSources(ctx, bad.sources, bad.excludes); !errors.Is(err, bad.want) {
				t.Errorf("%v: %v, want %v", bad.sources, err, bad.want)
			}
		}
		if st := a.Status(); !slices.Equal(st.Sources, []string{c.src}) {
			t.Errorf("a refused change was kept: %v", st.Sources)
		}
		files, bytes, err := a.Estimate(ctx, []string{c.src, other}, excludes, nil)
		if err != nil || files != 2 || bytes != 2 {
			t.Errorf("estimate: %d files, %d bytes, %v", files, bytes, err)
		}
		return a.SetSources(ctx, []string{c.src, other}, excludes)
	})
	if r := c.backup(); r.Files != 2 || r.FilesNew != 1 {
		t.Errorf("%+v", r)
	}
	c.must(func(a *core.App) error { // settings outlive the process
		if st := a.Status(); !slices.Equal(st.Sources, []string{c.src, other}) || !slices.Equal(st.Excludes, excludes) {
			t.Errorf("%+v", st)
		}
		if len(core.Presets()) < 3 {
			t.Error("presets are missing")
		}
		return nil
	})
}

func TestTheKeyIsConfirmedUntilItChanges(t *testing.T) {
	ctx := context.Background()
	c := newComputer(t)
	filetest.Write(t, filepath.Join(c.src, "a.txt"), []byte("a"))
	c.setup(newKey(t))
	confirmed := func() bool {
		var at bool
		c.must(func(a *core.App) error { at = !a.Status().KeyConfirmed.IsZero(); return nil })
		return at
	}
	if confirmed() {
		t.Error("confirmed before anybody did")
	}
	c.must(func(a *core.App) error { return a.Encryption().ConfirmKey() })
	if !confirmed() {
		t.Error("the confirmation was lost")
	}
	c.must(func(a *core.App) error {
		k, err := a.Encryption().NewKey()
		if err != nil {
			return err
		}
		return a.Encryption().ChangeKey(ctx, k, nil)
	})
	if confirmed() {
		t.Error("a new key counts as confirmed")
	}
}
