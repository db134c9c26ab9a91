// Smallpacks backs up or prunes a profile that bench/scale.py made, with packs of a few
// kilobytes in place of 24 MiB, so that a repository on a small disk has as many as one of 10 TB.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/keyring"
)

func main() {
	debug.SetGCPercent(25) // as in Holdfast's own main
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() (err error) {
	profile := flag.String("profile", "", "the profile's folder")
	packBytes := flag.Int("pack-bytes", 4720, "how large packs are to be")
	cpu := flag.String("cpu-profile", "", "write a profile of the processor time to this file")
	memory := flag.String("memory-profile", "", "write a profile of the memory, as it is at the end, to this file")
	flag.Parse()
	if *cpu != "" {
		f, ferr := os.Create(*cpu)
		if ferr != nil {
			return ferr
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	ctx := context.Background()
	a, err := core.Open(ctx, core.Params{Profile: *profile, Keyring: keyring.File{Path: filepath.Join(*profile, "device.key")},
		PackBytes: *packBytes})
	if err != nil {
		return err
	}
	switch verb := flag.Arg(0); verb {
	case "backup":
		_, err = a.Backup(ctx, nil)
	case "preview", "prune":
		_, err = a.Upkeep().Prune(ctx, core.PruneRequest{Retention: &core.Retention{Last: 1}, DryRun: verb == "preview"}, nil)
	default:
		err = fmt.Errorf("backup, preview or prune, not %q", verb)
	}
	if err != nil || *memory == "" {
		return err
	}
	f, err := os.Create(*memory)
	if err != nil {
		return err
	}
	runtime.GC()
	return errors.Join(pprof.WriteHeapProfile(f), f.Close())
}
