package repo

import (
	"errors"
	"fmt"

	"github.com/holdfast-backup/holdfast/core/repo/internal/engine"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/sealed"
)

// What is wrong with the bytes of an object; wrapped with its name and the cause.
var (
	// ErrNotRepository: the place has no header of ours.
	ErrNotRepository = format.ErrNotRepository
	ErrNewerFormat   = format.ErrNewerFormat
	// ErrDamaged: an object is missing, does not authenticate, or does not decode.
	ErrDamaged = format.ErrDamaged
	// ErrOlder: the destination shows an older state of the key than this computer has seen there.
	ErrOlder = sealed.ErrOlder
	// ErrTooManyKeys: the keyring cannot hold one more change of the key.
	ErrTooManyKeys = format.ErrTooManyKeys
	// ErrVanished: chunks that a snapshot was to use were deleted, or marked for
	// it, while it was made. Nothing was written; store them again.
	ErrVanished = engine.ErrVanished
	// ErrStale: the destination does not list what was just stored there. Nothing that rests on its lists was done.
	ErrStale = sealed.ErrStale
	// ErrChanged: the header was replaced by another computer meanwhile.
	ErrChanged = sealed.ErrChanged
)

// What a caller decides on; wrapped with the object's name and the cause.
var (
	ErrExists       = errors.New("there is a backup already")
	ErrWrongKey     = errors.New("the key does not open this backup")
	ErrKeyNeeded    = errors.New("the backup is encrypted")
	ErrNotEncrypted = errors.New("the backup is not encrypted")
	// ErrUnprotected is within ErrNotEncrypted: a key was given, and the header claims that there is no encryption.
	ErrUnprotected = fmt.Errorf("a key was given, and %w", ErrNotEncrypted)
	ErrNoSnapshot  = errors.New("no such snapshot")
	ErrAmbiguous   = errors.New("more than one snapshot begins like this")
	ErrNoEntry     = errors.New("no such entry")
	// ErrChanging: a change of protection is not finished.
	ErrChanging = errors.New("a change of protection is under way")
	// ErrGivenUp: another computer is giving the change of protection up, or this one was once; that is all that can be done with it.
	ErrGivenUp = errors.New("the change of protection is being given up")
	// ErrNothingNew: the change is made, and the new epoch has no backup that could take the place of the old.
	ErrNothingNew = errors.New("there is no backup under the new protection yet")
)
