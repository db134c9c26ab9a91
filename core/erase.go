package core

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-backup/holdfast/core/backup"
	"github.com/holdfast-backup/holdfast/core/meter"
	"github.com/holdfast-backup/holdfast/core/profile"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/erase"
	"github.com/holdfast-backup/holdfast/core/repo/prune"
)

// EraseRequest names what is taken out of the backups.
type EraseRequest struct {
	Paths        []string // as List gives them; a source's name for all of it
	AllComputers bool     // not only out of this computer's backups
	DryRun       bool
}

// EraseReport tells what an erasure did, or would do.
type EraseReport struct {
	Snapshots int      `json:"snapshots"` // that held one of the paths
	Files     int64    `json:"files"`     // in the backup that held most of them
	Bytes     int64    `json:"bytes"`     // of these
	Present   []string `json:"present"`   // paths on this computer that are backed up again unless they are excluded
	Seconds   float64  `json:"seconds"`
	DryRun    bool     `json:"dry_run,omitempty"`
}

// Erase takes files and folders out of every backup that this computer has made. The backups
// keep their dates and everything else, and get new ids. The data goes with Prune, thorough.
// Errors: ErrNotSetUp, ErrInvalid, ErrNoEntry, ErrChangePending, ErrDamaged (then nothing has changed), ….
func (up Upkeep) Erase(ctx context.Context, req EraseRequest, progress func(Progress)) (EraseReport, error) {
	if req.DryRun {
		report, err := up.erase(ctx, req, progress)
		return report, raise(err)
	}
	return runFor(up.app, RunErase, func(run *Run) (EraseReport, error) {
		report, err := up.erase(ctx, req, progress)
		run.Files, run.Bytes = report.Files, report.Bytes
		return report, err
	})
}

func (up Upkeep) erase(ctx context.Context, req EraseRequest, progress func(Progress)) (EraseReport, error) {
	begin := time.Now()
	o := erase.Options{DryRun: req.DryRun, PackBytes: up.app.p.PackBytes}
	for _, p := range req.Paths {
		clean := strings.Trim(p, "/")
		if clean == "" || clean != strings.Trim(filepath.ToSlash(filepath.Clean(clean)), "/") || strings.HasPrefix(clean, "..") {
			return EraseReport{}, fmt.Errorf("%w: %q is no path in a backup", ErrInvalid, p)
		}
		if !slices.Contains(o.Paths, clean) {
			o.Paths = append(o.Paths, clean)
		}
	}
	if len(o.Paths) == 0 {
		return EraseReport{}, fmt.Errorf("%w: no path was named", ErrInvalid)
	}
	set := up.app.profile.Settings()
	if set.Change != "" {
		return EraseReport{}, ErrChangePending
	}
	if !req.AllComputers {
		host, _ := whoami()
		o.Of = func(s *repo.Snapshot) bool { return s.Host == host }
	}
	r, err := up.app.openToWrite(ctx, asItIs)
	if err != nil {
		return EraseReport{}, err
	}
	defer r.Store().Close() //nolint:errcheck // nothing is buffered
	at := &prunePosition{}
	o.Progress = func(done, total int) { at.set(prune.Looking, int64(done), int64(total)) }
	m := meter.Start(ctx, progress, at.progress)
	out, err := erase.Run(ctx, r, o)
	m.End()
	report := EraseReport{Snapshots: out.Snapshots, Files: out.Files, Bytes: out.Bytes, Present: stillThere(set.Sources, o.Paths),
		DryRun: req.DryRun}
	if !req.DryRun && len(out.Replaced)+len(out.Removed) > 0 {
		err = errors.Join(err, up.forgetErased(set.Repository, out))
	}
	report.Seconds = time.Since(begin).Seconds()
	return report, err
}

// forgetErased makes this computer expect the new snapshots, and read its files anew: what it
// remembers leads to chunks in which erased bytes lie.
func (up Upkeep) forgetErased(repository string, out erase.Report) error {
	err := up.app.profile.Update(func(s *profile.Settings) {
		var known []string
		for _, id := range s.Known {
			n, ok := repo.ParseName(id)
			if !ok || slices.Contains(out.Removed, n) {
				continue
			}
			if fresh, ok := out.Replaced[n]; ok {
				id = fresh.String()
			}
			known = append(known, id)
		}
		s.Known = known
	})
	cache := up.app.profile.Cache(repository, changes)
	return errors.Join(err, os.RemoveAll(cache), os.RemoveAll(backup.PagesDir(cache)))
}

// stillThere are the files and folders on this computer that stand for paths in its backups.
func stillThere(sources, paths []string) (out []string) {
	for _, src := range namedSources(sources) {
		for _, p := range paths {
			first, rest, _ := strings.Cut(p, "/")
			if first != src.Name {
				continue
			}
			path := filepath.Join(src.Path, filepath.FromSlash(rest))
			if _, err := os.Lstat(path); err == nil {
				out = append(out, path)
			}
		}
	}
	return out
}
