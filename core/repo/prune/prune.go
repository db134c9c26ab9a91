package prune

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/internal/engine"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/store"
)

// Options say what Run may do. See docs/format.md, chapter 12.
type Options struct {
	// Remove are the snapshots to delete.
	Remove []repo.Name
	// Seen is what this computer remembers from one prune to the next. Run changes it;
	// Save, if not nil, is called whenever it has. It must be kept for this
	// repository alone, and by one computer alone.
	Seen *State
	Save func() error
	// Grace is how long packs stay after this computer first saw its mark.
	Grace time.Duration
	// MaxWaste is the share of a pack, 0 to 1, that may be unneeded before the rest of it is moved.
	MaxWaste float64
	// Thorough moves the rest of every pack in which a single chunk is not needed: after it and the
	// deletions that follow, nothing is stored that no snapshot needs.
	Thorough bool
	// PackBytes is how large packs of file data may be, at most 16 MiB; 0 is 16 MiB.
	PackBytes int
	DryRun    bool
	Now       func() time.Time // nil: time.Now
	// Progress, if not nil, gets what is done and bytes, or objects, of how many.
	Progress func(step Step, done, total int64)
}

// Step is what Run is at.
type Step string

// The steps of Run.
const (
	Looking  Step = "looking"  // tree blocks read; the total is not known
	Moving   Step = "moving"   // bytes
	Deleting Step = "deleting" // objects
)

// State is what one computer has observed at one repository, by its own
// clock. Losing it makes packs stay longer, and nothing else.
type State struct {
	Pruner  []byte                  `json:"pruner"` // 16 random bytes; nil: not chosen yet
	Marks   map[repo.Name]time.Time `json:"marks"`  // first seen
	Pending map[repo.Name]time.Time `json:"pending"`
}

// Leftovers of dead runs are deleted once this computer has seen them for this long.
const (
	pendingFor = 30 * 24 * time.Hour
	// snapshotFor is pendingFor for one whose snapshot may be on its way: if its computer wakes up,
	// finds it gone, and dies before it has taken the snapshot back, that can be seen and is not whole.
	snapshotFor    = 365 * 24 * time.Hour
	foreignMarkFor = 90 * 24 * time.Hour
	// leftoversFor is how long what a broken write has left stays: longer than any write takes, clocks apart.
	leftoversFor = 48 * time.Hour
	// planFor is how old a listing may be when something is deleted by it: a
	// computer may have slept in between.
	planFor = time.Hour
)

// Report is what Run did, or, dry, would do.
type Report struct {
	Removed      []repo.Name // snapshots
	Packs        int         // at the destination before
	Bytes        int64       // of them
	FreedPacks   int         // deleted
	FreedBytes   int64
	WaitingPacks int // marked, to be deleted later
	WaitingBytes int64
	// NextDeletion is when the first of those may go; zero: there is none.
	NextDeletion time.Time
	MovedBytes   int64 // live bytes of packs with much waste, copied to new packs
	WasteBytes   int64 // unneeded bytes that stay in packs that are kept
}

// pruner is the state of one Run.
type pruner struct {
	r   *repo.Repository
	e   *engine.Engine
	o   Options
	out Report

	snapshots *reach              // what they need; grows from survey to survey
	pending   *reach              // what pending objects need, anew at each survey
	walked    map[repo.Name]bool  // snapshots that are in it
	busy      map[repo.Name]bool  // indexes that pending objects name
	indexes   map[repo.Name]bool  // that were loaded before the packs were listed: of what others name, present says nothing
	present   map[repo.Name]int64 // packs
	marks     marks
	moved     map[repo.Name]bool // packs whose live chunks stand in new packs as well
	unsure    map[repo.Name]bool // packs that were stored when the place got full: copies
	dead      map[repo.Name]bool // snapshots that a preview takes for removed; otherwise one that can be seen counts
	planned   time.Time          // when the listings were made
}

// Run deletes the snapshots to be removed, marks what no snapshot needs,
// and deletes what it has marked long enough ago. It needs a Repository that is freshly opened.
// Cut off anywhere, every kept snapshot is whole, and the next Run goes on.
// Errors: ErrChanging, ErrDamaged (nothing is deleted when something that is needed does not
// read back), ErrChanged, ErrStale, those of store.
func Run(ctx context.Context, r *repo.Repository, o Options) (Report, error) {
	if o.Seen == nil {
		panic("prune.Run: Seen is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Save == nil {
		o.Save = func() error { return nil }
	}
	p := &pruner{r: r, e: r.Engine(), o: o, walked: make(map[repo.Name]bool), moved: make(map[repo.Name]bool),
		unsure: make(map[repo.Name]bool), dead: make(map[repo.Name]bool)}
	p.marks = marks{e: p.e, o: &p.o}
	p.snapshots = &reach{e: r.Engine()}
	if o.Progress != nil {
		var read int64
		p.snapshots.progress = func(n int) {
			read += int64(n)
			o.Progress(Looking, read, 0)
		}
	}
	err := p.run(ctx)
	return p.out, err
}

func (p *pruner) run(ctx context.Context) error {
	if err := p.checkHeader(ctx); err != nil {
		return err
	}
	defer p.e.Doubt()()
	if err := p.e.ReloadTrust(ctx); err != nil {
		return err
	}
	if seen := p.o.Seen; len(seen.Pruner) != len(p.marks.id) {
		secret := format.NewSecret()
		*seen = State{Pruner: secret[:len(p.marks.id)]}
	}
	copy(p.marks.id[:], p.o.Seen.Pruner)
	if err := p.removeSnapshots(ctx); err != nil {
		return err
	}
	if !p.o.DryRun {
		if err := p.dropDead(ctx); err != nil {
			return err
		}
	}
	all, err := p.survey(ctx)
	if err != nil {
		return err
	}
	p.out.Packs = len(p.present)
	for _, size := range p.present {
		p.out.Bytes += size
	}
	if p.o.DryRun {
		p.preview(all)
		return nil
	}
	if all, err = p.move(ctx, all); err != nil {
		return err
	}
	full := p.mark(ctx, all)
	if full != nil && !errors.Is(full, store.ErrNoSpace) {
		return full
	}
	if err := p.sweep(ctx); err != nil {
		return errors.Join(full, err)
	}
	if err := p.marks.tidy(ctx); err != nil {
		return errors.Join(full, err)
	}
	if _, err := store.CleanTemporary(ctx, p.e.Store, leftoversFor); err != nil {
		return errors.Join(full, err)
	}
	if full == nil || p.out.FreedPacks == 0 {
		return full
	}
	// What was due has made room.
	present, err := p.e.List(ctx, format.KindPack)
	if err != nil {
		return err
	}
	maps.DeleteFunc(all, func(n repo.Name, _ *packUse) bool { _, there := present[n]; return !there })
	return p.mark(ctx, all)
}

// checkHeader refuses while a change is under way or when one was made.
func (p *pruner) checkHeader(ctx context.Context) error {
	if p.e.Header.Next != nil {
		return repo.ErrChanging
	}
	return p.e.CheckHeader(ctx)
}

func (p *pruner) removeSnapshots(ctx context.Context) error {
	p.out.Removed = p.o.Remove
	if p.o.DryRun {
		for _, n := range p.o.Remove {
			p.dead[n] = true
		}
		return nil
	}
	if err := p.r.RemoveSnapshots(ctx, p.o.Remove); err != nil {
		return err
	}
	// What an earlier run began, also another computer's, is finished.
	removed, err := p.r.Removed(ctx)
	if err != nil {
		return err
	}
	names, err := p.r.SnapshotNames(ctx)
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(n repo.Name) bool { return !removed[n] })
	return p.e.DeleteAll(ctx, format.KindSnapshot, names)
}

// preview fills in what a run would do.
func (p *pruner) preview(all map[repo.Name]*packUse) {
	due := p.marks.due()
	moving := make(map[repo.Name]bool)
	for _, u := range p.toMove(all) {
		moving[u.name] = true
	}
	for _, u := range all {
		switch {
		case u.live == 0 && due[u.name]:
			p.out.FreedPacks++
			p.out.FreedBytes += u.size
		case u.live == 0:
			p.out.WaitingPacks++
			p.out.WaitingBytes += u.size
		case moving[u.name]:
			p.out.MovedBytes += u.live
			p.out.WaitingPacks++
			p.out.WaitingBytes += u.size
		default:
			p.out.WasteBytes += u.waste()
		}
	}
	p.next()
}

// next fills in when the first mark is due.
func (p *pruner) next() {
	p.out.NextDeletion = time.Time{}
	if p.out.WaitingPacks == 0 {
		return
	}
	first := p.o.Now().Add(p.o.Grace)
	for n := range p.marks.own() {
		if seen := p.o.Seen.Marks[n]; !seen.IsZero() && seen.Add(p.o.Grace).Before(first) {
			first = seen.Add(p.o.Grace)
		}
	}
	p.out.NextDeletion = first
}

// observe takes down what is seen for the first time, and forgets what is gone.
func (p *pruner) observe(seen map[repo.Name]time.Time, there func(repo.Name) bool, names []repo.Name) map[repo.Name]time.Time {
	now := p.o.Now()
	out := make(map[repo.Name]time.Time)
	for n, at := range seen {
		if !there(n) {
			continue
		}
		if at.After(now) { // the clock went back: begin anew
			at = now
		}
		out[n] = at
	}
	for _, n := range names {
		if out[n].IsZero() {
			out[n] = now
		}
	}
	return out
}

// remember looks at the marks and the pending objects that are there and
// keeps since when.
func (p *pruner) remember(ctx context.Context) error {
	seen := func(kind format.ObjectKind, old map[repo.Name]time.Time) (map[repo.Name]time.Time, error) {
		names, err := p.e.List(ctx, kind)
		if err != nil {
			return nil, err
		}
		return p.observe(old, func(n repo.Name) bool { _, ok := names[n]; return ok }, slices.Collect(maps.Keys(names))), nil
	}
	marks, err := seen(format.KindMark, p.o.Seen.Marks)
	if err != nil {
		return err
	}
	pending, err := seen(format.KindPending, p.o.Seen.Pending)
	if err != nil {
		return err
	}
	p.o.Seen.Marks, p.o.Seen.Pending = marks, pending
	return p.o.Save()
}
