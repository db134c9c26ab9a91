package core

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/holdfast-backup/holdfast/core/profile"
	"github.com/holdfast-backup/holdfast/core/repo"
)

// A drill reads at least this many bytes of files, so that a small backup is
// proven whole each time; and this share when none is asked for.
const (
	drillLeast   = 64 << 20
	drillPercent = 5
	drillBatch   = 256 // files
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
	d := &drill{r: r, proof: r.NewProof(), report: DrillReport{Snapshot: s.ID(), FilesTotal: s.Files}}
	share := req.Percent
	if share == 0 {
		share = drillPercent
	}
	d.target = min(s.Bytes, max(int64(float64(s.Bytes)*share/100), drillLeast))
	m := startMeter(ctx, progress, func() Progress {
		return Progress{Step: StepChecking, FilesDone: d.files.Load(), BytesDone: d.bytes.Load(), BytesTotal: d.target}
	})
	after, _ := hex.DecodeString(a.profile.Settings().DrilledTo) // "" is the beginning
	if d.target == s.Bytes {
		d.all, after = true, nil
	}
	err = d.run(ctx, s, string(after))
	m.end()
	d.report.Files, d.report.Bytes, d.report.Seconds = d.files.Load(), d.bytes.Load(), time.Since(begin).Seconds()
	if err != nil {
		return d.report, err
	}
	return d.report, a.profile.Update(func(s *profile.Settings) { s.DrilledTo = hex.EncodeToString([]byte(d.last)) })
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

// drill is the state of one Drill.
type drill struct {
	r      *repo.Repository
	proof  *repo.Proof
	report DrillReport
	target int64  // bytes
	all    bool   // read everything
	until  string // where the drill began: all round is enough
	last   string // path of the last file that was read

	batch        []*repo.Node
	paths        []string
	files, bytes atomic.Int64
	planned      int64 // bytes of files that were picked
}

var errDrillDone = errors.New("enough was tried")

// run reads files in the order of the tree, from the first one after a path
// on, and from the beginning when it comes to the end.
func (d *drill) run(ctx context.Context, s *repo.Snapshot, after string) error {
	err := d.folder(ctx, repo.NewDescent(s), s.Root, "", after)
	if err == nil && after != "" {
		d.until = after
		err = d.folder(ctx, repo.NewDescent(s), s.Root, "", "")
	}
	if err != nil && !errors.Is(err, errDrillDone) {
		return err
	}
	return d.flush(ctx)
}

// folder visits the entries of a folder that come after a path.
func (d *drill) folder(ctx context.Context, at *repo.Descent, c repo.Content, prefix, after string) error {
	if err := at.Enter(c); err != nil {
		d.fault(prefix, err)
		return nil
	}
	defer at.Leave()
	first, rest, deeper := strings.Cut(after, "/")
	err := d.r.Tree(ctx, c, func(n *repo.Node) error {
		if n.Name < first || n.Name == first && !deeper && n.Kind != repo.NodeDir {
			return nil
		}
		path := prefix + n.Name
		switch n.Kind {
		case repo.NodeDir:
			below := ""
			if n.Name == first {
				below = rest
			}
			return d.folder(ctx, at, n.Content, path+"/", below)
		case repo.NodeFile:
			return d.file(ctx, n, path)
		}
		return nil
	})
	if errors.Is(err, repo.ErrDamaged) {
		d.fault(prefix, err)
		return nil
	}
	return err
}

func (d *drill) file(ctx context.Context, n *repo.Node, path string) error {
	if d.until != "" && treeOrder(path) > treeOrder(d.until) {
		return errDrillDone
	}
	d.batch, d.paths = append(d.batch, n), append(d.paths, path)
	d.planned += n.Size
	d.last = path
	if len(d.batch) >= drillBatch || d.planned-d.bytes.Load() > 4*drillLeast {
		if err := d.flush(ctx); err != nil {
			return err
		}
	}
	if d.planned >= d.target && !d.all {
		return errDrillDone
	}
	return nil
}

// treeOrder turns a path into what sorts as a walk meets it.
func treeOrder(path string) string { return strings.ReplaceAll(path, "/", "\x00") }

func (d *drill) flush(ctx context.Context) error {
	faults, err := d.proof.Files(ctx, d.batch)
	if err != nil {
		return err
	}
	for i, fault := range faults {
		if fault != nil {
			d.fault(d.paths[i], fault)
		}
		d.files.Add(1)
		d.bytes.Add(d.batch[i].Size)
	}
	d.batch, d.paths = d.batch[:0], d.paths[:0]
	return nil
}

func (d *drill) fault(path string, err error) {
	d.report.Errors++
	if len(d.report.Problems) < keptProblems {
		d.report.Problems = append(d.report.Problems, Problem{DisplayName(path), reason(err)})
	}
}
