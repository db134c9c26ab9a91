//go:build !cgo

package main

import "github.com/holdfast-backup/holdfast/ui/cli"

// window is absent from builds without cgo: the command line alone, which
// runs anywhere, also where there is no display to restore from.
var window func(cli.WindowParams) error
