package repo

import "errors"

// What a caller decides on; wrapped with the object's name and the cause.
var (
	ErrNotRepository = errors.New("not a holdfast backup")
	ErrExists        = errors.New("there is a backup already")
	ErrNewerFormat   = errors.New("written by a newer version of holdfast")
	ErrWrongKey      = errors.New("the key does not open this backup")
	ErrKeyNeeded     = errors.New("the backup is encrypted")
	ErrNotEncrypted  = errors.New("the backup is not encrypted")
	// ErrDamaged: an object is missing, does not authenticate, or does not decode.
	ErrDamaged    = errors.New("damaged")
	ErrNoSnapshot = errors.New("no such snapshot")
	ErrAmbiguous  = errors.New("more than one snapshot begins like this")
	ErrNoEntry    = errors.New("no such entry")
)
