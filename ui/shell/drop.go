package shell

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
)

// dropped takes files and folders that were dropped on the window: where one
// chooses what to back up they are added, elsewhere a question leads there.
func (w *Window) dropped(_ fyne.Position, items []fyne.URI) {
	var paths []string
	for _, i := range items {
		if i.Scheme() == "file" && filepath.IsAbs(i.Path()) {
			paths = append(paths, filepath.Clean(i.Path()))
		}
	}
	if len(paths) == 0 || w.Canvas().Overlays().Top() != nil {
		return // a question is open, and comes first
	}
	w.Work.Run(func(context.Context) func() { // a disk may have to wake
		paths = slices.DeleteFunc(paths, func(p string) bool {
			_, err := os.Lstat(p)
			return err != nil
		})
		return func() {
			if len(paths) > 0 {
				w.features.Dropped(paths)
			}
		}
	})
}

// IsShown reports whether an object is among what is shown below root.
func IsShown(root, o fyne.CanvasObject) bool {
	return walk(root, func(x fyne.CanvasObject) bool {
		if s, ok := x.(*container.Scroll); ok {
			return IsShown(s.Content, o)
		}
		return x == o
	})
}
