package restore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/source"
	"github.com/holdfast-backup/holdfast/core/store"
)

// Conflict says what becomes of files that exist already.
type Conflict int

// The choices about existing files. Folders that exist are always used.
const (
	Keep Conflict = iota
	Overwrite
	Rename
)

// Options describe one restore.
type Options struct {
	Repository *repo.Repository
	Snapshot   *repo.Snapshot
	Target     string // made if it does not exist
	// Want reports whether an entry is wanted (path is slash-separated, without
	// a leading slash), and whether to look for wanted entries below it. nil wants all.
	Want     func(path string, dir bool) (wanted, below bool)
	Conflict Conflict
	// DevicesAndSetuid also restores device files, set-id bits of files and file
	// capabilities: what gives the readers of the files rights over this computer.
	DevicesAndSetuid bool
	Counters         *Counters // may be nil
}

// Counters are a restore's progress, to be read from any goroutine.
type Counters struct {
	Files, FilesTotal atomic.Int64
	Bytes, BytesTotal atomic.Int64
	Problems          atomic.Int64
	path              atomic.Pointer[string]
}

// Path is what is being written.
func (c *Counters) Path() string {
	if p := c.path.Load(); p != nil {
		return *p
	}
	return ""
}

// Problem is something that could not be restored, or not whole.
type Problem struct {
	Path string
	Err  error
}

// Missing is a part of an entry that could not be restored, while its content is there.
type Missing struct {
	What string // "owner", "mode", "time", "attribute …", "link"
	Err  error
}

func (m *Missing) Error() string { return m.What + " not restored: " + m.Err.Error() }

// Unwrap returns the cause.
func (m *Missing) Unwrap() error { return m.Err }

// Result is what a restore did.
type Result struct {
	Files, Kept, Renamed, Bytes int64
	// Differ counts those of Kept that are not what the snapshot holds.
	Differ int64
	// LeftOut counts devices that were not made, and files that were restored
	// without their set-id bits or capabilities.
	LeftOut  int64
	Problems []Problem
}

// Add counts another restore's result in.
func (r *Result) Add(o Result) {
	r.Files += o.Files
	r.Kept += o.Kept
	r.Renamed += o.Renamed
	r.Bytes += o.Bytes
	r.Differ += o.Differ
	r.LeftOut += o.LeftOut
	r.Problems = append(r.Problems, o.Problems...)
}

// What ends a restore on the target's side.
var (
	ErrTarget     = errors.New("the target folder cannot be used")
	ErrTargetFull = errors.New("the target's disk is full")
)

// Run restores. Problems with single files are in the result; an error means
// that it ended early (ctx, the destination gone, the target full).
func Run(ctx context.Context, o Options) (Result, error) {
	if o.Counters == nil {
		o.Counters = &Counters{}
	}
	if o.Want == nil {
		o.Want = func(string, bool) (bool, bool) { return true, true }
	}
	if err := os.MkdirAll(o.Target, 0o700); err != nil {
		return Result{}, fmt.Errorf("%w: %w", ErrTarget, err)
	}
	root, err := os.OpenRoot(o.Target)
	if err != nil {
		return Result{}, fmt.Errorf("%w: %w", ErrTarget, err)
	}
	defer root.Close() //nolint:errcheck // only a handle on a folder
	limit := source.HandleLimit()
	r := &run{
		o: o, links: make(map[uint64]*linked), descent: repo.NewDescent(o.Snapshot), unfinished: make(map[*output]bool),
		// A folder takes two handles, a file on its way to the disk one. Half of what there is is for others.
		folders: openFolders{top: root, most: min(128, max(4, limit/16))}, behind: min(64, max(1, limit/16)),
	}
	g, gctx := errgroup.WithContext(ctx)
	r.ctx = gctx
	r.jobs = make(chan job)
	g.Go(func() error {
		defer close(r.jobs)
		top := &folder{}
		top.refs.Store(1)
		err := r.dir(top, o.Snapshot.Root, "", false)
		if err == nil {
			err = r.submit()
		}
		r.release(top)
		return err
	})
	for range workers(o.Repository.Store().Properties()) {
		g.Go(func() error {
			w := &worker{r: r}
			for j := range r.jobs {
				if err := j.do(w); err != nil {
					return errors.Join(err, w.settleAll())
				}
			}
			return w.settleAll()
		})
	}
	err = g.Wait()
	if err == nil {
		err = r.finishLinks(ctx)
	}
	r.removeUnfinished()
	r.result.Problems = r.problems
	return r.result, err
}

// workers is how many goroutines fetch and write. While some write what came from a place far away, others wait for more.
func workers(p store.Properties) int {
	n := max(2, runtime.GOMAXPROCS(0))
	if p.Far {
		n = max(n, min(farWorkers, p.Connections))
	}
	return n
}

// farWorkers is how many fetch from a place far away: each holds a batch in memory.
const farWorkers = 4

// run is the state of one Run.
type run struct {
	o    Options
	ctx  context.Context
	jobs chan job
	open *batch

	descent *repo.Descent
	folders openFolders
	behind  int         // how many files a worker may have on their way to the disk
	later   []laterLink // of the walk alone

	mu         sync.Mutex
	links      map[uint64]*linked // by number
	unfinished map[*output]bool   // that have a temporary file
	result     Result
	problems   []Problem
}

func (r *run) problem(path string, err error) {
	r.o.Counters.Problems.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.problems = append(r.problems, Problem{path, err})
}

func (r *run) count(files, kept, renamed, bytes int64) {
	r.o.Counters.Files.Add(files + kept)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Files += files
	r.result.Kept += kept
	r.result.Renamed += renamed
	r.result.Bytes += bytes
}

// dir visits a directory of the snapshot. all: everything in it is wanted.
func (r *run) dir(f *folder, c repo.Content, path string, all bool) error {
	if err := r.descent.Enter(c); err != nil {
		r.problem(path, err)
		return nil
	}
	defer r.descent.Leave()
	err := r.o.Repository.Tree(r.ctx, c, func(n *repo.Node) error {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		return r.entry(f, n, path, all)
	})
	if errors.Is(err, repo.ErrDamaged) {
		r.problem(path, err)
		return nil
	}
	return err
}

func (r *run) entry(f *folder, n *repo.Node, dir string, all bool) error {
	path := n.Name
	if dir != "" {
		path = dir + "/" + n.Name
	}
	wanted, below := true, true
	if !all {
		wanted, below = r.o.Want(path, n.Kind == repo.NodeDir)
	}
	if n.Kind == repo.NodeDir {
		if !wanted && !below {
			return nil
		}
		sub := &folder{path: path, parent: f.hold(), leads: n}
		sub.refs.Store(1)
		defer r.release(sub)
		if wanted {
			if err := r.make(sub, n.Name); err != nil {
				r.problem(path, err)
				return fatal(err)
			}
			sub.node = n
		}
		return r.dir(sub, n.Content, path, wanted)
	}
	if !wanted {
		return nil
	}
	r.o.Counters.path.Store(&path)
	if err := r.make(f, base(f.path)); err != nil {
		r.problem(path, err)
		return fatal(err)
	}
	return r.restore(f, n, path)
}

// fatal returns errors that no later file can escape.
func fatal(err error) error {
	if isNoSpace(err) {
		return fmt.Errorf("%w: %w", ErrTargetFull, err)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}
