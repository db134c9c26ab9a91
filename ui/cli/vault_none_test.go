//go:build !cgo

package cli_test

import "github.com/holdfast-backup/holdfast/core"

// Without cgo there is no PKCS#11, and no vault.
func testVaults() core.Vaults { return nil }
