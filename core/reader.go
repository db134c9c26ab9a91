package core

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/holdfast-backup/holdfast/core/browse"
	"github.com/holdfast-backup/holdfast/core/meter"
	"github.com/holdfast-backup/holdfast/core/profile"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/check"
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
	out := Snapshot{ID: s.ID(), Time: browse.ShownTime(s.Begin), Host: s.Host, User: s.User, Files: s.Files, Bytes: s.Bytes, Unread: s.Unread}
	if s.Sequence > 0 {
		out.Writer = hex.EncodeToString(s.Writer[:])
	}
	out.Original = len(s.Sources) > 0
	for _, src := range s.Sources {
		out.Sources = append(out.Sources, src.Path)
		out.Original = out.Original && hasPlace(src)
	}
	return out
}

// hasPlace reports whether a source can be put back where it was: its name in the backup is that of its path on this kind of system.
func hasPlace(src repo.Source) bool {
	return filepath.IsAbs(src.Path) && filepath.Base(src.Path) == src.Name
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
	m := meter.Start(ctx, progress, counts.progress)
	o := check.VerifyOptions{DataPercent: req.DataPercent, Known: known, Progress: counts.set}
	if r.app != nil {
		o.After, _ = repo.ParseName(r.app.profile.Settings().VerifiedTo)
	}
	v, err := check.Verify(ctx, r.r.Fresh(), o)
	m.End()
	if err == nil && r.app != nil && v.Last != (repo.Name{}) {
		err = r.app.profile.Update(func(s *profile.Settings) { s.VerifiedTo = v.Last.String() })
	}
	return VerifyReport{
		Snapshots: v.Snapshots, Objects: v.Objects, Bytes: v.Bytes, Seconds: time.Since(begin).Seconds(),
		Damage: v.Damage, Notes: v.Notes, LostFiles: v.LostFiles,
	}, err
}

// Verify checks the profile's own backup.
func (up Upkeep) Verify(ctx context.Context, req VerifyRequest, progress func(Progress)) (VerifyReport, error) {
	r, err := up.app.Reader(ctx)
	if err != nil {
		return VerifyReport{}, err
	}
	defer r.Close() //nolint:errcheck // only read from
	return r.Verify(ctx, req, progress)
}

// DisplayName makes a raw name or path printable: control characters and
// bytes that are no UTF-8 are escaped as in Go strings.
func DisplayName(raw string) string { return browse.DisplayName(raw) }
