// Package found looks for backups: at a place, in the folders one level below it, and on the disks, shares and synced folders
// of this computer. It needs no key, so nothing of what it tells is proven.
package found

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/store"
)

// Backup is a backup that was found.
type Backup struct {
	Place    string
	Changed  time.Time // when it was changed last, as far as the place says; zero: it does not
	Key      bool      // it is encrypted, and its 64 digits open it
	Password bool      // a vault is named that knows its password
	Err      error     // its header says that it cannot be opened: core.ErrNewerFormat, core.ErrDamaged; nil otherwise
}

// At returns the backup at a place or, where there is none, those in the folders one level below, the newest first.
// Errors: core.ErrNoBackup where there is none either, core.ErrDestinationGone, ….
func At(ctx context.Context, p places.Places, place string) ([]Backup, error) {
	all, err := at(ctx, p, place)
	return all, core.Told(err)
}

func at(ctx context.Context, p places.Places, place string) ([]Backup, error) {
	place, err := places.Absolute(place)
	if err != nil {
		return nil, err
	}
	s, err := p.Open(ctx, place, false)
	if err != nil {
		return nil, err
	}
	defer s.Close() //nolint:errcheck // only read from
	facts, none := repo.Inspect(ctx, s)
	switch {
	case none == nil:
		return []Backup{told(place, facts.Facts, nil)}, nil
	case !errors.Is(none, repo.ErrNotRepository):
		return nil, none
	}
	all, err := below(ctx, s, place)
	if len(all) == 0 && (err == nil || errors.Is(err, errors.ErrUnsupported)) {
		err = none
	}
	if len(all) == 0 {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b Backup) int {
		return cmp.Or(b.Changed.Compare(a.Changed), cmp.Compare(a.Place, b.Place))
	})
	return all, nil
}

// clockSlack is how far another clock may go ahead of this one, and be believed.
const clockSlack = 24 * time.Hour

// below returns the backups in the folders one level below. What was found before an error counts.
func below(ctx context.Context, s store.Store, place string) (all []Backup, err error) {
	looker, ok := s.(store.BelowLooker)
	if !ok {
		return nil, fmt.Errorf("%w: to look into the folders of a place", errors.ErrUnsupported)
	}
	err = looker.LookBelow(ctx, store.Look{Object: repo.HeaderPath, MaxBytes: repo.MaxHeader, Newest: "snapshots"},
		func(b store.Below) error {
			at, err := places.Join(place, b.Folder)
			if err != nil {
				return nil //nolint:nilerr // nobody could write where it is
			}
			facts, err := repo.InspectHeader(b.Data)
			if err != nil && unreadable(err) == nil {
				return nil // it is something else
			}
			found := told(at, facts, err)
			if b.Changed.Before(time.Now().Add(clockSlack)) {
				found.Changed = b.Changed
			}
			all = append(all, found)
			return ctx.Err()
		})
	return all, err
}

// unreadable returns what keeps a backup from being opened by this version; nil: it is none, or it can be.
func unreadable(err error) error {
	if errors.Is(err, repo.ErrNewerFormat) || errors.Is(err, repo.ErrDamaged) {
		return core.Told(err)
	}
	return nil
}

func told(place string, f repo.Facts, err error) Backup {
	return Backup{
		Place: place, Key: f.Protection == repo.ProtectionKey, Password: f.Protection == repo.ProtectionKey && f.VaultCard != nil,
		Err: unreadable(err),
	}
}

// patience is how long a disk or share of this computer has to answer.
const patience = 10 * time.Second

// Near looks for backups on disks, shares and synced folders, all at the same time, and returns those of the ones that
// answer in time, in the order of the places.
func Near(ctx context.Context, p places.Places, near []places.Nearby) (all []Backup) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	type answer struct {
		i   int
		all []Backup
	}
	answers := make(chan answer, len(near)) // so that one that hangs can be left behind
	for i, n := range near {
		go func() {
			found, _ := At(ctx, p, n.Path) // one that cannot be read has none to offer
			answers <- answer{i, found}
		}()
	}
	byPlace := make([][]Backup, len(near))
	for range near {
		select {
		case a := <-answers:
			byPlace[a.i] = a.all
		case <-ctx.Done():
		}
	}
	for _, found := range byPlace {
		for _, b := range found {
			if !slices.ContainsFunc(all, func(o Backup) bool { return o.Place == b.Place }) {
				all = append(all, b)
			}
		}
	}
	return all
}
