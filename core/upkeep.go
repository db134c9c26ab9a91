package core

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/holdfast-backup/holdfast/core/drill"
	"github.com/holdfast-backup/holdfast/core/meter"
	"github.com/holdfast-backup/holdfast/core/profile"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/check"
)

// DrillRequest says how much to try.
type DrillRequest struct {
	// Percent of the newest backup's bytes, 0 to 100; 0 is 5, and at least 64 MiB.
	Percent float64
}

// DrillReport tells what came back.
type DrillReport struct {
	Snapshot string  `json:"snapshot"`
	Files    int64   `json:"files"` // that were read back
	Bytes    int64   `json:"bytes"` // of these files
	Seconds  float64 `json:"seconds"`
	// FilesTotal is how many the backup has; a drill goes on where the one before ended.
	FilesTotal int64     `json:"files_total"`
	Errors     int       `json:"errors"` // files that do not come back
	Problems   []Problem `json:"problems,omitempty"`
}

// Drill opens the backup anew and reads files of this computer's newest
// snapshot back, every byte checked, as a restore would, without writing them
// anywhere. It goes on where the last drill ended, so in time every file was
// tried. Files that do not come back are in the report, and no error.
// Errors: ErrNotSetUp, ErrInvalid, ErrNoSnapshot, ….
func (up Upkeep) Drill(ctx context.Context, req DrillRequest, progress func(Progress)) (DrillReport, error) {
	return runFor(up.app, RunDrill, func(run *Run) (DrillReport, error) {
		report, err := up.drill(ctx, req, progress)
		run.Snapshot, run.Files, run.Bytes, run.Problems, run.ProblemsTotal = report.Snapshot, report.Files, report.Bytes, report.Problems,
			report.Errors
		return report, err
	})
}

func (up Upkeep) drill(ctx context.Context, req DrillRequest, progress func(Progress)) (DrillReport, error) {
	begin := time.Now()
	if req.Percent < 0 || req.Percent > 100 {
		return DrillReport{}, fmt.Errorf("%w: %v per cent of the files", ErrInvalid, req.Percent)
	}
	r, err := up.app.openToRead(ctx)
	if err != nil {
		return DrillReport{}, err
	}
	defer r.Store().Close() //nolint:errcheck // only read from
	s, err := up.ownNewest(ctx, r)
	if err != nil {
		return DrillReport{}, err
	}
	if _, err := r.LoadIndex(ctx); err != nil {
		return DrillReport{}, err
	}
	report := DrillReport{Snapshot: s.ID(), FilesTotal: s.Files}
	after, _ := hex.DecodeString(up.app.profile.Settings().DrilledTo) // "" is the beginning
	d := drill.New(drill.Options{
		Repository: r, Snapshot: s, Percent: req.Percent, After: string(after),
		Fault: func(path string, err error) {
			report.Errors++
			if len(report.Problems) < keptProblems {
				report.Problems = append(report.Problems, Problem{DisplayName(path), reason(err)})
			}
		},
	})
	m := meter.Start(ctx, progress, func() Progress {
		return Progress{Step: StepChecking, FilesDone: d.Files.Load(), BytesDone: d.Bytes.Load(), BytesTotal: d.Target}
	})
	last, err := d.Run(ctx)
	m.End()
	report.Files, report.Bytes, report.Seconds = d.Files.Load(), d.Bytes.Load(), time.Since(begin).Seconds()
	if err != nil {
		return report, err
	}
	return report, up.app.profile.Update(func(s *profile.Settings) { s.DrilledTo = hex.EncodeToString([]byte(last)) })
}

// ownNewest returns the newest snapshot that this computer made, and
// otherwise the newest there is.
func (up Upkeep) ownNewest(ctx context.Context, r *repo.Repository) (*repo.Snapshot, error) {
	for _, id := range slices.Backward(up.app.profile.Settings().Known) {
		s, err := r.FindSnapshot(ctx, id)
		if !errors.Is(err, repo.ErrNoSnapshot) {
			return s, err
		}
	}
	return r.FindSnapshot(ctx, "latest")
}

// RepairRequest says how far a repair goes.
type RepairRequest struct {
	// Data reads all data back too; otherwise only what describes it.
	Data bool
	// DryRun changes nothing, and leaves no trace in the history.
	DryRun bool
}

// RepairReport tells what was put right and what is lost.
type RepairReport struct {
	Repaired []string `json:"repaired"` // with the object's name
	Damage   []string `json:"damage"`   // what cannot be put right
	// LostFiles lists files (snapshot id prefix:path) that cannot be restored; the
	// first 1,000. The next backup heals those that are still on this computer, in all snapshots.
	LostFiles []string `json:"lost_files,omitempty"`
	Lost      int      `json:"lost"`
	Seconds   float64  `json:"seconds"`
	DryRun    bool     `json:"dry_run,omitempty"`
}

// Repair builds the index of the profile's backup anew from the data itself, sets aside what does not read
// back, and tells which files are lost. Nothing that may still be of use is deleted. Damage is in the report, and no error.
// Errors: ErrNotSetUp, ErrChangePending, ….
func (up Upkeep) Repair(ctx context.Context, req RepairRequest, progress func(Progress)) (RepairReport, error) {
	if req.DryRun {
		report, err := up.repair(ctx, req, progress)
		return report, raise(err)
	}
	return runFor(up.app, RunRepair, func(run *Run) (RepairReport, error) {
		report, err := up.repair(ctx, req, progress)
		for _, d := range report.Damage {
			run.Problems = append(run.Problems, Problem{Reason: d})
		}
		run.ProblemsTotal = len(run.Problems)
		return report, err
	})
}

func (up Upkeep) repair(ctx context.Context, req RepairRequest, progress func(Progress)) (RepairReport, error) {
	begin := time.Now()
	if up.app.profile.Settings().Change != "" {
		return RepairReport{}, ErrChangePending
	}
	r, err := up.app.openToWrite(ctx, asItIs)
	if err != nil {
		return RepairReport{}, err
	}
	defer r.Store().Close() //nolint:errcheck // nothing is buffered
	var counts verifyCounts
	m := meter.Start(ctx, progress, counts.progress)
	p, err := check.Repair(ctx, r, check.RepairOptions{Data: req.Data, DryRun: req.DryRun, Progress: counts.set})
	m.End()
	return RepairReport{
		Repaired: append([]string{}, p.Repaired...), Damage: append([]string{}, p.Damage...), LostFiles: p.LostFiles, Lost: p.Lost,
		Seconds: time.Since(begin).Seconds(), DryRun: req.DryRun,
	}, err
}

// verifyCounts are a check's progress.
type verifyCounts struct{ done, total atomic.Int64 }

func (c *verifyCounts) set(done, total int64) {
	c.done.Store(done)
	c.total.Store(total)
}

func (c *verifyCounts) progress() Progress {
	return Progress{Step: StepChecking, BytesDone: c.done.Load(), BytesTotal: c.total.Load()}
}
