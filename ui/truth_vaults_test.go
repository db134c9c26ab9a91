//go:build cgo

package ui

import (
	"testing"

	"github.com/holdfast-backup/holdfast/core"
)

// vaultsForLives is a token that the passwords of all histories are kept in.
func vaultsForLives(t *testing.T) core.Vaults { return computer(t) }
