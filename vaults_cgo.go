//go:build cgo

package main

import (
	"os"
	"path/filepath"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/plug"
)

// pins are asked for by the window, if there is one.
var pins = &plug.PINs{}

// vaults are reached for every profile in the same way, and without one, as
// on a new computer: a token belongs to a computer, not to a profile.
func vaults() core.Vaults {
	dir, err := os.UserConfigDir()
	if err != nil {
		dir = os.TempDir() // no home: what a token cannot keep itself is kept as long as it lasts
	}
	return plug.Vaults{PINs: pins, Tried: plug.NewTried(), Dir: filepath.Join(dir, "holdfast-vaults"),
		Software: filepath.Join(dir, "holdfast-vaults", "software-token")}
}
