package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/internal/engine"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/index"
	"github.com/holdfast-backup/holdfast/core/repo/internal/sealed"
	"github.com/holdfast-backup/holdfast/core/store"
)

// VerifyOptions says how much Verify checks.
type VerifyOptions struct {
	// DataPercent of the packs' bytes are read back: 0 checks structure only,
	// 100 reads everything. They are read in the order of their names, from the
	// first one after After on, so that a Verify that goes on where the last one
	// ended (Verification.Last) covers everything in time. The zero Name begins anywhere.
	DataPercent float64
	After       repo.Name
	// Known are snapshots that must be there (nil: none are known).
	Known []repo.Name
	// CurrentOnly looks at what the newest epoch has written: packs of other epochs stay unread, and what no known epoch
	// has written is no finding.
	CurrentOnly bool
	// Only, if set, restricts the walk through trees to this snapshot.
	Only *repo.Name
	// Progress, if not nil, gets bytes read of bytes to read; from any goroutine.
	Progress func(done, total int64)
}

// Verification is what Verify found.
type Verification struct {
	Snapshots int
	Objects   int64
	Bytes     int64     // read back
	Last      repo.Name // the last pack, in their order, of which the data was read
	Damage    []string  // what is wrong, with the object's name; empty: all is well
	Notes     []string  // harmless
	// LostFiles are the files that damage makes unrestorable ("snapshot: path"),
	// at most 1,000; Lost counts all.
	LostFiles []string
	Lost      int
}

const maxLostFiles = 1000

// verifier holds the state of one Verify.
type verifier struct {
	r    *repo.Repository
	e    *engine.Engine
	opts VerifyOptions

	mu      sync.Mutex
	out     Verification
	bad     map[repo.ID][]repo.Name // chunks that do not read back from these packs
	packs   map[repo.Name]int64
	removed map[repo.Name]bool // snapshots that were deleted on purpose
	marked  map[repo.Name]bool // packs that are going to be deleted
	missing []repo.Name        // packs that an index names
	late    map[repo.Name]bool // objects that are there and do not count
	lists   map[listBlock]listed

	done, total atomic.Int64
}

// Verify checks the whole repository. It needs a Repository that is freshly
// opened. Damage is a result, not an error; errors are of the destination.
func Verify(ctx context.Context, r *repo.Repository, opts VerifyOptions) (Verification, error) {
	v := &verifier{r: r, e: r.Engine(), opts: opts, bad: make(map[repo.ID][]repo.Name), late: make(map[repo.Name]bool)}
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
func (v *verifier) names(ctx context.Context) (snapshots []repo.Name, err error) {
	v.packs = make(map[repo.Name]int64)
	err = v.e.Store.List(ctx, "", func(o store.Object) error {
		v.out.Objects++
		if o.Name == repo.HeaderPath {
			return nil
		}
		if n, ok := format.ParseKeyringPath(o.Name); ok {
			if v.e.Header.Keyring != n && (v.e.Header.Next == nil || v.e.Header.Next.Keyring != n) {
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
			case sealed.IsProbe(kind, o.Name): // of a list that is under way, or was cut off
				return nil
			case kind == format.KindClosing && ok && v.e.Owner(kind, n) == nil:
				v.note("%s is not in use: left of an interrupted change of the key", o.Name)
				return nil
			case v.opts.CurrentOnly && ok && v.e.Owner(kind, n) == nil:
				return nil
			case !ok || v.e.Owner(kind, n) == nil:
				v.damage("%s was not written by this backup", o.Name)
				return nil
			case v.e.IsLate(kind, n):
				v.late[n] = true
				v.note("%s was written while the key was changed, or with the old key: it is kept and does not count", o.Name)
				return nil
			case !v.e.Counts(kind, n):
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
	h, err := sealed.ReadHeader(ctx, v.e.Store)
	if err == nil && !bytes.Equal(h.Encode(), v.e.Header.Encode()) {
		err = fmt.Errorf("%w: %s was changed", repo.ErrDamaged, repo.HeaderPath)
	}
	if err == nil && h.Protection == repo.ProtectionKey {
		_, _, err = sealed.ReadKeyring(ctx, v.e.Store, v.e.Key, v.e.ID, h.Keyring)
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
	if _, err = sealed.Records(ctx, v.e.Objects, format.KindPending, format.DecodePending); v.judge(err) != nil {
		return err
	}
	v.marked, err = v.e.MarkedPacks(ctx)
	return v.judge(err)
}

// judge turns damage into a finding and passes on what is no finding.
func (v *verifier) judge(err error) error {
	if errors.Is(err, repo.ErrDamaged) || errors.Is(err, repo.ErrNotRepository) || errors.Is(err, repo.ErrNewerFormat) {
		v.damage("%v", err)
		return nil
	}
	return err
}

func (v *verifier) snapshots(ctx context.Context, names []repo.Name) ([]*repo.Snapshot, error) {
	present := maps.Clone(v.late)
	for _, n := range names {
		present[n] = true
	}
	for _, n := range v.opts.Known {
		if !present[n] && !v.removed[n] {
			v.damage("snapshot %s is missing", n)
		}
	}
	var read []*repo.Snapshot
	for _, n := range names {
		s, err := v.r.Snapshot(ctx, n)
		if errors.Is(err, sealed.ErrGone) && v.justRemoved(ctx, n) {
			continue
		}
		if err != nil {
			if err := v.judge(err); err != nil {
				return nil, err
			}
			continue
		}
		if s.Previous != nil && !present[*s.Previous] && !v.removed[*s.Previous] && v.e.Owner(format.KindSnapshot, *s.Previous) != nil &&
			!slices.Contains(v.opts.Known, *s.Previous) {
			v.damage("snapshot %s is missing: a later one names it", *s.Previous)
		}
		read = append(read, s)
	}
	missing, forks := contradictions(read, func(n repo.Name) bool {
		return v.removed[n] || present[n] || v.e.Owner(format.KindSnapshot, n) == nil || v.r.Outlived(n)
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
	slices.SortFunc(read, func(a, b *repo.Snapshot) int { return a.Begin.Compare(b.Begin) })
	return read, nil
}

// justRemoved reports whether a snapshot was deleted on purpose since the removals were read.
func (v *verifier) justRemoved(ctx context.Context, n repo.Name) bool {
	removed, err := v.r.Removed(ctx)
	return err == nil && removed[n]
}

// indexes reads all indexes; what they say must agree with the packs.
func (v *verifier) indexes(ctx context.Context) (map[repo.Name][]format.PackEntry, error) {
	bad, err := v.e.LoadIndex(ctx)
	if err != nil {
		return nil, err
	}
	for _, b := range bad {
		v.damage("%v", b)
	}
	lists := make(map[repo.Name][]format.PackEntry)
	return lists, v.e.Index.Read(func(x index.View) error {
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

func (v *verifier) progress(n int64) {
	done := v.done.Add(n)
	v.mu.Lock()
	v.out.Bytes += n
	v.mu.Unlock()
	if v.opts.Progress != nil {
		v.opts.Progress(done, v.total.Load())
	}
}
