// Package activity is the Activity screen: what was done, by day.
package activity

import (
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/shell"
)

// Core is what the Activity screen needs of core.App.
type Core interface{ Activity() []core.Run }

// Params are what the feature needs.
type Params struct {
	Window *shell.Window
	Core   Core
	// Again returns what does a kind of work once more; nil where only a person can say how.
	Again func(kind core.RunKind) func()
}

// Feature is the Activity screen.
type Feature struct {
	w     *shell.Window
	core  Core
	again func(kind core.RunKind) func()

	Screen *shell.Screen
}

// New makes the feature of a window.
func New(p Params) *Feature {
	f := &Feature{w: p.Window, core: p.Core, again: p.Again}
	f.Screen = &shell.Screen{
		Icon: "activity", Title: func() string { return lang.L("Activity") },
		Show: func() { f.w.Fill(f.w.Side, f.show()) },
	}
	return f
}
