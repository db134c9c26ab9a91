package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/source"
)

// ErrNoSource: none of the sources could be read; no snapshot was made.
var ErrNoSource = errors.New("none of the sources can be read")

// ErrEmptySource: a source holds no file, and held some when it was last backed up. It is left out, so that what was backed up is
// not replaced by nothing: its disk may be away.
var ErrEmptySource = errors.New("this folder holds no file any more, as if its disk were not connected; it was left out")

// ErrSourceAway: a source did not answer any more while it was read, and held more files when it was last backed up. It is left out like an
// ErrEmptySource.
var ErrSourceAway = fmt.Errorf("only a part of this folder could be read; it was left out: %w", source.ErrNoAnswer)

// ErrDestination: the place of the backup lies in a source, perhaps by a link or a mount. It is left out.
var ErrDestination = errors.New("this is the place of the backup itself; it was left out")

// Options describe one run.
type Options struct {
	Repository *repo.Repository
	// Sources in the order of the root directory; names must differ.
	Sources []repo.Source
	Exclude *source.Exclude // nil: nothing is excluded
	// CachePath is the change cache's file; "" works without one.
	CachePath string
	// Excludes, Host, User, Program and Previous go into the snapshot.
	Excludes            []string
	Host, User, Program string
	Previous            *repo.Name
	// Writer, Sequence and Seen go there too: who makes it, with which of its numbers, and what it saw of others.
	Writer   repo.Profile
	Sequence uint64
	Seen     []repo.Sighting
	// Destination is the folder that is backed up to. It is left out and reported wherever the walk meets it; "" for one elsewhere.
	Destination string
	// Scratch is a folder of this computer for copies of databases that are written to; it is emptied. "": a temporary one.
	Scratch string
	// Held is how many files each source held at the last backup, by path. One that held some and holds none now is left out.
	Held      map[string]int64
	Counters  *Counters // may be nil
	Gate      *Gate     // may be nil
	Workers   int       // 0: one for each processor
	PackBytes int       // of file data; 0: 16 MiB
	// Patience is how long one system call on a source may go without an answer before what it is on is left out; 0: source.DefaultPatience.
	Patience time.Duration
	// Waiting, if not nil, is called with a path that has not answered for a while, from another goroutine.
	Waiting func(path string)

	hangs func(path string) bool // tests say with it what gets no answer
}

// Counters are a run's progress, to be read from any goroutine at any time.
type Counters struct {
	Files        atomic.Int64 // done, unchanged ones included
	Bytes        atomic.Int64 // of those files
	FilesNew     atomic.Int64
	FilesChanged atomic.Int64
	BytesRead    atomic.Int64
	Problems     atomic.Int64
	Finishing    atomic.Bool
	path         atomic.Pointer[string]
	waiting      atomic.Pointer[string]
	writer       atomic.Pointer[repo.Writer]
}

// count counts a file that is new, or known to the run before and changed.
func (c *Counters) count(known bool) {
	if known {
		c.FilesChanged.Add(1)
	} else {
		c.FilesNew.Add(1)
	}
}

// BytesNew is how much of what was read the destination did not have.
func (c *Counters) BytesNew() int64 {
	if w := c.writer.Load(); w != nil {
		return w.Stats().Added
	}
	return 0
}

// Path is what the walk looks at.
func (c *Counters) Path() string {
	if p := c.path.Load(); p != nil {
		return *p
	}
	return ""
}

// Waiting is the path that has not answered for a while, "" when there is none.
func (c *Counters) Waiting() string {
	if p := c.waiting.Load(); p != nil {
		return *p
	}
	return ""
}

// Problem is a file that could not be read, or not whole.
type Problem struct {
	Path string
	Err  error
}

// Result is what a run did.
type Result struct {
	Snapshot *repo.Snapshot
	Stats    repo.Stats
	Problems []Problem
	Held     map[string]int64 // how many files each source holds that was read, by path
}

// Run backs the sources up and returns the snapshot. On any error, also a
// cancelled ctx, no snapshot is made and everything older is as it was.
func Run(ctx context.Context, o Options) (Result, error) {
	begin := time.Now()
	if o.Counters == nil {
		o.Counters = &Counters{}
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	w, err := o.Repository.NewWriter(ctx, o.PackBytes)
	if err != nil {
		return Result{}, err
	}
	o.Counters.writer.Store(w)
	defer w.Close()
	for pass := 1; ; pass++ {
		problems, held, s, err := onePass(ctx, o, w)
		var made *repo.Snapshot
		if err == nil {
			s.Begin, s.End = begin, time.Now()
			made, err = w.WriteSnapshot(*s)
		}
		if errors.Is(err, repo.ErrVanished) && pass < maxPasses {
			// A prune met this run. The cache knows what this pass stored: only what is lost is read again.
			o.Counters.Files.Store(0)
			o.Counters.Bytes.Store(0)
			o.Counters.Problems.Store(0)
			o.Counters.Finishing.Store(false)
			continue
		}
		return Result{Snapshot: made, Stats: w.Stats(), Problems: problems, Held: held}, err
	}
}

// maxPasses is how often a run walks its sources, each time because a prune
// removed what the walk before had relied on.
const maxPasses = 8

// onePass walks the sources once and stores everything durably. It returns the
// snapshot to be.
func onePass(ctx context.Context, o Options, w *repo.Writer) ([]Problem, map[string]int64, *repo.Snapshot, error) {
	r := &run{
		o: o, writer: w, cache: openCache(o.CachePath), jobs: make(chan job), items: make(chan item, 4096),
		buffers: make(chan []byte, o.Workers+1), links: linkTable{files: make(map[inode]linked)},
	}
	a := &assembler{run: r, owners: ownerNames{source.NewNames()}, held: make(map[string]int64)}
	if o.Destination != "" {
		var err error
		if r.destination, err = source.Answer(ctx, o.Destination,
			func() (source.Mark, error) { return source.MarkOf(o.Destination) }); err != nil {
			return nil, nil, nil, fmt.Errorf("the destination: %w", err)
		}
	}
	defer r.cache.close()
	r.scratch = newScratch(o.Scratch)
	defer r.scratch.remove()
	for range cap(r.buffers) {
		r.buffers <- nil
	}
	if o.CachePath != "" {
		o.Repository.KeepLists(o.CachePath + ".lists")
		r.newCache = newCacheWriter(o.CachePath, r.cache)
	}
	root, err := r.all(ctx, a)
	if err == nil {
		o.Counters.Finishing.Store(true)
		err = w.Flush()
	}
	if r.newCache != nil {
		if err != nil {
			r.newCache.discard()
		} else if cacheErr := r.newCache.commit(); cacheErr != nil {
			_ = os.Remove(o.CachePath) // an old cache would be as right, but never older than one run
		}
		if err == nil {
			forgetPages(ctx, o.CachePath)
		}
	}
	if err != nil {
		return a.problems, nil, nil, err
	}
	return a.problems, a.held, &repo.Snapshot{
		Host: o.Host, User: o.User, Program: o.Program, System: runtime.GOOS,
		Root: root.Content, Sources: a.read, Excludes: o.Excludes, Files: root.Files, Dirs: a.dirs, Bytes: root.Size,
		Previous: o.Previous, Unread: int64(len(a.problems)), Writer: o.Writer, Sequence: o.Sequence, Seen: o.Seen,
	}, nil
}

// run is what the goroutines of one pass share.
type run struct {
	o        Options
	writer   *repo.Writer
	cache    *changeCache
	newCache *cacheWriter

	jobs    chan job
	items   chan item
	buffers chan []byte // chunks on their way from the walk to a worker
	links   linkTable
	watch   *source.Watch

	destination source.Mark
	scratch     scratch
}

// worker is one goroutine's tools.
type worker struct {
	r     *run
	saver *repo.Saver
	buf   []byte // one chunk buffer
}

type job interface {
	do(ctx context.Context, w *worker) error
}

// all runs the walk, the workers and the assembler to their end.
func (r *run) all(ctx context.Context, a *assembler) (root *repo.Node, err error) {
	if a.saver, err = r.writer.NewSaver(); err != nil {
		return nil, err
	}
	workers := make([]*worker, r.o.Workers)
	for i := range workers {
		saver, err := r.writer.NewSaver()
		if err != nil {
			return nil, err
		}
		workers[i] = &worker{r: r, saver: saver}
	}
	g, ctx := errgroup.WithContext(ctx)
	r.watch = source.NewWatch(ctx, source.WatchParams{
		Patience: r.o.Patience, Hangs: r.o.hangs,
		Waiting: func(path string) {
			r.o.Counters.waiting.Store(&path)
			if path != "" && r.o.Waiting != nil {
				r.o.Waiting(path)
			}
		},
	})
	defer r.watch.Close()
	g.Go(func() error {
		defer close(r.items)
		defer close(r.jobs)
		w := &walker{run: r, names: ownerNames{source.NewNames()}, chunks: chunks{of: r.o.Repository}}
		return w.walk(ctx)
	})
	for _, w := range workers {
		g.Go(func() error { return w.work(ctx) })
	}
	g.Go(func() error {
		root, err = a.assemble(ctx)
		return err
	})
	if err := g.Wait(); err != nil {
		if cause := context.Cause(ctx); cause != nil && errors.Is(err, context.Canceled) {
			err = cause
		}
		return nil, err
	}
	if len(a.read) == 0 {
		return nil, noSource(a.problems)
	}
	return root, nil
}

// work does jobs until there are no more.
func (w *worker) work(ctx context.Context) error {
	for j := range w.r.jobs {
		if w.buf == nil {
			w.buf = repo.ChunkBuffer(blockMax)
		}
		if err := j.do(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

func noSource(problems []Problem) error {
	if len(problems) == 0 {
		return ErrNoSource
	}
	for _, p := range problems {
		if errors.Is(p.Err, ErrEmptySource) || errors.Is(p.Err, source.ErrNoAnswer) {
			return fmt.Errorf("%w: %s: %w", ErrNoSource, p.Path, p.Err)
		}
	}
	return fmt.Errorf("%w: %s: %w", ErrNoSource, problems[0].Path, problems[0].Err)
}

// Gate lets a run pause between files and blocks.
type Gate struct {
	closed  atomic.Pointer[chan struct{}]
	between func() // tests change the source here
}

// Pause closes the gate; work under way finishes its block.
func (g *Gate) Pause() {
	c := make(chan struct{})
	g.closed.CompareAndSwap(nil, &c)
}

// Resume opens it.
func (g *Gate) Resume() {
	if c := g.closed.Swap(nil); c != nil {
		close(*c)
	}
}

// Paused reports whether the gate is closed.
func (g *Gate) Paused() bool { return g != nil && g.closed.Load() != nil }

// wait returns when the gate is open or ctx ends.
func (g *Gate) wait(ctx context.Context) error {
	if g != nil {
		if g.between != nil {
			g.between()
		}
		for c := g.closed.Load(); c != nil; c = g.closed.Load() {
			select {
			case <-*c:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return ctx.Err()
}
