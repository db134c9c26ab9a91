package repo

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/repo/internal/engine"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/sealed"
	"github.com/holdfast-backup/holdfast/core/store"
)

// Repository is an open repository. It is safe for concurrent use, except
// that protection changes must not run beside anything else.
type Repository struct{ e *engine.Engine }

// Of returns the repository that stands on an engine.
func Of(e *engine.Engine) *Repository { return &Repository{e} }

// Engine is what packages check, prune, erase and protection work on. Nobody else needs it.
func (r *Repository) Engine() *engine.Engine { return r.e }

// SetAhead lets tests be a computer whose clock is ahead by so much, or behind: by it snapshots are dated, and what is dated later is
// not the latest.
func (r *Repository) SetAhead(by time.Duration) { r.e.Ahead = by }

// Inspect reads the header only.
// Errors: ErrNotRepository, ErrNewerFormat, ErrDamaged, those of store.
func Inspect(ctx context.Context, s store.Store) (Inspected, error) {
	h, err := sealed.ReadHeader(ctx, s)
	if err != nil {
		return Inspected{}, err
	}
	return Inspected{h.Facts(), h}, nil
}

// InspectHeader is Inspect for the bytes of a header. Errors: ErrNotRepository, ErrNewerFormat, ErrDamaged.
func InspectHeader(header []byte) (Facts, error) {
	h, err := format.ParseHeader(header)
	if err != nil {
		return Facts{}, err
	}
	return h.Facts(), nil
}

// Inspected is what a header tells. Nothing of it is proven.
type Inspected struct {
	Facts
	header *format.Header
}

// Create makes a repository at an empty destination, encrypted under key, or
// without encryption for a nil key. card is that of the vault that holds the
// key, nil for none. It returns the repository opened.
// Errors: ErrExists, those of store.
func Create(ctx context.Context, s store.Store, key *backupkey.Key, card []byte) (*Repository, error) {
	if err := format.CheckCard(card); err != nil {
		return nil, err
	}
	id := RepositoryID(format.NewSecret())
	e := format.NewEpoch(id, format.NewSecret(), time.Now().Unix())
	switch _, err := s.Stat(ctx, HeaderPath); {
	case err == nil:
		return nil, fmt.Errorf("%w at %s", ErrExists, s.Properties().Location)
	case !errors.Is(err, store.ErrNotExist):
		return nil, err
	}
	h := &format.Header{Format: format.HeaderFormat, Version: format.HeaderVersion, Repository: hex.EncodeToString(id[:]), VaultCard: card}
	ring := &format.Keyring{Version: 2, Epochs: []*Epoch{e}}
	var seen Seen
	if key == nil {
		h.Guard = e.Public()
	} else {
		var err error
		if seen, err = sealed.PutKeyring(ctx, s, key, id, 0, ring); err != nil {
			return nil, err
		}
		h.Guard = format.Guard{Protection: ProtectionKey, KeyID: key.ID().String(), Keyring: seen.Keyring}
	}
	h.SetSeal(key)
	header := h.Encode()
	err := s.Put(ctx, HeaderPath, header)
	if errors.Is(err, store.ErrExists) {
		err = sealed.Own(ctx, s, HeaderPath, header, fmt.Errorf("%w at %s", ErrExists, s.Properties().Location))
	}
	if err != nil {
		return nil, err
	}
	r := Of(engine.New(sealed.New(s, h, key, ring.Epochs)))
	r.e.Seen = seen
	return r, nil
}

// Fresh returns the same repository with nothing loaded yet.
func (r *Repository) Fresh() *Repository { return Of(r.e.Fresh()) }

// NewWriter prepares for writing: it loads the indexes, takes up packs that an interrupted run left
// without an index, and forgets packs that are gone from the destination or marked for deletion, so that
// their chunks are stored again. packBytes is how large packs of file data may be, at most 16 MiB; 0 is 16 MiB.
func (r *Repository) NewWriter(ctx context.Context, packBytes int) (*Writer, error) {
	return r.e.NewWriter(ctx, packBytes)
}

// KeepLists keeps copies of extent lists in a folder of this computer, if the destination is far away. It is for backups: what
// checks the destination must not read copies.
func (r *Repository) KeepLists(dir string) { r.e.KeepLists(dir) }

// Facts returns what the header told.
func (r *Repository) Facts() Facts { return r.e.Header.Facts() }

// Store returns the destination.
func (r *Repository) Store() store.Store { return r.e.Store }

// Wrote reports whether a snapshot's name is of an epoch that this repository reads, there or not.
func (r *Repository) Wrote(snapshot Name) bool {
	e := r.e.Owner(format.KindSnapshot, snapshot)
	return e != nil && (e == r.e.Writes || e.State != format.EpochPublic)
}

// Outlived reports whether a snapshot's name is of an epoch that was public and is only deleted.
func (r *Repository) Outlived(snapshot Name) bool {
	e := r.e.Owner(format.KindSnapshot, snapshot)
	return e != nil && e != r.e.Writes && e.State == format.EpochPublic
}

// SnapshotNames lists the names of all snapshots, in no order.
func (r *Repository) SnapshotNames(ctx context.Context) ([]Name, error) {
	names, err := r.e.List(ctx, format.KindSnapshot)
	if err != nil {
		return nil, err
	}
	out := make([]Name, 0, len(names))
	for n := range names {
		out = append(out, n)
	}
	return out, nil
}

// Snapshot reads one snapshot.
func (r *Repository) Snapshot(ctx context.Context, n Name) (*Snapshot, error) {
	payload, err := r.e.Read(ctx, format.KindSnapshot, n)
	if err != nil {
		return nil, err
	}
	s, err := format.DecodeSnapshot(payload)
	if err != nil {
		return nil, fmt.Errorf("snapshot %s: %w", n, err)
	}
	s.Name = n
	return s, nil
}

// SnapshotsToWrite is Snapshots for a caller that is going to call NewWriter. A flat place is listed once for both.
func (r *Repository) SnapshotsToWrite(ctx context.Context) (all []*Snapshot, bad []error, err error) {
	if err := r.e.Glimpse(ctx, ""); err != nil {
		return nil, nil, err
	}
	return r.Snapshots(ctx)
}

// Snapshots returns all snapshots, the oldest first. One that cannot be read
// is left out and reported in bad; the others stay usable.
func (r *Repository) Snapshots(ctx context.Context) (all []*Snapshot, bad []error, err error) {
	names, err := r.SnapshotNames(ctx)
	if err != nil {
		return nil, nil, err
	}
	var mu sync.Mutex
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, r.e.Store.Properties().Connections))
	for _, n := range names {
		g.Go(func() error {
			s, err := r.Snapshot(gctx, n)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				all = append(all, s)
			case errors.Is(err, ErrDamaged):
				bad = append(bad, err)
			default:
				return err
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, nil, err
	}
	slices.SortFunc(all, func(a, b *Snapshot) int {
		if c := a.Begin.Compare(b.Begin); c != 0 {
			return c
		}
		return strings.Compare(a.ID(), b.ID())
	})
	return all, bad, nil
}

// FindSnapshot returns the snapshot whose id begins with prefix, or the
// newest for "latest". Errors: ErrNoSnapshot, ErrAmbiguous.
func (r *Repository) FindSnapshot(ctx context.Context, prefix string) (*Snapshot, error) {
	if prefix == "latest" {
		return r.latest(ctx)
	}
	n, err := r.FindName(ctx, prefix)
	if err != nil {
		return nil, err
	}
	return r.Snapshot(ctx, n)
}

// latest returns the newest snapshot.
func (r *Repository) latest(ctx context.Context) (*Snapshot, error) {
	all, bad, err := r.Snapshots(ctx)
	switch {
	case err != nil:
		return nil, err
	case len(all) > 0:
		return Newest(all, time.Now().Add(r.e.Ahead)), nil
	case len(bad) > 0:
		return nil, bad[0]
	}
	return nil, ErrNoSnapshot
}

// FindName returns the name of the snapshot that FindSnapshot returns. One
// that is named by its id need not read back. Errors: ErrNoSnapshot, ErrAmbiguous.
func (r *Repository) FindName(ctx context.Context, prefix string) (Name, error) {
	if prefix == "latest" {
		s, err := r.latest(ctx)
		if err != nil {
			return Name{}, err
		}
		return s.Name, nil
	}
	names, err := r.SnapshotNames(ctx)
	if err != nil {
		return Name{}, err
	}
	var found []Name
	for _, n := range names {
		if prefix != "" && strings.HasPrefix(n.String(), strings.ToLower(prefix)) {
			found = append(found, n)
		}
	}
	switch len(found) {
	case 0:
		return Name{}, fmt.Errorf("%w: %q", ErrNoSnapshot, prefix)
	case 1:
		return found[0], nil
	}
	return Name{}, fmt.Errorf("%w: %q", ErrAmbiguous, prefix)
}

// ClockSlack is how far ahead of now a snapshot may be dated. One that is dated later was made while a clock was wrong.
const ClockSlack = 24 * time.Hour

// Newest returns the newest of some snapshots, oldest first, that is not dated in the future. Where all are, it returns the last one;
// nil of none.
func Newest(all []*Snapshot, now time.Time) *Snapshot {
	for _, s := range slices.Backward(all) {
		if !s.Begin.After(now.Add(ClockSlack)) {
			return s
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

// Late returns the snapshots of closed epochs that nobody closed over: a computer wrote them while the key was changed, or somebody with
// the old key did later. They are kept and do not count.
func (r *Repository) Late(ctx context.Context) ([]Name, error) {
	var late []Name
	err := r.e.Names(ctx, format.KindSnapshot, func(o store.Object) error {
		if n, ok := format.KindSnapshot.ParsePath(o.Name); ok && r.e.IsLate(format.KindSnapshot, n) {
			late = append(late, n)
		}
		return nil
	})
	return late, err
}

// Sightings are the newest snapshots of each writer, for the next snapshot of one that is not among them.
func Sightings(all []*Snapshot, but Profile) []Sighting {
	newest := make(map[Profile]Sighting)
	for _, s := range all {
		if s.Sequence > newest[s.Writer].Sequence && s.Writer != but {
			newest[s.Writer] = Sighting{Writer: s.Writer, Sequence: s.Sequence, Snapshot: s.Name}
		}
	}
	out := make([]Sighting, 0, len(newest))
	for _, s := range newest {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Sighting) int { return slices.Compare(a.Writer[:], b.Writer[:]) })
	return out
}
