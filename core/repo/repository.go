package repo

import (
	"bytes"
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
	"github.com/holdfast-backup/holdfast/core/store"
)

// Repository is an open repository. It is safe for concurrent use, except
// that protection changes (change.go) must not run beside anything else.
type Repository struct {
	store  store.Store
	header *header
	id     RepositoryID
	key    *backupkey.Key // nil without encryption
	epochs []*Epoch       // all that can be read, the newest last
	writes *Epoch         // the one that is written
	index  *index

	loadMu sync.Mutex
	loaded map[Name]bool // indexes in memory
	listed map[Name]bool // packs that some loaded index names
	missed map[Name]bool // packs that were found to be gone
}

// Facts is what anybody who sees the destination can tell about a repository.
type Facts struct {
	Repository string // 64 hex digits
	Protection Protection
	KeyID      backupkey.ID // zero without encryption
	// Changing: a change of protection is under way; NextKeyID is the key to come, if any.
	Changing  bool
	NextKeyID backupkey.ID
	// VaultCard is the public card of the vault that holds the key, JSON; nil
	// without one. Only a repository that was opened with its key vouches for it.
	VaultCard []byte
}

// Inspect reads the header only.
// Errors: ErrNotRepository, ErrNewerFormat, ErrDamaged, those of store.
func Inspect(ctx context.Context, s store.Store) (Facts, error) {
	h, err := readHeader(ctx, s)
	if err != nil {
		return Facts{}, err
	}
	return h.facts(), nil
}

func (h *header) facts() Facts {
	f := Facts{Repository: h.Repository, Protection: h.Protection, VaultCard: bytes.Clone(h.VaultCard)}
	f.KeyID, _ = backupkey.ParseID(h.KeyID) // absent without encryption
	if h.Next != nil {
		f.Changing = true
		f.NextKeyID, _ = backupkey.ParseID(h.Next.KeyID)
	}
	return f
}

func readHeader(ctx context.Context, s store.Store) (*header, error) {
	b, err := store.ReadAll(ctx, s, HeaderPath, maxHeader)
	if errors.Is(err, store.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s has no %s", ErrNotRepository, s.Properties().Location, HeaderPath)
	}
	if err != nil {
		return nil, err
	}
	return parseHeader(b)
}

// Create makes a repository at an empty destination, encrypted under key, or
// without encryption for a nil key. card is that of the vault that holds the
// key, nil for none. It returns the repository opened.
// Errors: ErrExists, those of store.
func Create(ctx context.Context, s store.Store, key *backupkey.Key, card []byte) (*Repository, error) {
	if err := checkCard(card); err != nil {
		return nil, err
	}
	id := RepositoryID(newSecret())
	e := newEpoch(id, newSecret(), time.Now().Unix())
	switch _, err := s.Stat(ctx, HeaderPath); {
	case err == nil:
		return nil, fmt.Errorf("%w at %s", ErrExists, s.Properties().Location)
	case !errors.Is(err, store.ErrNotExist):
		return nil, err
	}
	h := &header{Format: headerFormat, Version: 1, Repository: hex.EncodeToString(id[:]), VaultCard: card}
	if key == nil {
		h.guard = guard{Protection: ProtectionNone, Epoch: hex.EncodeToString(e.secret[:])}
	} else {
		// A keyring may be left of an interrupted Create; its key is lost with it.
		n, err := nextKeyring(ctx, s)
		if err != nil {
			return nil, err
		}
		if err := putKeyring(ctx, s, key, id, n, []*Epoch{e}, newSecret()); err != nil {
			return nil, err
		}
		h.guard = guard{Protection: ProtectionKey, KeyID: key.ID().String(), Keyring: n}
	}
	h.setSeal(key)
	if err := s.Put(ctx, HeaderPath, h.encode()); err != nil {
		if errors.Is(err, store.ErrExists) {
			return nil, fmt.Errorf("%w at %s", ErrExists, s.Properties().Location)
		}
		return nil, err
	}
	return open(s, h, key, []*Epoch{e}), nil
}

func open(s store.Store, h *header, key *backupkey.Key, epochs []*Epoch) *Repository {
	return &Repository{
		store: s, header: h, id: h.id(), key: key, epochs: epochs, writes: epochs[len(epochs)-1],
		index: newIndex(), loaded: make(map[Name]bool), listed: make(map[Name]bool), missed: make(map[Name]bool),
	}
}

func putKeyring(ctx context.Context, s store.Store, key *backupkey.Key, id RepositoryID, n uint32, epochs []*Epoch, salt [32]byte) error {
	sealed, err := sealKeyring(key, id, n, epochs, salt)
	if err != nil {
		return err
	}
	if err := s.Put(ctx, keyringPath(n), sealed); err != nil {
		return err
	}
	o, err := s.Stat(ctx, keyringPath(n)) // without it nothing opens
	if err == nil && o.Size != int64(len(sealed)) || errors.Is(err, store.ErrNotExist) {
		err = fmt.Errorf("%w: %s was stored and is not there", ErrDamaged, keyringPath(n))
	}
	return err
}

// nextKeyring returns a number that no keyring object has.
func nextKeyring(ctx context.Context, s store.Store) (uint32, error) {
	next := uint32(1)
	err := s.List(ctx, "keyring-", func(o store.Object) error {
		if n, ok := parseKeyringPath(o.Name); ok && n >= next {
			next = n + 1
		}
		return nil
	})
	return next, err
}

// Open opens a repository with its key, or one without encryption with nil.
// While a change of protection is under way the key to come opens it too, and after
// encryption was turned off the key from before, as long as something of before is there.
// Errors: ErrNotRepository, ErrNewerFormat, ErrKeyNeeded, ErrNotEncrypted,
// ErrWrongKey, ErrDamaged, those of store.
func Open(ctx context.Context, s store.Store, key *backupkey.Key) (*Repository, error) {
	h, err := readHeader(ctx, s)
	if err != nil {
		return nil, err
	}
	if h.Protection == ProtectionNone {
		return openPlain(ctx, s, h, key)
	}
	if key == nil {
		return nil, ErrKeyNeeded
	}
	named := key.ID().String() == h.KeyID
	if named {
		if err := h.checkSeal(key); err != nil {
			return nil, err
		}
	}
	_, err = s.Stat(ctx, keyringPath(h.Keyring))
	switch {
	case errors.Is(err, store.ErrNotExist):
		return openStale(ctx, s, h, key)
	case err != nil:
		return nil, err
	case !named:
		return nil, ErrWrongKey
	}
	return openSealed(ctx, s, h, key)
}

// openSealed opens with the key that a genuine header names.
func openSealed(ctx context.Context, s store.Store, h *header, key *backupkey.Key) (*Repository, error) {
	epochs, err := readKeyring(ctx, s, key, h.id(), h.Keyring)
	if err != nil {
		return nil, err
	}
	r := open(s, h, key, epochs)
	if h.Next != nil && h.Next.Protection == ProtectionNone {
		// Only who makes the change writes under the epoch to come (BeginChange): a backup beside it refers
		// to chunks that go with the old one.
		secret, _ := parseHex32(h.Next.Epoch)
		r.epochs = append(r.epochs, newEpoch(h.id(), secret, 0))
	}
	return r, nil
}

// openStale opens a repository whose header names a keyring that is gone: of two computers that
// changed it at the same moment, the one that was late has put an older header
// back (docs/format.md, chapter 11). The last keyring that the key opens counts, and the header is put right.
func openStale(ctx context.Context, s store.Store, h *header, key *backupkey.Key) (*Repository, error) {
	gone := fmt.Errorf("%w: %s is missing", ErrDamaged, keyringPath(h.Keyring))
	r := open(s, h, key, []*Epoch{newEpoch(h.id(), [32]byte{}, 0)})
	_, n, err := r.keyringEpochs(ctx, key)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, gone
	}
	mended := *h
	mended.guard, mended.Next = guard{Protection: ProtectionKey, KeyID: key.ID().String(), Keyring: n}, nil
	if mended.KeyID != h.KeyID {
		mended.VaultCard = nil // it tells of a vault that holds another key
	}
	if err := r.replaceHeader(ctx, &mended, key); err != nil && !errors.Is(err, store.ErrPermission) {
		return nil, errors.Join(gone, err)
	}
	return openSealed(ctx, s, &mended, key)
}

func openPlain(ctx context.Context, s store.Store, h *header, key *backupkey.Key) (*Repository, error) {
	if err := h.checkSeal(nil); err != nil {
		return nil, err
	}
	secret, _ := parseHex32(h.Epoch)
	plain := []*Epoch{newEpoch(h.id(), secret, 0)}
	switch {
	case key == nil:
		return open(s, h, nil, plain), nil
	case h.Next == nil || h.Next.Protection != ProtectionKey:
		return openBefore(ctx, s, h, key, plain)
	case key.ID().String() != h.Next.KeyID:
		return nil, ErrWrongKey
	}
	epochs, err := readKeyring(ctx, s, key, h.id(), h.Next.Keyring)
	if err != nil {
		return nil, err
	}
	return open(s, h, key, epochs), nil
}

// openBefore opens a repository without encryption with a key from before it was turned off: what has
// not been deleted yet opens too.
func openBefore(ctx context.Context, s store.Store, h *header, key *backupkey.Key, plain []*Epoch) (*Repository, error) {
	r := open(s, h, key, plain)
	before, _, err := r.keyringEpochs(ctx, key)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(before, plain[0].equal) { // of a change to this key that was given up
		before = nil
	}
	if len(before) == 0 {
		return nil, ErrNotEncrypted
	}
	for _, e := range before {
		e.began = 0 // on its way out: no backup may use it
	}
	r.epochs = append(before, plain...)
	return r, nil
}

func readKeyring(ctx context.Context, s store.Store, key *backupkey.Key, id RepositoryID, n uint32) ([]*Epoch, error) {
	sealed, err := store.ReadAll(ctx, s, keyringPath(n), maxHeader)
	if errors.Is(err, store.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is missing", ErrDamaged, keyringPath(n))
	}
	if err != nil {
		return nil, err
	}
	return openKeyring(key, id, n, sealed)
}

// Fresh returns the same repository with nothing loaded yet.
func (r *Repository) Fresh() *Repository {
	fresh := open(r.store, r.header, r.key, r.epochs)
	fresh.writes = r.writes
	return fresh
}

// Facts returns what the header told.
func (r *Repository) Facts() Facts { return r.header.facts() }

// Store returns the destination.
func (r *Repository) Store() store.Store { return r.store }

// current is the epoch that is written.
func (r *Repository) current() *Epoch { return r.writes }

// newest is the epoch that began last; while encryption is turned off it is the one to come.
func (r *Repository) newest() *Epoch { return r.epochs[len(r.epochs)-1] }

// owner returns the epoch that made a name, nil if none of ours did.
func (r *Repository) owner(kind objectKind, n Name) *Epoch {
	for _, e := range slices.Backward(r.epochs) {
		if e.owns(kind, n) {
			return e
		}
	}
	return nil
}

// list returns the names of one kind with their sizes. Objects that no known
// epoch wrote are left out; verify reports them.
func (r *Repository) list(ctx context.Context, kind objectKind) (map[Name]int64, error) {
	names := make(map[Name]int64)
	err := r.store.List(ctx, kind.prefix(), func(o store.Object) error {
		if n, ok := kind.parsePath(o.Name); ok && r.owner(kind, n) != nil {
			names[n] = o.Size
		}
		return nil
	})
	return names, err
}

// readObject fetches and opens any object but a pack.
func (r *Repository) readObject(ctx context.Context, kind objectKind, n Name) ([]byte, error) {
	e := r.owner(kind, n)
	if e == nil {
		return nil, fmt.Errorf("%w: %s %s is not of this backup", ErrDamaged, kind, n)
	}
	sealed, err := store.ReadAll(ctx, r.store, kind.path(n), maxSealed)
	if errors.Is(err, store.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s %s is %w", ErrDamaged, kind, n, errGone)
	}
	if err != nil {
		return nil, err
	}
	return e.openObject(r.id, kind, n, sealed)
}

// Wrote tells whether a snapshot's name is of an epoch that this repository reads, there or not.
func (r *Repository) Wrote(snapshot Name) bool { return r.owner(kindSnapshot, snapshot) != nil }

// SnapshotNames lists the names of all snapshots, in no order.
func (r *Repository) SnapshotNames(ctx context.Context) ([]Name, error) {
	names, err := r.list(ctx, kindSnapshot)
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
	payload, err := r.readObject(ctx, kindSnapshot, n)
	if err != nil {
		return nil, err
	}
	s, err := decodeSnapshot(payload)
	if err != nil {
		return nil, fmt.Errorf("snapshot %s: %w", n, err)
	}
	s.Name = n
	return s, nil
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
	g.SetLimit(max(1, r.store.Properties().Connections))
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
	n, err := r.FindName(ctx, prefix)
	if err != nil {
		return nil, err
	}
	return r.Snapshot(ctx, n)
}

// FindName returns the name of the snapshot that FindSnapshot returns. One
// that is named by its id need not read back. Errors: ErrNoSnapshot, ErrAmbiguous.
func (r *Repository) FindName(ctx context.Context, prefix string) (Name, error) {
	if prefix == "latest" {
		all, bad, err := r.Snapshots(ctx)
		switch {
		case err != nil:
			return Name{}, err
		case len(all) > 0:
			return all[len(all)-1].Name, nil
		case len(bad) > 0:
			return Name{}, bad[0]
		}
		return Name{}, ErrNoSnapshot
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

// Has tells whether a chunk is known to the loaded indexes.
func (r *Repository) Has(id ID) bool {
	_, ok := r.index.number(id)
	return ok
}
