package core

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-backup/holdfast/core/backup"
)

// noteInterrupted puts a run that was cut off, by a crash or a kill, into the history.
func (a *App) noteInterrupted() {
	var run Run
	if b := a.profile.UnderWay(); b == nil || json.Unmarshal(b, &run) != nil {
		return
	}
	ended := slices.ContainsFunc(a.runs, func(r Run) bool { return r.ID == run.ID }) // it was cut off between the two
	if !ended {
		run.Ended, run.Outcome = run.Started, OutcomeInterrupted
		a.runs = append(a.runs, run)
		if err := a.profile.AppendRun(run); err != nil {
			a.p.Log.Warn("the history could not be written", "cause", err)
			return
		}
	}
	if err := a.profile.EndUnderWay(); err != nil {
		a.p.Log.Warn("the history could not be written", "cause", err)
	}
}

// Activity returns the history, newest first.
func (a *App) Activity() []Run {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := slices.Clone(a.runs)
	slices.Reverse(out)
	return out
}

// run does one work of a kind: it is in the history, and no other begins meanwhile.
func (a *App) run(kind RunKind, fn func(*Run) error) error {
	run, end, err := a.begin(kind)
	if err != nil {
		return err
	}
	return end(fn(run))
}

// runFor is run for work with a report.
func runFor[T any](a *App, kind RunKind, fn func(*Run) (T, error)) (report T, err error) {
	err = a.run(kind, func(run *Run) error {
		report, err = fn(run)
		return err
	})
	return report, err
}

// begin claims the App for one piece of long work. The returned function ends
// it and writes the run into the history.
func (a *App) begin(kind RunKind) (*Run, func(error) error, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running != "" {
		return nil, nil, fmt.Errorf("%w: %s", ErrBusy, a.running)
	}
	a.running, a.gate = kind, &backup.Gate{}
	var id [8]byte
	_, _ = rand.Read(id[:]) // documented never to fail
	run := &Run{ID: hex.EncodeToString(id[:]), Kind: kind, Started: time.Now()}
	if err := a.profile.SetUnderWay(run); err != nil {
		a.p.Log.Warn("the history could not be written", "cause", err)
	}
	return run, func(err error) error { return a.end(run, raise(err)) }, nil
}

const keptProblems = 1000

func (a *App) end(run *Run, err error) error {
	run.Ended = time.Now()
	switch {
	case err == nil && run.ProblemsTotal > 0:
		run.Outcome = OutcomePartly
	case err == nil:
		run.Outcome = OutcomeDone
	case errors.Is(err, context.Canceled):
		run.Outcome = OutcomeCancelled
	default:
		run.Outcome = OutcomeFailed
	}
	if err != nil {
		run.Error, run.Code = err.Error(), Code(err)
	}
	if len(run.Problems) > keptProblems {
		run.Problems = run.Problems[:keptProblems]
	}
	a.mu.Lock()
	a.running, a.gate = "", nil
	a.runs = append(a.runs, *run)
	a.mu.Unlock()
	if herr := errors.Join(a.profile.AppendRun(run), a.profile.EndUnderWay()); herr != nil {
		a.p.Log.Warn("the history could not be written", "cause", herr)
	}
	return err
}

// Pause holds the running backup between files; Resume lets it go on.
func (a *App) Pause() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gate != nil {
		a.gate.Pause()
	}
}

// Resume lets a paused backup go on.
func (a *App) Resume() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gate != nil {
		a.gate.Resume()
	}
}
