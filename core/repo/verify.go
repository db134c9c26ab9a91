package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/index"
	"github.com/holdfast-backup/holdfast/core/store"
)

// VerifyOptions says how much Verify checks.
type VerifyOptions struct {
	// DataPercent of the packs' bytes are read back: 0 checks structure only,
	// 100 reads everything. They are read in the order of their names, from the
	// first one after After on, so that a Verify that goes on where the last one
	// ended (Verification.Last) covers everything in time. The zero Name begins anywhere.
	DataPercent float64
	After       Name
	// Known are snapshots that must be there (nil: none are known).
	Known []Name
	// CurrentOnly looks at what the newest epoch has written: packs of other epochs stay unread, and what no known epoch
	// has written is no finding.
	CurrentOnly bool
	// Only, if set, restricts the walk through trees to this snapshot.
	Only *Name
	// Progress, if not nil, gets bytes read of bytes to read; from any goroutine.
	Progress func(done, total int64)
}

// Verification is what Verify found.
type Verification struct {
	Snapshots int
	Objects   int64
	Bytes     int64    // read back
	Last      Name     // the last pack, in their order, of which the data was read
	Damage    []string // what is wrong, with the object's name; empty: all is well
	Notes     []string // harmless
	// LostFiles are the files that damage makes unrestorable ("snapshot: path"),
	// at most 1,000; Lost counts all.
	LostFiles []string
	Lost      int
}

const maxLostFiles = 1000

// verifier holds the state of one Verify.
type verifier struct {
	r    *Repository
	opts VerifyOptions

	mu      sync.Mutex
	out     Verification
	bad     map[ID][]Name // chunks that do not read back from these packs
	packs   map[Name]int64
	removed map[Name]bool // snapshots that were deleted on purpose
	marked  map[Name]bool // packs that are going to be deleted
	missing []Name        // packs that an index names
	late    map[Name]bool // objects that are there and do not count
	lists   map[block]listed

	done, total atomic.Int64
}

// Verify checks the whole repository. It needs a Repository that is freshly
// opened. Damage is a result, not an error; errors are of the destination.
func (r *Repository) Verify(ctx context.Context, opts VerifyOptions) (Verification, error) {
	v := &verifier{r: r, opts: opts, bad: make(map[ID][]Name), late: make(map[Name]bool)}
	snapshots, err := v.names(ctx)
	if err != nil {
		return v.out, err
	}
	if err := v.header(ctx); err != nil {
		return v.out, err
	}
	if err := v.records(ctx); err != nil {
		return v.out, err
	}
	read, err := v.snapshots(ctx, snapshots)
	if err != nil {
		return v.out, err
	}
	lists, err := v.indexes(ctx)
	if err != nil {
		return v.out, err
	}
	if err := v.checkPacks(ctx, lists); err != nil {
		return v.out, err
	}
	if err := v.trees(ctx, read); err != nil {
		return v.out, err
	}
	v.missingPacks()
	slices.Sort(v.out.Damage)
	slices.Sort(v.out.Notes)
	slices.Sort(v.out.LostFiles)
	return v.out, nil
}

// missingPacks judges packs that an index names and that are not there. A prune beside a backup leaves such an index. They are no damage
// where all snapshots were walked and are whole: what they need is in packs that are there.
func (v *verifier) missingPacks() {
	whole := v.out.Lost == 0 && len(v.out.Damage) == 0 && v.opts.Only == nil
	for _, n := range v.missing {
		if whole {
			v.note("pack %s is missing, and no snapshot needs it: left of a prune beside a backup, the next prune forgets it", n)
		} else {
			v.damage("pack %s is missing", n)
		}
	}
}

func (v *verifier) damage(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.out.Damage = append(v.out.Damage, fmt.Sprintf(format, args...))
}

func (v *verifier) note(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.out.Notes = append(v.out.Notes, fmt.Sprintf(format, args...))
}

// names lists the destination and tells what is not of this backup.
func (v *verifier) names(ctx context.Context) (snapshots []Name, err error) {
	v.packs = make(map[Name]int64)
	err = v.r.store.List(ctx, "", func(o store.Object) error {
		v.out.Objects++
		if o.Name == HeaderPath {
			return nil
		}
		if n, ok := format.ParseKeyringPath(o.Name); ok {
			if v.r.header.Keyring != n && (v.r.header.Next == nil || v.r.header.Next.Keyring != n) {
				v.note("%s is not in use: left of an interrupted change of the key", o.Name)
			}
			return nil
		}
		for _, kind := range format.Kinds {
			if !strings.HasPrefix(o.Name, kind.Prefix()) {
				continue
			}
			n, ok := kind.ParsePath(o.Name)
			switch {
			case kind == format.KindClosing && ok && v.r.owner(kind, n) == nil:
				v.note("%s is not in use: left of an interrupted change of the key", o.Name)
				return nil
			case v.opts.CurrentOnly && ok && v.r.owner(kind, n) == nil:
				return nil
			case !ok || v.r.owner(kind, n) == nil:
				v.damage("%s was not written by this backup", o.Name)
				return nil
			case v.r.isLate(kind, n):
				v.late[n] = true
				v.note("%s was written while the key was changed, or with the old key: it is kept and does not count", o.Name)
				return nil
			case !v.r.counts(kind, n):
				v.note("%s is of the time without encryption: it is about to be deleted and does not count", o.Name)
				return nil
			}
			switch kind {
			case format.KindPack:
				v.packs[n] = o.Size
			case format.KindSnapshot:
				snapshots = append(snapshots, n)
			}
			return nil
		}
		v.note("%s is not part of the backup", o.Name)
		return nil
	})
	return snapshots, err
}

// header reads the header and the keyring again: Open may be long ago.
func (v *verifier) header(ctx context.Context) error {
	h, err := readHeader(ctx, v.r.store)
	if err == nil && !bytes.Equal(h.Encode(), v.r.header.Encode()) {
		err = fmt.Errorf("%w: %s was changed", ErrDamaged, HeaderPath)
	}
	if err == nil && h.Protection == ProtectionKey {
		_, _, err = readKeyring(ctx, v.r.store, v.r.key, v.r.id, h.Keyring)
	}
	return v.judge(err)
}

// records reads the objects of chapter 12. One that was deleted since is no finding.
func (v *verifier) records(ctx context.Context) (err error) {
	if v.removed, err = v.r.Removed(ctx); v.judge(err) != nil {
		return err
	}
	if _, err = v.r.Pinned(ctx); v.judge(err) != nil {
		return err
	}
	if _, err = records(ctx, v.r, format.KindPending, format.DecodePending); v.judge(err) != nil {
		return err
	}
	marks, err := v.r.marks(ctx)
	v.marked = markedPacks(marks)
	return v.judge(err)
}

// judge turns damage into a finding and passes on what is no finding.
func (v *verifier) judge(err error) error {
	if errors.Is(err, ErrDamaged) || errors.Is(err, ErrNotRepository) || errors.Is(err, ErrNewerFormat) {
		v.damage("%v", err)
		return nil
	}
	return err
}

func (v *verifier) snapshots(ctx context.Context, names []Name) ([]*Snapshot, error) {
	present := maps.Clone(v.late)
	for _, n := range names {
		present[n] = true
	}
	for _, n := range v.opts.Known {
		if !present[n] && !v.removed[n] {
			v.damage("snapshot %s is missing", n)
		}
	}
	var read []*Snapshot
	for _, n := range names {
		s, err := v.r.Snapshot(ctx, n)
		if errors.Is(err, errGone) && v.justRemoved(ctx, n) {
			continue
		}
		if err != nil {
			if err := v.judge(err); err != nil {
				return nil, err
			}
			continue
		}
		if s.Previous != nil && !present[*s.Previous] && !v.removed[*s.Previous] && v.r.owner(format.KindSnapshot, *s.Previous) != nil && !slices.Contains(v.opts.Known, *s.Previous) {
			v.damage("snapshot %s is missing: a later one names it", *s.Previous)
		}
		read = append(read, s)
	}
	missing, forks := contradictions(read, func(n Name) bool {
		return v.removed[n] || present[n] || v.r.owner(format.KindSnapshot, n) == nil || v.r.Outlived(n)
	})
	for _, n := range missing {
		if !slices.Contains(v.opts.Known, n) {
			v.damage("snapshot %s is missing: another computer saw it", n)
		}
	}
	for _, s := range forks {
		v.note("%s", s)
	}
	v.out.Snapshots = len(read)
	slices.SortFunc(read, func(a, b *Snapshot) int { return a.Begin.Compare(b.Begin) })
	return read, nil
}

// justRemoved reports whether a snapshot was deleted on purpose since the removals were read.
func (v *verifier) justRemoved(ctx context.Context, n Name) bool {
	removed, err := v.r.Removed(ctx)
	return err == nil && removed[n]
}

// indexes reads all indexes; what they say must agree with the packs.
func (v *verifier) indexes(ctx context.Context) (map[Name][]format.PackEntry, error) {
	bad, err := v.r.LoadIndex(ctx)
	if err != nil {
		return nil, err
	}
	for _, b := range bad {
		v.damage("%v", b)
	}
	lists := make(map[Name][]format.PackEntry)
	return lists, v.r.index.Read(func(x index.View) error {
		x.Rows(func(_ uint32, r *index.Row) {
			n, _, _ := x.Pack(r.Pack)
			lists[n] = append(lists[n], format.PackEntry{ID: r.ID, Kind: r.Kind, Record: r.Record, Content: r.Content})
		})
		for i := range x.Packs() {
			n, want, _ := x.Pack(uint32(i))
			size, ok := v.packs[n]
			switch {
			case !ok:
				v.missing = append(v.missing, n) // missingPacks judges it
			case size != want:
				v.damage("pack %s has %d bytes, not %d", n, size, want)
			default:
				continue
			}
			v.markBad(n, lists[n])
			delete(lists, n)
		}
		return nil
	})
}

// checkPacks reads every pack's table, and the data of the chosen share.
func (v *verifier) checkPacks(ctx context.Context, indexed map[Name][]format.PackEntry) error {
	names := make([]Name, 0, len(v.packs))
	var bytesAll int64
	for n, size := range v.packs {
		if v.opts.CurrentOnly && !v.r.newest().Owns(format.KindPack, n) || v.marked[n] && !v.r.isListed(n) {
			continue // of an older epoch; or given up, and on its way out
		}
		names = append(names, n)
		bytesAll += size
	}
	after := v.opts.After
	if after == (Name{}) {
		after = v.r.current().NewName(format.KindPack)
	}
	compare := func(a, b Name) int { return bytes.Compare(a[:], b[:]) }
	slices.SortFunc(names, compare)
	next, exact := slices.BinarySearchFunc(names, after, compare)
	if exact {
		next++
	}
	names = append(names[next:], names[:next]...)
	want := int64(float64(bytesAll) * min(100, max(0, v.opts.DataPercent)) / 100)
	full := make(map[Name]bool)
	for _, n := range names {
		if v.total.Load() >= want {
			break
		}
		full[n] = true
		v.out.Last = n
		v.total.Add(v.packs[n])
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(max(2, runtime.GOMAXPROCS(0)))
	for _, n := range names {
		g.Go(func() error {
			entries, err := v.r.readTable(gctx, n, v.packs[n])
			if err != nil {
				v.markBad(n, indexed[n])
				return v.judge(err)
			}
			if _, ok := indexed[n]; !ok && !v.r.isListed(n) && !v.marked[n] {
				v.note("pack %s is in no index: left of an interrupted backup, the next one uses it", n)
			}
			v.compare(n, entries, indexed[n])
			if full[n] {
				return v.packData(gctx, n, entries)
			}
			return nil
		})
	}
	return g.Wait()
}

func (r *Repository) isListed(n Name) bool {
	r.loadMu.Lock()
	defer r.loadMu.Unlock()
	return r.listed[n]
}

// compare holds what the index says of a pack against the pack's own table.
// The index may lack entries that another pack gave first.
func (v *verifier) compare(n Name, table, indexed []format.PackEntry) {
	have := make(map[ID]format.PackEntry, len(table))
	for _, e := range table {
		have[e.ID] = e
	}
	for _, e := range indexed {
		if have[e.ID] != e {
			v.damage("pack %s does not hold chunk %s as its index says", n, e.ID)
			v.markBad(n, []format.PackEntry{e})
		}
	}
}

func (v *verifier) markBad(pack Name, entries []format.PackEntry) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, e := range entries {
		v.bad[e.ID] = append(v.bad[e.ID], pack)
	}
}

// readsBack reports whether a chunk is sound in at least one of its places.
func (v *verifier) readsBack(id ID, at index.Location) bool {
	v.mu.Lock()
	bad := v.bad[id]
	v.mu.Unlock()
	if len(bad) == 0 {
		return true
	}
	for _, place := range append(v.r.index.Others(id), at) {
		if !slices.Contains(bad, v.r.index.PackName(place.Pack)) {
			return true
		}
	}
	return false
}

// packReader is the memory for reading a pack. It is used again: fresh memory for each pack cost
// half of a verification.
type packReader struct{ sealed, content []byte }

var packReaders = sync.Pool{New: func() any { return &packReader{} }}

// packData reads a pack whole: every record, its id, and the padding.
func (v *verifier) packData(ctx context.Context, n Name, entries []format.PackEntry) error {
	const window = 4 << 20
	b := packReaders.Get().(*packReader)
	defer packReaders.Put(b)
	c, err := v.r.packCipherOf(n)
	if err != nil {
		return v.judge(err)
	}
	offset := int64(0)
	for first := 0; first < len(entries); {
		size, last := 0, first
		for last < len(entries) && (last == first || size+entries[last].Sealed() <= window) {
			size += entries[last].Sealed()
			last++
		}
		b.sealed = slices.Grow(b.sealed[:0], max(size, window)+2*readBlock)
		var sealed []byte
		if sealed, b.sealed, err = v.r.readRange(ctx, n, v.packs[n], offset, int64(size), b.sealed); err != nil {
			v.markBad(n, entries[first:])
			return v.judge(err)
		}
		at := 0
		for i := first; i < last; i++ {
			e := entries[i]
			b.content = slices.Grow(b.content[:0], int(e.Content))
			if _, err := c.OpenRecord(e.ID, uint32(i), sealed[at:at+e.Sealed()], int(e.Content), b.content); err != nil {
				v.damage("pack %s: %v", n, err)
				v.markBad(n, entries[i:i+1])
			}
			at += e.Sealed()
		}
		offset += int64(size)
		first = last
		v.progress(int64(size))
	}
	return v.packPadding(ctx, n, c, offset, len(entries))
}

func (v *verifier) packPadding(ctx context.Context, n Name, c format.PackCipher, offset int64, chunks int) error {
	size := format.PaddingSize(v.packs[n], offset, chunks)
	sealed, _, err := v.r.readRange(ctx, n, v.packs[n], offset, size, nil)
	if err != nil {
		return v.judge(err)
	}
	if !c.CheckPadding(sealed) {
		v.damage("pack %s: the padding does not authenticate", n)
	}
	v.progress(v.packs[n] - offset)
	return nil
}

func (v *verifier) progress(n int64) {
	done := v.done.Add(n)
	v.mu.Lock()
	v.out.Bytes += n
	v.mu.Unlock()
	if v.opts.Progress != nil {
		v.opts.Progress(done, v.total.Load())
	}
}

// trees walks every snapshot once and finds the files that damage touches.
func (v *verifier) trees(ctx context.Context, snapshots []*Snapshot) error {
	v.lists = make(map[block]listed)
	clean := make(map[ID]bool) // tree blocks whose whole subtree is sound
	for _, s := range snapshots {
		if v.opts.Only != nil && s.Name != *v.opts.Only {
			continue
		}
		if _, err := v.tree(ctx, s, s.Root, "", clean, NewDescent(s)); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) lost(s *Snapshot, path, why string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.out.Lost++
	if len(v.out.LostFiles) < maxLostFiles {
		v.out.LostFiles = append(v.out.LostFiles, s.ID()[:8]+": "+path)
	}
	if v.out.Lost <= maxLostFiles {
		v.out.Damage = append(v.out.Damage, fmt.Sprintf("snapshot %s: %q: %s", s.ID()[:8], path, why))
	}
}

// tree checks a directory; sound tells that nothing below it is damaged.
func (v *verifier) tree(ctx context.Context, s *Snapshot, c Content, path string, clean map[ID]bool, at *Descent) (sound bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if !slices.ContainsFunc(c.Extents, func(e Extent) bool { return !clean[e.Chunk] }) {
		return true, nil
	}
	if err := at.Enter(c); err != nil {
		v.lost(s, path, err.Error())
		return false, nil
	}
	defer at.Leave()
	sound = true
	err = v.r.Tree(ctx, c, func(n *Node) error {
		below := path + "/" + n.Name
		switch n.Kind {
		case NodeDir:
			ok, err := v.tree(ctx, s, n.Content, below, clean, at)
			sound = sound && ok
			return err
		case NodeFile:
			if err := v.file(ctx, n); err != nil {
				if !errors.Is(err, ErrDamaged) {
					return err
				}
				v.lost(s, below, err.Error())
				sound = false
			}
		}
		return nil
	})
	if errors.Is(err, ErrDamaged) {
		v.lost(s, path+"/", err.Error())
		return false, nil
	}
	if err == nil && sound {
		for _, e := range c.Extents {
			clean[e.Chunk] = true
		}
	}
	return sound, err
}

// file checks that every byte of a file is in a chunk that is there.
func (v *verifier) file(ctx context.Context, n *Node) error {
	found, err := v.content(ctx, n.Content)
	if err == nil && found.bytes != n.Size {
		err = fmt.Errorf("%w: the extents do not add up to the file", ErrDamaged)
	}
	return err
}

// content checks extents, and through lists what these lead to, and returns what they amount to.
func (v *verifier) content(ctx context.Context, c Content) (sum extentTally, err error) {
	for _, e := range c.Extents {
		one := extentTally{bytes: e.Length, extents: 1}
		if c.Depth > 0 {
			one, err = v.list(ctx, block{e.Chunk, c.Depth - 1}, e.Length)
		} else if !e.Hole {
			err = v.data(e)
		}
		if err != nil {
			return sum, err
		}
		sum.add(one)
		if err := sum.check(); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// listed is what an extent list was found to be.
type listed struct {
	sum extentTally
	err error
}

// list checks an extent list, once for all the files and lists that name it.
func (v *verifier) list(ctx context.Context, b block, length int64) (extentTally, error) {
	if found, ok := v.lists[b]; ok {
		return found.sum, found.err
	}
	var found listed
	encoded, err := v.r.Chunk(ctx, b.id)
	if err == nil && int64(len(encoded)) != length {
		err = fmt.Errorf("%w: extent list %s has another length", ErrDamaged, b.id)
	}
	var extents []Extent
	if err == nil {
		extents, err = format.DecodeList(encoded, b.depth)
	}
	if err == nil {
		found.sum, err = v.content(ctx, Content{Depth: b.depth, Extents: extents})
	}
	if err != nil && !errors.Is(err, ErrDamaged) {
		return extentTally{}, err
	}
	found.sum.lists++
	found.err = err
	v.lists[b] = found
	return found.sum, err
}

// data checks that a run of bytes is in a chunk that is there.
func (v *verifier) data(e Extent) error {
	at, ok := v.r.index.Find(e.Chunk)
	switch {
	case !ok:
		return fmt.Errorf("%w: chunk %s is in no index", ErrDamaged, e.Chunk)
	case int64(e.Offset)+e.Length > int64(at.Content):
		return fmt.Errorf("%w: chunk %s is shorter than the file says", ErrDamaged, e.Chunk)
	}
	if !v.readsBack(e.Chunk, at) {
		return fmt.Errorf("%w: chunk %s does not read back", ErrDamaged, e.Chunk)
	}
	return nil
}
