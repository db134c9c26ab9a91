package core

import (
	"context"
	"time"

	"github.com/holdfast-backup/holdfast/core/repo"
)

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
func (a *App) Repair(ctx context.Context, req RepairRequest, progress func(Progress)) (RepairReport, error) {
	if req.DryRun {
		report, err := a.repair(ctx, req, progress)
		return report, raise(err)
	}
	run, end, err := a.begin(RunRepair)
	if err != nil {
		return RepairReport{}, err
	}
	report, err := a.repair(ctx, req, progress)
	for _, d := range report.Damage {
		run.Problems = append(run.Problems, Problem{Reason: d})
	}
	run.ProblemsTotal = len(run.Problems)
	return report, end(err)
}

func (a *App) repair(ctx context.Context, req RepairRequest, progress func(Progress)) (RepairReport, error) {
	begin := time.Now()
	if a.profile.Settings().Change != "" {
		return RepairReport{}, ErrChangePending
	}
	r, err := a.openToWrite(ctx)
	if err != nil {
		return RepairReport{}, err
	}
	defer r.Store().Close() //nolint:errcheck // nothing is buffered
	var counts verifyCounts
	m := startMeter(ctx, progress, func() Progress {
		return Progress{Step: StepChecking, BytesDone: counts.done.Load(), BytesTotal: counts.total.Load()}
	})
	p, err := r.Repair(ctx, repo.RepairOptions{Data: req.Data, DryRun: req.DryRun, Progress: counts.set})
	m.end()
	return RepairReport{
		Repaired: append([]string{}, p.Repaired...), Damage: append([]string{}, p.Damage...), LostFiles: p.LostFiles, Lost: p.Lost,
		Seconds: time.Since(begin).Seconds(), DryRun: req.DryRun,
	}, err
}
