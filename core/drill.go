package core

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-backup/holdfast/core/drill"
	"github.com/holdfast-backup/holdfast/core/profile"
	"github.com/holdfast-backup/holdfast/core/repo"
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
func (a *App) Drill(ctx context.Context, req DrillRequest, progress func(Progress)) (DrillReport, error) {
	run, end, err := a.begin(RunDrill)
	if err != nil {
		return DrillReport{}, err
	}
	report, err := a.drill(ctx, req, progress)
	run.Snapshot, run.Files, run.Bytes, run.Problems, run.ProblemsTotal = report.Snapshot, report.Files, report.Bytes, report.Problems, report.Errors
	return report, end(err)
}

func (a *App) drill(ctx context.Context, req DrillRequest, progress func(Progress)) (DrillReport, error) {
	begin := time.Now()
	if req.Percent < 0 || req.Percent > 100 {
		return DrillReport{}, fmt.Errorf("%w: %v per cent of the files", ErrInvalid, req.Percent)
	}
	r, err := a.openToRead(ctx)
	if err != nil {
		return DrillReport{}, err
	}
	defer r.Store().Close() //nolint:errcheck // only read from
	s, err := a.ownNewest(ctx, r)
	if err != nil {
		return DrillReport{}, err
	}
	if _, err := r.LoadIndex(ctx); err != nil {
		return DrillReport{}, err
	}
	report := DrillReport{Snapshot: s.ID(), FilesTotal: s.Files}
	after, _ := hex.DecodeString(a.profile.Settings().DrilledTo) // "" is the beginning
	d := drill.New(drill.Options{
		Repository: r, Snapshot: s, Percent: req.Percent, After: string(after),
		Fault: func(path string, err error) {
			report.Errors++
			if len(report.Problems) < keptProblems {
				report.Problems = append(report.Problems, Problem{DisplayName(path), reason(err)})
			}
		},
	})
	m := startMeter(ctx, progress, func() Progress {
		return Progress{Step: StepChecking, FilesDone: d.Files.Load(), BytesDone: d.Bytes.Load(), BytesTotal: d.Target}
	})
	last, err := d.Run(ctx)
	m.end()
	report.Files, report.Bytes, report.Seconds = d.Files.Load(), d.Bytes.Load(), time.Since(begin).Seconds()
	if err != nil {
		return report, err
	}
	return report, a.profile.Update(func(s *profile.Settings) { s.DrilledTo = hex.EncodeToString([]byte(last)) })
}

// ownNewest returns the newest snapshot that this computer made, and
// otherwise the newest there is.
func (a *App) ownNewest(ctx context.Context, r *repo.Repository) (*repo.Snapshot, error) {
	for _, id := range slices.Backward(a.profile.Settings().Known) {
		s, err := r.FindSnapshot(ctx, id)
		if !errors.Is(err, repo.ErrNoSnapshot) {
			return s, err
		}
	}
	return r.FindSnapshot(ctx, "latest")
}
