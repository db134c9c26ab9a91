package check

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/internal/engine"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/index"
	"github.com/holdfast-backup/holdfast/core/repo/internal/sealed"
	"github.com/holdfast-backup/holdfast/core/store"
)

// RepairOptions say what Repair may do.
type RepairOptions struct {
	// Data reads all data back too. Otherwise damage within a pack stays unknown.
	Data   bool
	DryRun bool
	// Progress, if not nil, gets bytes read of bytes to read; from any goroutine.
	Progress func(done, total int64)
}

// Repairing is what Repair found and did, or, dry, would do.
type Repairing struct {
	Packs    int
	Repaired []string // what was, or would be, put right, with the object's name
	Damage   []string // what cannot be
	// LostFiles are the files that cannot be restored ("snapshot: path"), at most
	// 1,000; Lost counts all. A backup of a computer that still has them heals them.
	LostFiles []string
	Lost      int
}

// lostPrefix is where objects go that do not read back: out of the way, but not deleted.
const lostPrefix = "lost/"

// repairer is the state of one Repair.
type repairer struct {
	r    *repo.Repository
	e    *engine.Engine
	o    RepairOptions
	v    *verifier // finds what is lost
	out  Repairing
	mu   sync.Mutex
	have map[repo.Name]format.PackList // what each pack holds that reads back
	bad  []format.PackList             // packs with chunks that do not: the sound ones
	work bool                          // the indexes must be written anew
	old  []repo.Name                   // all indexes that are there
}

// Repair builds the indexes anew from the packs' own tables, sets aside what does not read back,
// and tells which files of which snapshots are lost. It deletes nothing that may still be of use: what
// is damaged is copied to lost/ first, packs stay. It needs a Repository that is freshly opened, and that nobody else
// prunes meanwhile. Errors: ErrChanging, those of store.
func Repair(ctx context.Context, r *repo.Repository, o RepairOptions) (Repairing, error) {
	if r.Engine().Header.Next != nil {
		return Repairing{}, repo.ErrChanging
	}
	defer r.Engine().Doubt()()
	if err := r.Engine().ReloadTrust(ctx); err != nil {
		return Repairing{}, err
	}
	p := &repairer{r: r, e: r.Engine(), o: o, have: make(map[repo.Name]format.PackList),
		v: &verifier{r: r, e: r.Engine(), bad: make(map[repo.ID][]repo.Name), late: make(map[repo.Name]bool)}}
	err := p.run(ctx)
	slices.Sort(p.out.Repaired)
	slices.Sort(p.out.Damage)
	slices.Sort(p.out.LostFiles)
	return p.out, err
}

func (p *repairer) run(ctx context.Context) error {
	if err := p.setAside(ctx); err != nil {
		return err
	}
	indexed, err := p.indexes(ctx)
	if err != nil {
		return err
	}
	if err := p.packs(ctx, indexed); err != nil {
		return err
	}
	if err := p.lost(ctx); err != nil || p.o.DryRun || !p.work {
		return err
	}
	return p.rewrite(ctx)
}

func (p *repairer) repaired(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out.Repaired = append(p.out.Repaired, fmt.Sprintf(format, args...))
}

func (p *repairer) damage(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out.Damage = append(p.out.Damage, fmt.Sprintf(format, args...))
}

// setAside moves small objects that do not read back out of the way.
func (p *repairer) setAside(ctx context.Context) error {
	check := map[format.ObjectKind]func([]byte) error{
		format.KindSnapshot: func(b []byte) error { _, err := format.DecodeSnapshot(b); return err },
		format.KindMark:     func(b []byte) error { _, err := format.DecodeMark(b); return err },
		format.KindPending:  func(b []byte) error { _, err := format.DecodePending(b); return err },
		format.KindRemoval:  func(b []byte) error { _, err := format.DecodeRemoval(b); return err },
		format.KindPin:      func(b []byte) error { _, err := format.DecodeRemoval(b); return err },
		format.KindIndex:    func(b []byte) error { _, _, err := format.DecodeIndex(b); return err },
	}
	for _, kind := range format.Kinds {
		if check[kind] == nil {
			continue
		}
		names, err := p.e.List(ctx, kind)
		if err != nil {
			return err
		}
		for n := range names {
			payload, err := p.e.Read(ctx, kind, n)
			if err == nil {
				err = check[kind](payload)
			}
			if err == nil || errors.Is(err, sealed.ErrGone) {
				continue
			}
			if errors.Is(err, sealed.ErrUnvouched) {
				p.damage("%v", err)
				continue
			}
			if !errors.Is(err, repo.ErrDamaged) {
				return err
			}
			p.work = p.work || kind == format.KindIndex
			p.repaired("%s does not read back and is set aside as %s%s", kind.Path(n), lostPrefix, kind.Path(n))
			if kind == format.KindSnapshot {
				p.damage("snapshot %s is lost as a whole", n)
			}
			if err := p.moveAside(ctx, kind, n); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *repairer) moveAside(ctx context.Context, kind format.ObjectKind, n repo.Name) error {
	if p.o.DryRun {
		return nil
	}
	path := kind.Path(n)
	o, err := p.e.Store.Stat(ctx, path)
	if err != nil {
		return err
	}
	if o.Size <= format.MaxSealed {
		b, err := store.ReadAll(ctx, p.e.Store, path, format.MaxSealed)
		if err != nil {
			return err
		}
		if err := p.e.Store.Put(ctx, lostPrefix+path, b); err != nil && !errors.Is(err, store.ErrExists) {
			return err
		}
	}
	if kind == format.KindSnapshot { // so that other computers know that it is gone on purpose
		return p.r.RemoveSnapshots(ctx, []repo.Name{n})
	}
	return p.e.Store.Delete(ctx, path)
}

// indexes reads what the indexes say.
func (p *repairer) indexes(ctx context.Context) (map[repo.Name]format.PackList, error) {
	names, err := p.e.List(ctx, format.KindIndex)
	if err != nil {
		return nil, err
	}
	out := make(map[repo.Name]format.PackList)
	for n := range names {
		packs, err := p.e.ReadIndex(ctx, n)
		if errors.Is(err, repo.ErrDamaged) {
			continue // of a preview: set aside otherwise
		}
		if err != nil {
			return nil, err
		}
		p.old = append(p.old, n)
		for _, pack := range packs {
			if p.e.Counts(format.KindPack, pack.Name) {
				out[pack.Name] = pack
			}
		}
	}
	return out, nil
}

// packs reads the table of every pack, and its data if that is wanted.
func (p *repairer) packs(ctx context.Context, indexed map[repo.Name]format.PackList) error {
	present, err := p.e.List(ctx, format.KindPack)
	if err != nil {
		return err
	}
	marked, err := p.e.MarkedPacks(ctx)
	if err != nil && !(p.o.DryRun && errors.Is(err, repo.ErrDamaged)) {
		return err
	}
	p.out.Packs = len(present)
	p.v.packs = present
	for n := range indexed {
		if _, ok := present[n]; !ok {
			p.work = true
			p.repaired("pack %s is missing, and taken out of the index", n)
		}
	}
	if p.o.Data {
		for _, size := range present {
			p.v.total.Add(size)
		}
	}
	p.v.opts.Progress = p.o.Progress
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(max(2, runtime.GOMAXPROCS(0)))
	for n, size := range present {
		was, listed := indexed[n]
		if marked[n] && !listed {
			continue // on its way out
		}
		g.Go(func() error { return p.pack(gctx, n, size, was, listed) })
	}
	return g.Wait()
}

// pack decides what of one pack goes into the new index.
func (p *repairer) pack(ctx context.Context, n repo.Name, size int64, was format.PackList, listed bool) error {
	entries, err := p.e.ReadTable(ctx, n, size)
	switch {
	case errors.Is(err, repo.ErrDamaged) && listed:
		// Its chunks may read back all the same, by what the index knows.
		p.damage("%v; the index still knows what was in it", err)
		p.keep(was)
		return nil
	case errors.Is(err, repo.ErrDamaged):
		p.damage("%v", err)
		return nil
	case err != nil:
		return err
	}
	list := format.PackList{Name: n, Size: size, Entries: entries}
	differs := listed && (was.Size != size || !slices.Equal(was.Entries, entries))
	// Somebody who has the key of a closed epoch can write any table: there what an index says counts, and what
	// no index names must read back.
	closed := p.e.Owner(format.KindPack, n).State == format.EpochClosed && !p.e.Trust.Legacy
	switch {
	case closed && differs:
		p.damage("pack %s holds other chunks than its index says, and is of a key that was changed", n)
		p.keep(was)
		return nil
	case !listed:
		p.change("pack %s is in no index, and put into one", n)
	case differs:
		p.change("pack %s holds other chunks than its index says", n)
	}
	p.keep(list)
	if !p.o.Data && (listed || !closed) {
		return nil
	}
	return p.v.packData(ctx, n, entries)
}

func (p *repairer) change(format string, args ...any) {
	p.repaired(format, args...)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.work = true
}

func (p *repairer) keep(list format.PackList) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.have[list.Name] = list
}

// lost builds the index in memory and walks all trees by it.
func (p *repairer) lost(ctx context.Context) error {
	r := p.r
	p.e.Take(p.old, p.have) // they are read: what was built counts
	// Packs with chunks that do not read back are given up, without their sound ones.
	rotten := make(map[repo.Name]bool)
	for _, packs := range p.v.bad {
		for _, n := range packs {
			rotten[n] = true
		}
	}
	for n := range rotten {
		p.bad = append(p.bad, p.have[n])
		p.change("pack %s has chunks that do not read back: the others are moved to a new one", n)
	}
	names, err := r.SnapshotNames(ctx)
	if err != nil {
		return err
	}
	var read []*repo.Snapshot
	for _, n := range names {
		s, err := r.Snapshot(ctx, n)
		if errors.Is(err, repo.ErrDamaged) {
			continue // told already
		}
		if err != nil {
			return err
		}
		read = append(read, s)
	}
	if err := p.v.trees(ctx, read); err != nil {
		return err
	}
	p.out.Damage = append(p.out.Damage, p.v.out.Damage...)
	p.out.Lost, p.out.LostFiles = p.v.out.Lost, p.v.out.LostFiles
	return nil
}

// rewrite puts the new indexes in the place of all that are there.
func (p *repairer) rewrite(ctx context.Context) error {
	moved := make([]repo.Name, 0, len(p.bad))
	for _, e := range p.e.Epochs {
		mine := slices.DeleteFunc(slices.Clone(p.bad), func(l format.PackList) bool { return p.e.Owner(format.KindPack, l.Name) != e })
		if len(mine) == 0 {
			continue
		}
		if err := p.moveSound(ctx, e, mine); err != nil {
			return err
		}
		for _, l := range mine {
			delete(p.have, l.Name)
			moved = append(moved, l.Name)
		}
	}
	if len(moved) > 0 {
		// So that no backup takes them up again; prune marks them as well, and deletes them.
		secret := format.NewSecret()
		nobody := format.Mark{Pruner: [16]byte(secret[:16]), Packs: moved, When: time.Now().Unix()}
		if _, err := p.e.PutRecord(ctx, format.KindMark, format.EncodeMark(nobody)); err != nil {
			return err
		}
	}
	var packs []format.PackList
	replaced, chunks := p.old, 0
	put := func() error {
		if len(packs) == 0 {
			return nil
		}
		_, err := p.e.PutIndex(ctx, replaced, packs)
		packs, replaced, chunks = nil, nil, 0
		return err
	}
	for _, list := range p.have {
		packs = append(packs, list)
		if chunks += len(list.Entries); chunks >= engine.IndexChunks {
			// All but the last leave the older ones in force: cut off here, nothing is missing.
			all := replaced
			replaced = nil
			if err := put(); err != nil {
				return err
			}
			replaced = all
		}
	}
	if err := put(); err != nil {
		return err
	}
	if err := p.e.CheckHeader(ctx); err != nil { // else what was just put may not count
		return err
	}
	return p.e.DeleteAll(ctx, format.KindIndex, p.old)
}

// moveSound copies what reads back of some packs to new ones.
func (p *repairer) moveSound(ctx context.Context, e *repo.Epoch, list []format.PackList) error {
	w := p.e.NewWriterUnder(ctx, e, 0)
	defer w.Close()
	for _, l := range list {
		c := e.PackCipher(l.Name)
		var offset int64
		for i, entry := range l.Entries {
			sealed, _, err := p.e.ReadRange(ctx, l.Name, l.Size, offset, int64(entry.Sealed()), nil)
			offset += int64(entry.Sealed())
			if err != nil && !errors.Is(err, repo.ErrDamaged) {
				return err
			}
			if err != nil || slices.Contains(p.v.bad[entry.ID], l.Name) {
				continue
			}
			at := index.Row{ID: entry.ID, Location: index.Location{Ordinal: uint32(i), Kind: entry.Kind, Record: entry.Record,
				Content: entry.Content}}
			record, err := engine.RecordToCopy(c, at, sealed)
			if err != nil {
				continue
			}
			if err := w.CopyRecord(at, record); err != nil {
				return err
			}
		}
	}
	return w.FlushCopies()
}
