package protection

import (
	"context"
	"errors"
	"slices"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/internal/engine"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/sealed"
	"github.com/holdfast-backup/holdfast/core/store"
)

// GiveUp takes a change that is not committed back: what it has stored is deleted, and
// the header is as it was before. key is the key to come when encryption was being turned on,
// nil otherwise. It may be called again until it succeeds, and once it was called the change cannot be gone on with.
// progress, if not nil, gets the number of packs deleted and to delete.
// Errors: ErrChanged when another computer has made the change meanwhile; those of store.
func GiveUp(ctx context.Context, r *repo.Repository, key *backupkey.Key, progress func(done, total int)) error {
	eng := r.Engine()
	defer eng.Doubt()()
	if eng.Header.Next == nil {
		return forgetGivenUp(ctx, eng) // the rest was done before an interruption
	}
	moving, err := openMoving(ctx, eng, key)
	if err != nil {
		return err
	}
	fresh := moving.Engine().Newest()
	id := fresh.GivenUpID(eng.ID)
	said, err := eng.PutRecord(ctx, format.KindRemoval, format.EncodeGivenUp(id))
	if err != nil {
		return err
	}
	if err := eng.StillHeader(ctx); err != nil {
		if errors.Is(err, repo.ErrChanged) {
			err = errors.Join(err, eng.Store.Delete(ctx, format.KindRemoval.Path(said)))
		}
		return err
	}
	for _, kind := range format.Kinds {
		if _, err := dropKind(ctx, eng, kind, []*repo.Epoch{fresh}, progress); err != nil {
			return err
		}
	}
	// Its keyring, if it has one, stays: a computer that was late to commit may still put a header there that names it.
	h := *eng.Header
	h.Next = nil
	if h.Protection == repo.ProtectionNone {
		h.VaultCard = nil // it was that of the key to come
	}
	now, err := sealed.ReadHeader(ctx, eng.Store)
	if err != nil {
		return err
	}
	if now.Guard == *eng.Header.Next && now.Next == nil {
		eng.Header = now // who committed after this was said is going to put the older header back, or has died
	}
	if err := eng.ReplaceHeader(ctx, &h, eng.Key); err != nil {
		return err
	}
	eng.Epochs = slices.DeleteFunc(slices.Clone(eng.Epochs), fresh.Equal)
	return forgetGivenUp(ctx, eng)
}

// dropKind deletes the objects of one kind that some epochs wrote, and lists
// until there are none.
func dropKind(ctx context.Context, eng *engine.Engine, kind format.ObjectKind, epochs []*repo.Epoch,
	progress func(done, total int)) (found bool, err error) {
	for {
		var paths []string
		err := eng.Names(ctx, kind, func(o store.Object) error {
			n, ok := kind.ParsePath(o.Name)
			if ok && slices.ContainsFunc(epochs, func(e *repo.Epoch) bool { return e.Owns(kind, n) }) {
				paths = append(paths, o.Name)
			}
			return nil
		})
		if err != nil || len(paths) == 0 {
			return found, err
		}
		found = true
		for i, p := range paths {
			if err := eng.Store.Delete(ctx, p); err != nil {
				return found, err
			}
			if progress != nil && kind == format.KindPack {
				progress(i+1, len(paths))
			}
		}
	}
}

// forgetGivenUp deletes what was said of changes that are given up to the end.
func forgetGivenUp(ctx context.Context, eng *engine.Engine) error {
	all, err := sealed.RecordsOf(ctx, eng.Objects, format.KindRemoval, known(eng, format.KindRemoval), format.DecodeGivenUp)
	if err != nil {
		return err
	}
	for n, id := range all {
		if id != [32]byte{} {
			if err := eng.Store.Delete(ctx, format.KindRemoval.Path(n)); err != nil {
				return err
			}
		}
	}
	return nil
}

// givenUp reports whether somebody gives the change to an epoch up. Every known epoch counts, also one that was public: a run
// that gives up turning encryption on has no other, and it leaves the backup as it was.
func givenUp(ctx context.Context, eng *engine.Engine, e *repo.Epoch) (bool, error) {
	all, err := sealed.RecordsOf(ctx, eng.Objects, format.KindRemoval, known(eng, format.KindRemoval), format.DecodeGivenUp)
	for _, id := range all {
		if id == e.GivenUpID(eng.ID) {
			return true, nil
		}
	}
	return false, err
}

// known reports whether a name is of an epoch that is known, whatever that is worth.
func known(eng *engine.Engine, kind format.ObjectKind) func(repo.Name) bool {
	return func(n repo.Name) bool { return eng.Owner(kind, n) != nil }
}
