package core

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-backup/holdfast/core/browse"
	"github.com/holdfast-backup/holdfast/core/profile"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/restore"
	"github.com/holdfast-backup/holdfast/core/source"
	"github.com/holdfast-backup/holdfast/core/store"
)

// Reader reads one backup. It is safe for concurrent use.
type Reader struct {
	r     *repo.Repository
	s     store.Store
	app   *App // nil: no profile, no history
	known []string

	browser *browse.Browser
}

// Reader opens the profile's own backup.
func (a *App) Reader(ctx context.Context) (*Reader, error) {
	r, err := a.openToRead(ctx)
	if err != nil {
		return nil, raise(err)
	}
	return &Reader{r: r, s: r.Store(), app: a, known: a.profile.Settings().Known, browser: browse.New(r)}, nil
}

// Close ends reading.
func (r *Reader) Close() error { return r.s.Close() }

// Snapshots returns all backups, newest first. Damaged ones are left out as
// long as others can be read; Verify names them.
func (r *Reader) Snapshots(ctx context.Context) ([]Snapshot, error) {
	all, bad, err := r.r.Snapshots(ctx)
	if err != nil {
		return nil, raise(err)
	}
	if len(all) == 0 && len(bad) > 0 {
		return nil, raise(bad[0])
	}
	pinned, err := r.r.Pinned(ctx)
	if err != nil && !errors.Is(err, repo.ErrDamaged) { // Verify names that
		return nil, raise(err)
	}
	out := make([]Snapshot, 0, len(all))
	for _, s := range slices.Backward(all) {
		shown := toSnapshot(s)
		shown.Pinned = pinned[s.Name]
		out = append(out, shown)
	}
	return out, nil
}

// Latest returns which of some snapshots, newest first, "latest" means: the first that is not dated in the future, and the first where
// all are; -1 of none.
func Latest(all []Snapshot, now time.Time) int {
	i := slices.IndexFunc(all, func(s Snapshot) bool { return !s.Time.After(now.Add(repo.ClockSlack)) })
	if i < 0 && len(all) > 0 {
		return 0
	}
	return i
}

func toSnapshot(s *repo.Snapshot) Snapshot {
	out := Snapshot{ID: s.ID(), Time: browse.ShownTime(s.Begin), Host: s.Host, User: s.User, Files: s.Files, Bytes: s.Bytes}
	if s.Sequence > 0 {
		out.Writer = hex.EncodeToString(s.Writer[:])
	}
	for _, src := range s.Sources {
		out.Sources = append(out.Sources, src.Path)
	}
	return out
}

// List returns one folder of a snapshot, by name. "" is the root, whose
// entries are the sources; a file's path gives the file alone.
// Errors: ErrNoSnapshot, ErrNoEntry, ErrDamaged.
func (r *Reader) List(ctx context.Context, snapshot, at string) ([]Entry, error) {
	out, err := r.browser.List(ctx, snapshot, at)
	return out, raise(err)
}

// Find looks for names in all backups. pattern is a part of a name, or, with *,
// ? or [, a pattern of a whole one; case does not count. The result is in the order of paths,
// the versions of each newest first. Errors: ErrInvalid (a pattern that is none), ErrDamaged, ….
func (r *Reader) Find(ctx context.Context, pattern string) ([]Version, error) {
	out, err := r.browser.Find(ctx, pattern)
	return out, raise(err)
}

// Versions returns the versions of one path over all backups, newest first. at is a path
// as List takes it, or an absolute path on the computer that was backed up.
// Errors: ErrNoEntry, ErrDamaged, ….
func (r *Reader) Versions(ctx context.Context, at string) ([]Version, error) {
	out, err := r.browser.Versions(ctx, at)
	return out, raise(err)
}

// Diff calls fn with each difference from one backup to another, in the order
// of paths. Errors of fn end it. Errors: ErrNoSnapshot, ErrDamaged, ….
func (r *Reader) Diff(ctx context.Context, from, to string, fn func(Difference) error) error {
	return raise(r.browser.Diff(ctx, from, to, fn))
}

// Restore writes files of a snapshot into a folder, and nowhere else.
// Errors: ErrNoSnapshot, ErrNoEntry (a path of the request is not there), ErrTarget, ErrTargetFull, ….
func (r *Reader) Restore(ctx context.Context, req RestoreRequest, progress func(Progress)) (RestoreReport, error) {
	run, end := &Run{}, raise
	if r.app != nil {
		var err error
		if run, end, err = r.app.begin(RunRestore); err != nil {
			return RestoreReport{}, err
		}
	}
	report, err := r.restore(ctx, req, run, progress)
	return report, end(err)
}

func (r *Reader) restore(ctx context.Context, req RestoreRequest, run *Run, progress func(Progress)) (RestoreReport, error) {
	begin := time.Now()
	conflict, ok := map[Conflict]restore.Conflict{"": restore.Keep, ConflictKeep: restore.Keep, ConflictOverwrite: restore.Overwrite, ConflictRename: restore.Rename}[req.Conflict]
	if !ok || req.Target == "" {
		return RestoreReport{}, fmt.Errorf("%w: what to do with existing files (%q), where to (%q)", ErrInvalid, req.Conflict, req.Target)
	}
	s, err := r.browser.Snapshot(ctx, req.Snapshot)
	if err != nil {
		return RestoreReport{}, err
	}
	want, missing, err := selection(req)
	if err != nil {
		return RestoreReport{}, err
	}
	for _, p := range req.Paths {
		if _, err := r.List(ctx, s.ID(), p); err != nil {
			return RestoreReport{}, err
		}
	}
	target, err := filepath.Abs(req.Target)
	if err != nil {
		return RestoreReport{}, err
	}
	run.Snapshot, run.Target = s.ID(), target
	c := &restore.Counters{}
	whole := len(req.Paths) == 0 && len(req.Include) == 0
	m := startMeter(ctx, progress, func() Progress {
		p := Progress{
			Step: StepRestoring, Path: DisplayName(c.Path()), FilesDone: c.Files.Load(), FilesTotal: c.FilesTotal.Load(),
			BytesDone: c.Bytes.Load(), BytesTotal: c.BytesTotal.Load(), Problems: int(c.Problems.Load()),
		}
		if whole {
			p.FilesTotal, p.BytesTotal = max(s.Files, p.FilesDone), max(s.Bytes, p.BytesDone)
		}
		return p
	})
	res, err := restore.Run(ctx, restore.Options{Repository: r.r, Snapshot: s, Target: target, Want: want, Conflict: conflict, DevicesAndSetuid: req.DevicesAndSetuid, Counters: c})
	m.end()
	for _, p := range res.Problems {
		run.Problems = append(run.Problems, Problem{DisplayName(p.Path), reason(p.Err)})
	}
	run.ProblemsTotal, run.Files, run.Bytes = len(run.Problems), res.Files, res.Bytes
	report := RestoreReport{
		Snapshot: s.ID(), Files: res.Files, Kept: res.Kept, Differ: res.Differ, Renamed: res.Renamed, Bytes: res.Bytes, LeftOut: res.LeftOut,
		Seconds: time.Since(begin).Seconds(), Errors: len(run.Problems), Problems: run.Problems,
	}
	if err == nil && missing() {
		err = fmt.Errorf("%w: nothing fits %s", ErrNoEntry, strings.Join(req.Include, ", "))
	}
	return report, err
}

// selection returns what a request wants, and whether nothing was found to fit its patterns.
func selection(req RestoreRequest) (want func(string, bool) (bool, bool), missing func() bool, err error) {
	var include *source.Exclude
	if len(req.Include) > 0 {
		// The patterns of exclusion, read the other way: what fits is wanted.
		if include, err = source.NewExclude(req.Include); err != nil {
			return nil, nil, err
		}
	}
	paths := make([]string, len(req.Paths))
	for i, p := range req.Paths {
		paths[i] = strings.Trim(p, "/")
	}
	fits := include == nil
	want = func(p string, dir bool) (wanted, below bool) {
		wanted, below = true, true
		if len(paths) > 0 {
			wanted = slices.ContainsFunc(paths, func(w string) bool { return p == w || strings.HasPrefix(p, w+"/") })
			below = wanted || dir && slices.ContainsFunc(paths, func(w string) bool { return strings.HasPrefix(w, p+"/") })
		}
		if include != nil && wanted {
			level, name := include.Root(""), p
			for {
				first, rest, deeper := strings.Cut(name, "/")
				if !deeper {
					break
				}
				level, name = level.Enter(first), rest
			}
			wanted = level.Match(name, dir)
			below = below && level.Leads(name)
		}
		fits = fits || wanted
		return wanted, below && dir
	}
	return want, func() bool { return !fits }, nil
}

// Verify checks the backup. Damage is in the report, and no error.
func (r *Reader) Verify(ctx context.Context, req VerifyRequest, progress func(Progress)) (VerifyReport, error) {
	run, end := &Run{}, raise
	if r.app != nil {
		var err error
		if run, end, err = r.app.begin(RunVerify); err != nil {
			return VerifyReport{}, err
		}
	}
	report, err := r.verify(ctx, req, progress)
	run.Bytes = report.Bytes
	for _, d := range report.Damage {
		run.Problems = append(run.Problems, Problem{Reason: d})
	}
	run.ProblemsTotal = len(run.Problems)
	return report, end(err)
}

func (r *Reader) verify(ctx context.Context, req VerifyRequest, progress func(Progress)) (VerifyReport, error) {
	if req.DataPercent < 0 || req.DataPercent > 100 {
		return VerifyReport{}, fmt.Errorf("%w: %v per cent of the data", ErrInvalid, req.DataPercent)
	}
	begin := time.Now()
	var known []repo.Name
	for _, id := range r.known {
		if n, ok := repo.ParseName(id); ok {
			known = append(known, n)
		}
	}
	var counts verifyCounts
	m := startMeter(ctx, progress, func() Progress {
		return Progress{Step: StepChecking, BytesDone: counts.done.Load(), BytesTotal: counts.total.Load()}
	})
	o := repo.VerifyOptions{DataPercent: req.DataPercent, Known: known, Progress: counts.set}
	if r.app != nil {
		o.After, _ = repo.ParseName(r.app.profile.Settings().VerifiedTo)
	}
	v, err := r.r.Fresh().Verify(ctx, o)
	m.end()
	if err == nil && r.app != nil && v.Last != (repo.Name{}) {
		err = r.app.profile.Update(func(s *profile.Settings) { s.VerifiedTo = v.Last.String() })
	}
	return VerifyReport{
		Snapshots: v.Snapshots, Objects: v.Objects, Bytes: v.Bytes, Seconds: time.Since(begin).Seconds(),
		Damage: v.Damage, Notes: v.Notes, LostFiles: v.LostFiles,
	}, err
}

// Verify checks the profile's own backup.
func (a *App) Verify(ctx context.Context, req VerifyRequest, progress func(Progress)) (VerifyReport, error) {
	r, err := a.Reader(ctx)
	if err != nil {
		return VerifyReport{}, err
	}
	defer r.Close() //nolint:errcheck // only read from
	return r.Verify(ctx, req, progress)
}

// DisplayName makes a raw name or path printable: control characters and
// bytes that are no UTF-8 are escaped as in Go strings.
func DisplayName(raw string) string { return browse.DisplayName(raw) }
