package sealed

import (
	"errors"
	"fmt"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
)

var (
	// ErrChanged: the header was replaced by another computer meanwhile.
	ErrChanged = errors.New("the protection of the backup was changed meanwhile")
	// ErrNoKeyring is within format.ErrDamaged: the keyring is not there.
	ErrNoKeyring = errors.New("is missing")
	// ErrOlder: the destination shows an older state of the key than this computer has seen there.
	ErrOlder = errors.New("the place shows an older state of the key than this computer has seen")
	// ErrUnvouched is within format.ErrDamaged: the object may be sound, but what vouches for it is missing.
	ErrUnvouched = fmt.Errorf("%w: nothing vouches for it", format.ErrDamaged)
	// ErrGone is within format.ErrDamaged where it is returned: the object is not there. Who has just listed
	// it lists again, since a prune may have deleted it in between.
	ErrGone = errors.New("missing")
)
