package restore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-backup/holdfast/core/repo"
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
	// Want tells whether an entry is wanted (path is slash-separated, without
	// a leading slash), and whether to look for wanted entries below it. nil wants all.
	Want     func(path string, dir bool) (wanted, below bool)
	Conflict Conflict
	// DevicesAndSetuid also restores device files, set-id bits of files and file
	// capabilities: what gives rights over this computer to whoever may read the files.
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

// Result is what a restore did.
type Result struct {
	Files, Kept, Renamed, Bytes int64
	// LeftOut counts devices that were not made, and files that were restored
	// without their set-id bits or capabilities.
	LeftOut  int64
	Problems []Problem
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
	r := &run{o: o, links: make(map[uint64]*linked), descent: repo.NewDescent(o.Snapshot)}
	g, gctx := errgroup.WithContext(ctx)
	r.ctx = gctx
	r.jobs = make(chan job)
	g.Go(func() error {
		defer close(r.jobs)
		top := &folder{root: root}
		top.refs.Store(1)
		err := r.dir(top, o.Snapshot.Root, "", false)
		if err == nil {
			err = r.submit()
		}
		r.release(top)
		return err
	})
	for range max(2, runtime.GOMAXPROCS(0)) {
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
		r.finishLinks(root)
	}
	r.result.Problems = r.problems
	return r.result, err
}

// run is the state of one Run.
type run struct {
	o    Options
	ctx  context.Context
	jobs chan job
	open *batch

	descent *repo.Descent

	mu       sync.Mutex
	links    map[uint64]*linked
	later    []laterLink
	result   Result
	problems []Problem
}

// linked is the first name of a file with several.
type linked struct {
	path string
	done bool
}

type laterLink struct {
	folder *folder
	name   string
	number uint64
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

// folder is a directory being restored. Its metadata is set when the last
// file in it is complete.
type folder struct {
	root   *os.Root   // nil until it is made
	node   *repo.Node // whose metadata it gets; nil: none
	opened bool       // root is ours to close
	path   string
	name   string // in its parent
	parent *folder
	refs   atomic.Int32

	once   sync.Once
	handle *os.File // for what os.Root has no call for
	err    error
}

// dir returns a handle on the folder itself.
func (f *folder) dir() (*os.File, error) {
	f.once.Do(func() { f.handle, f.err = f.root.Open(".") })
	return f.handle, f.err
}

// close gives the handles back; they only ever pointed at a folder.
func (f *folder) close() {
	if f.handle != nil {
		_ = f.handle.Close()
	}
	if f.opened {
		_ = f.root.Close()
	}
}

func (f *folder) hold() *folder {
	f.refs.Add(1)
	return f
}

// release ends a use; the last one sets the directory's mode and times.
func (r *run) release(f *folder) {
	if f == nil || f.refs.Add(-1) > 0 {
		return
	}
	if f.node != nil {
		for _, p := range setMeta(f, r.harmless(f.node), ".", nil) {
			r.problem(f.path, p)
		}
	}
	f.close()
	r.release(f.parent)
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
		sub := &folder{path: path, name: n.Name, parent: f.hold()}
		sub.refs.Store(1)
		defer r.release(sub)
		if wanted {
			if err := sub.make(); err != nil {
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
	if err := f.make(); err != nil {
		r.problem(path, err)
		return fatal(err)
	}
	if n.Kind == repo.NodeFile {
		return r.file(f, n, path)
	}
	return r.special(f, n, path)
}

// make makes or enters the directory, and those above it. One that only leads to what is
// wanted is made when the first of that comes, and gets no metadata.
func (f *folder) make() error {
	if f.root != nil {
		return nil
	}
	if err := f.parent.make(); err != nil {
		return err
	}
	above := f.parent.root
	if err := above.Mkdir(f.name, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	info, err := above.Lstat(f.name)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("something else is in the way of the folder %q", f.name)
	}
	f.root, err = above.OpenRoot(f.name)
	f.opened = err == nil
	return err
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

// place decides under which name an entry is restored. skip: an existing one is kept.
func (r *run) place(f *folder, name string) (as string, renamed, skip bool, err error) {
	if _, err := f.root.Lstat(name); errors.Is(err, os.ErrNotExist) {
		return name, false, false, nil
	} else if err != nil {
		return "", false, false, err
	}
	switch r.o.Conflict {
	case Keep:
		return "", false, true, nil
	case Overwrite:
		return name, false, false, nil
	}
	as, err = freeName(f.root, name)
	return as, true, false, err
}

// freeName returns "name (restored).ext", with a number if that exists too.
func freeName(root *os.Root, name string) (string, error) {
	stem, ext := name, ""
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		stem, ext = name[:i], name[i:]
	}
	for i := 1; i < 10_000; i++ {
		suffix := " (restored)"
		if i > 1 {
			suffix = fmt.Sprintf(" (restored %d)", i)
		}
		short := stem
		if over := len(stem) + len(suffix) + len(ext) - 255; over > 0 {
			short = stem[:max(1, len(stem)-over)]
		}
		try := short + suffix + ext
		if _, err := root.Lstat(try); errors.Is(err, os.ErrNotExist) {
			return try, nil
		}
	}
	return "", fmt.Errorf("no free name beside %q", name)
}
