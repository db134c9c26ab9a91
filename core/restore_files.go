package core

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-backup/holdfast/core/meter"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/restore"
	"github.com/holdfast-backup/holdfast/core/source"
)

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
	conflict, ok := map[Conflict]restore.Conflict{"": restore.Keep, ConflictKeep: restore.Keep, ConflictOverwrite: restore.Overwrite,
		ConflictRename: restore.Rename}[req.Conflict]
	if !ok || (req.Target == "") != req.Original {
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
	parts, err := partsOf(s, req, want)
	if err != nil {
		return RestoreReport{}, err
	}
	run.Snapshot, run.Target = s.ID(), DisplayName(targets(parts))
	c := &restore.Counters{}
	whole := len(req.Paths) == 0 && len(req.Include) == 0
	m := meter.Start(ctx, progress, func() Progress {
		p := Progress{
			Step: StepRestoring, Path: DisplayName(c.Path()), FilesDone: c.Files.Load(), FilesTotal: c.FilesTotal.Load(),
			BytesDone: c.Bytes.Load(), BytesTotal: c.BytesTotal.Load(), Problems: int(c.Problems.Load()),
		}
		if whole {
			p.FilesTotal, p.BytesTotal = max(s.Files, p.FilesDone), max(s.Bytes, p.BytesDone)
		}
		return p
	})
	var res restore.Result
	for _, p := range parts {
		var one restore.Result
		one, err = restore.Run(ctx, restore.Options{Repository: r.r, Snapshot: s, Target: p.target, Want: p.want, Conflict: conflict,
			DevicesAndSetuid: req.DevicesAndSetuid, Counters: c})
		res.Add(one)
		if err != nil {
			break
		}
	}
	m.End()
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

// part is what a restore puts into one folder.
type part struct {
	target string
	want   func(path string, dir bool) (wanted, below bool)
}

// partsOf returns what goes where.
func partsOf(s *repo.Snapshot, req RestoreRequest, want func(string, bool) (bool, bool)) ([]part, error) {
	if !req.Original {
		target, err := filepath.Abs(req.Target)
		return []part{{target, want}}, err
	}
	var out []part
	for _, src := range s.Sources {
		if wanted, below := want(src.Name, true); !wanted && !below {
			continue
		}
		if !hasPlace(src) {
			return nil, fmt.Errorf("%w: %s cannot be put back where it was", ErrInvalid, DisplayName(src.Path))
		}
		out = append(out, part{filepath.Dir(src.Path), func(p string, dir bool) (bool, bool) {
			if first, _, _ := strings.Cut(p, "/"); first != src.Name {
				return false, false
			}
			return want(p, dir)
		}})
	}
	return out, nil
}

func targets(parts []part) string {
	var out []string
	for _, p := range parts {
		if !slices.Contains(out, p.target) {
			out = append(out, p.target)
		}
	}
	return strings.Join(out, ", ")
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
