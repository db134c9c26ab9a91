// Holdfast keeps end-to-end encrypted backups of a person's messages and files.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/store/remote"
	"github.com/holdfast-backup/holdfast/plug/freedesktop"
	"github.com/holdfast-backup/holdfast/plug/nodump"
	"github.com/holdfast-backup/holdfast/plug/placeholder"
	"github.com/holdfast-backup/holdfast/ui/cli"
)

func main() {
	if err := nodump.Forbid(); err != nil {
		fmt.Fprintf(os.Stderr, "holdfast: core dumps cannot be forbidden here: %v\n", err)
	}
	if err := freedesktop.NoLaunch(); err != nil {
		fmt.Fprintf(os.Stderr, "holdfast: a session bus may be started here and left behind: %v\n", err)
	}
	placeholder.Disguise()
	// Most memory of a backup is buffers outside the Go heap: collecting the
	// small heap early costs little and keeps the peak down by a seventh.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(25)
	}
	os.Exit(cli.Run(cli.Params{
		Args:       os.Args[1:],
		Stdin:      os.Stdin,
		Stdout:     os.Stdout,
		Stderr:     os.Stderr,
		NewKeyring: newKeyring,
		Vaults:     vaults(),
		Places:     reachable(),
		Window:     window,
	}))
}

// reachable are folders, and what the program beside this one reaches.
func reachable() places.Places { return places.Through(remote.Program(remote.Beside)) }

// newKeyring plugs in what --keyring names.
func newKeyring(kind, profile string) (core.Keyring, error) {
	switch kind {
	case "system":
		return keyring.System{}, nil
	case "file":
		return keyring.File{Path: filepath.Join(profile, "device.key")}, nil
	}
	return nil, fmt.Errorf("--keyring is system or file, not %q", kind)
}
