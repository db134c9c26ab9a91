//go:build !cgo

package ui

import (
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// goodPassword is of no use without vaults.
const goodPassword = "lamp otter quilt"

// vaultsForLives is nothing: without cgo there are no tokens, and histories have no passwords.
func vaultsForLives(*testing.T) core.Vaults { return nil }

func (d *desk) typeNew(string, string) { d.t.Fatal("there are no vaults") }

func (d *desk) meter() *widgets.GuessMeter { d.t.Fatal("there are no vaults"); return nil }
