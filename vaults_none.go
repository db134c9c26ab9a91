//go:build !cgo

package main

import "github.com/holdfast-backup/holdfast/core"

// vaults are absent from builds without cgo, which PKCS#11 takes: there are
// no passwords, and the 64 digits open every backup.
func vaults() core.Vaults { return nil }
