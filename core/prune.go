package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/holdfast-backup/holdfast/core/meter"
	"github.com/holdfast-backup/holdfast/core/profile"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/prune"
	"github.com/holdfast-backup/holdfast/core/retention"
)

// DefaultGrace is how long data that no backup needs stays at the destination
// after this computer first saw it marked.
const DefaultGrace = 72 * time.Hour

// maxWaste is the share of an object that may be unneeded before the rest of it is moved.
const maxWaste = 0.25

// PruneRequest says what may go.
type PruneRequest struct {
	// Retention are the rules; nil takes the profile's.
	Retention *Retention
	// DryRun changes nothing, and leaves no trace in the history.
	DryRun bool
	// Grace is how long unneeded data stays, 0 to delete it at once, negative for DefaultGrace.
	// It is courtesy to other computers, that may be restoring or work on a synced copy.
	Grace time.Duration
	// Thorough frees every byte that no backup needs, however much has to be moved for it; otherwise some
	// stays beside what is needed. It is for after Erase.
	Thorough bool
}

// Decision is a snapshot with what becomes of it.
type Decision struct {
	Snapshot
	// Keep says why it is kept; empty: it is removed.
	Keep []KeepReason `json:"keep"`
}

// PruneReport tells what a prune did, or what it would do.
type PruneReport struct {
	Snapshots []Decision `json:"snapshots"` // all there were, newest first
	Kept      int        `json:"kept"`
	Removed   int        `json:"removed"`
	// BytesTotal is what is stored, before.
	BytesTotal int64 `json:"bytes_total"`
	// BytesFreed went now; BytesWaiting is not needed and goes with a later prune, after
	// NextDeletion; BytesMoved had to be stored again to get at what lies around it.
	BytesFreed   int64     `json:"bytes_freed"`
	BytesWaiting int64     `json:"bytes_waiting"`
	BytesMoved   int64     `json:"bytes_moved"`
	NextDeletion time.Time `json:"next_deletion,omitzero"`
	Seconds      float64   `json:"seconds"`
	DryRun       bool      `json:"dry_run,omitempty"`
}

// Prune removes the backups that the rules do not keep, and frees what no
// backup needs. Data goes in two steps: what is found unneeded is deleted by a later prune, if it is
// still unneeded then. Cut off at any moment, every kept backup is whole.
// Errors: ErrNotSetUp, ErrInvalid, ErrChangePending, ErrDamaged (then nothing was deleted), ….
func (up Upkeep) Prune(ctx context.Context, req PruneRequest, progress func(Progress)) (PruneReport, error) {
	if req.DryRun {
		report, err := up.prune(ctx, req, progress)
		return report, raise(err)
	}
	return runFor(up.app, RunPrune, func(run *Run) (PruneReport, error) {
		report, err := up.prune(ctx, req, progress)
		run.Bytes, run.Files = report.BytesFreed, int64(report.Removed)
		return report, err
	})
}

func (up Upkeep) prune(ctx context.Context, req PruneRequest, progress func(Progress)) (PruneReport, error) {
	begin := time.Now()
	rules := up.Retention()
	if req.Retention != nil {
		rules = *req.Retention
	}
	if err := rules.Check(); err != nil {
		return PruneReport{}, raise(err)
	}
	if up.app.profile.Settings().Change != "" {
		return PruneReport{}, ErrChangePending
	}
	r, err := up.app.openToWrite(ctx, copies)
	if err != nil {
		return PruneReport{}, err
	}
	defer r.Store().Close() //nolint:errcheck // nothing is buffered
	all, pinned, err := toJudge(ctx, r)
	if err != nil {
		return PruneReport{}, err
	}
	report := PruneReport{DryRun: req.DryRun}
	why := rules.Decide(all, pinned, begin)
	var remove []repo.Name
	for _, s := range slices.Backward(all) {
		shown := toSnapshot(s)
		shown.Pinned = pinned[s.Name]
		report.Snapshots = append(report.Snapshots, Decision{shown, append([]KeepReason{}, why[s.Name]...)})
		if len(why[s.Name]) > 0 {
			report.Kept++
			continue
		}
		report.Removed++
		remove = append(remove, s.Name)
	}
	memory := up.pruneMemory()
	o := prune.Options{
		Remove: remove, Seen: &memory.State, Save: memory.Save, MaxWaste: maxWaste, PackBytes: up.app.p.PackBytes, DryRun: req.DryRun,
		Grace: req.Grace, Thorough: req.Thorough,
	}
	if req.Grace < 0 {
		o.Grace = DefaultGrace
	}
	if req.DryRun {
		o.Save = nil
	}
	at := &prunePosition{}
	o.Progress = at.set
	m := meter.Start(ctx, progress, at.progress)
	p, err := prune.Run(ctx, r, o)
	m.End()
	if len(p.Removed) > 0 && !req.DryRun {
		err = errors.Join(err, up.forgetRemoved(p.Removed))
	}
	report.BytesTotal, report.BytesFreed, report.BytesWaiting, report.BytesMoved = p.Bytes, p.FreedBytes, p.WaitingBytes, p.MovedBytes
	report.NextDeletion, report.Seconds = p.NextDeletion, time.Since(begin).Seconds()
	return report, err
}

// forgetRemoved takes snapshots out of those that must be there.
func (up Upkeep) forgetRemoved(removed []repo.Name) error {
	return up.app.profile.Update(func(s *profile.Settings) {
		s.Known = slices.DeleteFunc(slices.Clone(s.Known), func(id string) bool {
			return slices.ContainsFunc(removed, func(n repo.Name) bool { return n.String() == id })
		})
	})
}

// toJudge returns all snapshots, oldest first, and which are pinned. One that does not read
// back is ErrDamaged: what it needs is not known.
func toJudge(ctx context.Context, r *repo.Repository) ([]*repo.Snapshot, map[repo.Name]bool, error) {
	all, bad, err := r.Snapshots(ctx)
	if err != nil {
		return nil, nil, err
	}
	if len(bad) > 0 {
		return nil, nil, bad[0]
	}
	pinned, err := r.Pinned(ctx)
	return all, pinned, err
}

// prunePosition is how far a prune is.
type prunePosition struct {
	step        atomic.Pointer[prune.Step]
	done, total atomic.Int64
}

func (p *prunePosition) set(step prune.Step, done, total int64) {
	p.step.Store(&step)
	p.done.Store(done)
	p.total.Store(total)
}

func (p *prunePosition) progress() Progress {
	out := Progress{Step: StepPreparing}
	step := p.step.Load()
	switch {
	case step == nil:
	case *step == prune.Moving:
		out.Step, out.BytesDone, out.BytesTotal = StepMoving, p.done.Load(), p.total.Load()
	case *step == prune.Deleting:
		out.Step, out.FilesDone, out.FilesTotal = StepDeleting, p.done.Load(), p.total.Load()
	}
	return out
}

// pruneMemory is where this computer keeps what earlier prunes saw.
func (up Upkeep) pruneMemory() *prune.Memory {
	m, err := prune.Remember(up.app.profile.Cache(up.app.profile.Settings().Repository, "prune.json"))
	if err != nil {
		up.app.p.Log.Warn("what earlier prunes saw cannot be read: data stays longer", "cause", err)
	}
	return m
}

// Delete removes backups by their ids, unique beginnings of them, or
// "latest". Nothing is deleted if one is not there. Their data goes with the next prunes.
// Errors: ErrNoSnapshot, ErrChangePending, ….
func (up Upkeep) Delete(ctx context.Context, ids []string) error {
	return up.app.run(RunPrune, func(run *Run) error {
		return up.onSnapshots(ctx, ids, func(r *repo.Repository, names []repo.Name) error {
			if err := r.RemoveSnapshots(ctx, names); err != nil {
				return err
			}
			run.Files = int64(len(names))
			return up.forgetRemoved(names)
		})
	})
}

// Pin keeps backups whatever the rules say, or lets the rules apply again. ids
// as for DeleteSnapshots. Errors: ErrNoSnapshot, ….
func (up Upkeep) Pin(ctx context.Context, ids []string, pinned bool) error {
	return raise(up.onSnapshots(ctx, ids, func(r *repo.Repository, names []repo.Name) error {
		for _, n := range names {
			if err := r.Pin(ctx, n, pinned); err != nil {
				return err
			}
		}
		return nil
	}))
}

// onSnapshots finds snapshots and then runs fn on all of them.
func (up Upkeep) onSnapshots(ctx context.Context, ids []string, fn func(*repo.Repository, []repo.Name) error) error {
	switch {
	case len(ids) == 0:
		return fmt.Errorf("%w: no backup was named", ErrInvalid)
	case up.app.profile.Settings().Change != "":
		return ErrChangePending
	}
	r, err := up.app.openToWrite(ctx, asItIs)
	if err != nil {
		return err
	}
	defer r.Store().Close() //nolint:errcheck // nothing is buffered
	var names []repo.Name
	for _, id := range ids {
		n, err := r.FindName(ctx, id)
		if err != nil {
			return err
		}
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return fn(r, names)
}

// Retention says which backups a prune keeps.
type Retention = retention.Rules

// KeepReason is a rule that keeps a backup; the package retention has them.
type KeepReason = retention.Reason

// DefaultRetention keeps everything of two days, one a day for a month, one a
// week for a quarter, one a month for two years, and one a year.
func DefaultRetention() Retention { return retention.Default() }

// Retention returns the rules in use.
func (up Upkeep) Retention() Retention {
	if r := up.app.profile.Settings().Retention; r != nil {
		return *r
	}
	return DefaultRetention()
}

// SetRetention changes the rules for the next prune. Errors: ErrInvalid.
func (up Upkeep) SetRetention(r Retention) error {
	if err := r.Check(); err != nil {
		return raise(err)
	}
	return up.app.profile.Update(func(s *profile.Settings) { s.Retention = &r })
}
