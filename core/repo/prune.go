package repo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/store"
)

// PruneOptions say what Prune may do. See docs/format.md, chapter 12.
type PruneOptions struct {
	// Remove are the snapshots to delete.
	Remove []Name
	// Seen is what this computer remembers from one prune to the next. Prune changes it;
	// Save, if not nil, is called whenever it has. It must be kept for this
	// repository alone, and by one computer alone.
	Seen *PruneState
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
	Progress func(step PruneStep, done, total int64)
}

// PruneStep is what Prune is at.
type PruneStep string

// The steps of Prune.
const (
	PruneLooking  PruneStep = "looking"  // tree blocks read; the total is not known
	PruneMoving   PruneStep = "moving"   // bytes
	PruneDeleting PruneStep = "deleting" // objects
)

// PruneState is what one computer has observed at one repository, by its own
// clock. Losing it makes packs stay longer, and nothing else.
type PruneState struct {
	Pruner  []byte             `json:"pruner"` // 16 random bytes; nil: not chosen yet
	Marks   map[Name]time.Time `json:"marks"`  // first seen
	Pending map[Name]time.Time `json:"pending"`
}

// Leftovers of dead runs are deleted once this computer has seen them for this long.
const (
	pendingFor = 30 * 24 * time.Hour
	// snapshotFor is pendingFor for one whose snapshot may be on its way: if its computer wakes up,
	// finds it gone, and dies before it has taken the snapshot back, that can be seen and is not whole.
	snapshotFor    = 365 * 24 * time.Hour
	foreignMarkFor = 90 * 24 * time.Hour
	// planFor is how old a listing may be when something is deleted by it: a
	// computer may have slept in between.
	planFor = time.Hour
)

// Pruning is what Prune did, or, dry, would do.
type Pruning struct {
	Removed      []Name // snapshots
	Packs        int    // at the destination before
	Bytes        int64  // of them
	FreedPacks   int    // deleted
	FreedBytes   int64
	WaitingPacks int // marked, to be deleted later
	WaitingBytes int64
	// NextDeletion is when the first of those may go; zero: there is none.
	NextDeletion time.Time
	MovedBytes   int64 // live bytes of packs with much waste, copied to new packs
	WasteBytes   int64 // unneeded bytes that stay in packs that are kept
}

// pruner is the state of one Prune.
type pruner struct {
	r   *Repository
	o   PruneOptions
	out Pruning
	id  [16]byte

	snapshots *reach         // what they need; grows from survey to survey
	pending   *reach         // what pending objects need, anew at each survey
	walked    map[Name]bool  // snapshots that are in it
	busy      map[Name]bool  // indexes that pending objects name
	indexes   map[Name]bool  // that were loaded before the packs were listed: of what others name, present says nothing
	present   map[Name]int64 // packs
	marks     map[Name]format.Mark
	moved     map[Name]bool // packs whose live chunks stand in new packs as well
	unsure    map[Name]bool // packs that were stored when the place got full: copies
	dead      map[Name]bool // snapshots that a preview takes for removed; otherwise one that can be seen counts
	planned   time.Time     // when the listings were made
}

// Prune deletes the snapshots to be removed, marks what no snapshot needs,
// and deletes what it has marked long enough ago. It needs a Repository that is freshly opened.
// Cut off anywhere, every kept snapshot is whole, and the next Prune goes on.
// Errors: ErrChanging, ErrDamaged (nothing is deleted when something that is needed does not
// read back), ErrChanged, those of store.
func (r *Repository) Prune(ctx context.Context, o PruneOptions) (Pruning, error) {
	if o.Seen == nil {
		panic("repo.Prune: Seen is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Save == nil {
		o.Save = func() error { return nil }
	}
	p := &pruner{r: r, o: o, walked: make(map[Name]bool), moved: make(map[Name]bool), unsure: make(map[Name]bool), dead: make(map[Name]bool)}
	p.snapshots = &reach{r: r}
	if o.Progress != nil {
		var read int64
		p.snapshots.progress = func(n int) {
			read += int64(n)
			o.Progress(PruneLooking, read, 0)
		}
	}
	err := p.run(ctx)
	return p.out, err
}

func (p *pruner) run(ctx context.Context) error {
	if err := p.checkHeader(ctx); err != nil {
		return err
	}
	if seen := p.o.Seen; len(seen.Pruner) != len(p.id) {
		secret := format.NewSecret()
		*seen = PruneState{Pruner: secret[:len(p.id)]}
	}
	copy(p.id[:], p.o.Seen.Pruner)
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
	if err := p.tidyMarks(ctx); err != nil {
		return errors.Join(full, err)
	}
	if full == nil || p.out.FreedPacks == 0 {
		return full
	}
	// What was due has made room.
	present, err := p.r.list(ctx, format.KindPack)
	if err != nil {
		return err
	}
	maps.DeleteFunc(all, func(n Name, _ *packUse) bool { _, there := present[n]; return !there })
	return p.mark(ctx, all)
}

// checkHeader refuses while a change is under way or when one was made.
func (p *pruner) checkHeader(ctx context.Context) error {
	if p.r.header.Next != nil {
		return ErrChanging
	}
	return p.r.checkHeader(ctx)
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
	names = slices.DeleteFunc(names, func(n Name) bool { return !removed[n] })
	return p.r.deleteAll(ctx, format.KindSnapshot, names)
}

// dropDead deletes pending objects that have been there for very long. It comes before the
// listings: a run that wakes up and writes its snapshot after all finds it gone, and checks again.
func (p *pruner) dropDead(ctx context.Context) error {
	if err := p.remember(ctx); err != nil {
		return err
	}
	all, err := records(ctx, p.r, format.KindPending, format.DecodePending)
	if err != nil {
		return err
	}
	for n, v := range all {
		limit := pendingFor
		if v.Snapshot != nil {
			limit = snapshotFor
		}
		if seen := p.o.Seen.Pending[n]; !seen.IsZero() && p.o.Now().Sub(seen) >= limit {
			if err := p.r.store.Delete(ctx, format.KindPending.Path(n)); err != nil {
				return err
			}
		}
	}
	return nil
}

// packUse is a pack as the snapshots use it.
type packUse struct {
	name   Name
	size   int64
	live   int64 // bytes of the sealed chunks that are counted in it
	chunks int   // how many these are
	all    int   // how many are in it
	marked bool  // by anybody
	left   bool  // by another computer, long ago
	meta   bool  // it holds trees and lists
}

// waste is how many bytes of the pack nothing needs.
func (u *packUse) waste() int64 { return max(0, u.size-int64(format.PackSize(int(u.live), u.chunks))) }

// survey lists everything anew, in the order of chapter 12, walks the trees that it has
// not walked yet, and returns the packs that are there with what is counted in them.
func (p *pruner) survey(ctx context.Context) (map[Name]*packUse, error) {
	p.planned = p.o.Now()
	pendings, err := p.pendings(ctx)
	if err != nil {
		return nil, err
	}
	snapshots, err := p.newSnapshots(ctx)
	if err != nil {
		return nil, err
	}
	// A writer of an epoch that this key does not open has replaced the header before.
	if err := p.checkHeader(ctx); err != nil {
		return nil, err
	}
	if p.marks, err = p.r.marks(ctx); err != nil {
		return nil, err
	}
	bad, err := p.r.LoadIndex(ctx)
	if err != nil {
		return nil, err
	}
	if len(bad) > 0 {
		return nil, bad[0]
	}
	p.r.loadMu.Lock()
	p.indexes = maps.Clone(p.r.loaded)
	p.r.loadMu.Unlock()
	if p.present, err = p.r.list(ctx, format.KindPack); err != nil {
		return nil, err
	}
	if err := p.leaveLate(ctx, pendings); err != nil {
		return nil, err
	}
	for _, s := range snapshots {
		if err := p.snapshots.walk(ctx, s.Root); err != nil {
			return nil, fmt.Errorf("snapshot %s: %w", s.Name, err)
		}
		p.walked[s.Name] = true
	}
	p.pending, p.busy = &reach{r: p.r, base: p.snapshots}, make(map[Name]bool)
	for _, v := range pendings {
		if err := p.hold(ctx, v); err != nil {
			return nil, err
		}
	}
	return p.count()
}

// leaveLate leaves packs of closed epochs that no index names alone, as long as a snapshot or a pending object is there that may be
// what a computer wrote while the key was changed. They do not count, but the person may want them.
func (p *pruner) leaveLate(ctx context.Context, pendings map[Name]format.Pending) error {
	late, err := p.r.Late(ctx)
	if err != nil {
		return err
	}
	alone := len(late) > 0
	for n := range pendings {
		alone = alone || p.r.owner(format.KindPending, n).State == format.EpochClosed
	}
	if !alone {
		return nil
	}
	p.r.loadMu.Lock()
	defer p.r.loadMu.Unlock()
	for n := range p.present {
		if p.r.owner(format.KindPack, n).State == format.EpochClosed && !p.r.listed[n] {
			delete(p.present, n)
		}
	}
	return nil
}

// pendings reads the pending objects. One that was replaced while they were
// read must not slip through: then it reads them again.
func (p *pruner) pendings(ctx context.Context) (map[Name]format.Pending, error) {
	before, err := p.r.list(ctx, format.KindPending)
	for err == nil {
		var all map[Name]format.Pending
		var after map[Name]int64
		if all, err = records(ctx, p.r, format.KindPending, format.DecodePending); err != nil {
			break
		}
		if after, err = p.r.list(ctx, format.KindPending); err != nil {
			break
		}
		if maps.Equal(before, after) && len(all) == len(after) {
			return all, nil
		}
		before = after
	}
	return nil, err
}

// newSnapshots reads the snapshots that were not walked yet.
func (p *pruner) newSnapshots(ctx context.Context) (out []*Snapshot, err error) {
	names, err := p.r.SnapshotNames(ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		if p.dead[n] || p.walked[n] {
			continue
		}
		s, err := p.r.Snapshot(ctx, n)
		if errors.Is(err, errGone) {
			continue // removed by another computer just now
		}
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// hold counts what a pending object needs.
func (p *pruner) hold(ctx context.Context, v format.Pending) error {
	if v.Snapshot != nil {
		if err := p.pending.walk(ctx, v.Snapshot.Root); err != nil {
			return err
		}
	}
	for _, n := range v.Indexes {
		p.busy[n] = true
		if !p.r.counts(format.KindIndex, n) {
			continue // of a closed epoch: leaveLate keeps its packs
		}
		x, err := p.r.readIndex(ctx, n)
		if errors.Is(err, errGone) {
			continue // merged before the pending object named it; the backup checks again before it ends
		}
		if err != nil {
			return err
		}
		for _, pack := range x.packs {
			for _, e := range pack.Entries {
				if n, ok := p.r.index.Number(e.ID); ok {
					p.pending.needed.add(n)
				}
			}
		}
	}
	return nil
}

// preview fills in what a run would do.
func (p *pruner) preview(all map[Name]*packUse) {
	due := p.due()
	moving := make(map[Name]bool)
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

// due are the packs in marks that this computer has seen long enough ago.
func (p *pruner) due() map[Name]bool {
	out := make(map[Name]bool)
	for n, m := range p.ownMarks() {
		if seen := p.o.Seen.Marks[n]; !seen.IsZero() && p.o.Now().Sub(seen) >= p.o.Grace {
			for _, pack := range m.Packs {
				out[pack] = true
			}
		}
	}
	return out
}

// next fills in when the first mark is due.
func (p *pruner) next() {
	p.out.NextDeletion = time.Time{}
	if p.out.WaitingPacks == 0 {
		return
	}
	first := p.o.Now().Add(p.o.Grace)
	for n := range p.ownMarks() {
		if seen := p.o.Seen.Marks[n]; !seen.IsZero() && seen.Add(p.o.Grace).Before(first) {
			first = seen.Add(p.o.Grace)
		}
	}
	p.out.NextDeletion = first
}

// observe takes down what is seen for the first time, and forgets what is gone.
func (p *pruner) observe(seen map[Name]time.Time, there func(Name) bool, names []Name) map[Name]time.Time {
	now := p.o.Now()
	out := make(map[Name]time.Time)
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

// mark marks packs in which nothing is counted.
func (p *pruner) mark(ctx context.Context, all map[Name]*packUse) error {
	marked, _ := p.markedBy()
	var fresh []Name
	for _, u := range all {
		if u.live == 0 && !marked[u.name] {
			fresh = append(fresh, u.name)
		}
	}
	if len(fresh) > 0 {
		if _, err := p.putMark(ctx, fresh); err != nil {
			return err
		}
	}
	return p.remember(ctx)
}

// remember looks at the marks and the pending objects that are there and
// keeps since when.
func (p *pruner) remember(ctx context.Context) error {
	seen := func(kind format.ObjectKind, old map[Name]time.Time) (map[Name]time.Time, error) {
		names, err := p.r.list(ctx, kind)
		if err != nil {
			return nil, err
		}
		return p.observe(old, func(n Name) bool { _, ok := names[n]; return ok }, slices.Collect(maps.Keys(names))), nil
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

// sweep looks again, now that the marks are there, frees from them what is
// needed after all, and deletes what is due.
func (p *pruner) sweep(ctx context.Context) error {
	for {
		all, err := p.survey(ctx)
		if err != nil {
			return err
		}
		if err := p.unmark(ctx, all); err != nil {
			return err
		}
		drop := make(map[Name]bool)
		for n := range p.due() {
			if u := all[n]; u != nil && u.live == 0 {
				drop[n] = true
			}
		}
		if len(drop) > 0 || p.stale() {
			if err := p.checkHeader(ctx); err != nil {
				return err
			}
			keep := func(n Name) bool { _, ok := p.present[n]; return ok && !drop[n] }
			err := p.r.reindex(ctx, p.indexes, p.busy, keep)
			if errors.Is(err, store.ErrNoSpace) && len(drop) > 0 {
				// The place is too full for new indexes. The packs go first: nobody needs what is in them, and readers pass
				// over entries of packs that are gone.
				if done, err := p.delete(ctx, all, drop); err != nil || !done {
					p.left(all, drop)
					return err
				}
				for n := range drop {
					delete(all, n)
					delete(p.present, n)
				}
				clear(drop)
				err = p.r.reindex(ctx, p.indexes, p.busy, keep)
			}
			if err != nil {
				return err
			}
		}
		done, err := p.delete(ctx, all, drop)
		if err != nil || done {
			p.left(all, drop)
			return err
		}
		if err := p.indexAgain(ctx, drop); err != nil {
			return err
		}
	}
}

// indexAgain writes an index of packs that were to be deleted and were not: no
// index names them any more, and what needs them since may take them out of the mark.
func (p *pruner) indexAgain(ctx context.Context, drop map[Name]bool) error {
	present, err := p.r.list(ctx, format.KindPack)
	if err != nil {
		return err
	}
	var packs []format.PackList
	for n := range drop {
		size, there := present[n]
		if !there {
			continue
		}
		entries, err := p.r.readTable(ctx, n, size)
		if err != nil {
			return err
		}
		packs = append(packs, format.PackList{Name: n, Size: size, Entries: entries})
	}
	if len(packs) == 0 {
		return nil
	}
	_, err = p.r.putIndex(ctx, nil, packs)
	return err
}

// stale reports whether the indexes are worth writing anew: they name packs that
// are not there, or there are many of them.
func (p *pruner) stale() bool {
	p.r.loadMu.Lock()
	defer p.r.loadMu.Unlock()
	if len(p.r.loaded) >= manyIndexes {
		return true
	}
	for n := range p.r.listed {
		if _, ok := p.present[n]; !ok {
			return true
		}
	}
	return false
}

// delete deletes packs. It stops, not done, when the listings have grown old.
func (p *pruner) delete(ctx context.Context, all map[Name]*packUse, drop map[Name]bool) (done bool, err error) {
	i := int64(0)
	for n := range drop {
		if age := p.o.Now().Round(0).Sub(p.planned.Round(0)); age < 0 || age > planFor {
			return false, nil
		}
		if err := p.r.store.Delete(ctx, format.KindPack.Path(n)); err != nil {
			return false, err
		}
		p.out.FreedPacks++
		p.out.FreedBytes += all[n].size
		i++
		if p.o.Progress != nil {
			p.o.Progress(PruneDeleting, i, int64(len(drop)))
		}
	}
	return true, nil
}

// left fills in what stays.
func (p *pruner) left(all map[Name]*packUse, dropped map[Name]bool) {
	for n, u := range all {
		switch {
		case dropped[n]:
		case u.live == 0:
			p.out.WaitingPacks++
			p.out.WaitingBytes += u.size
		default:
			p.out.WasteBytes += u.waste()
		}
	}
	p.next()
}
