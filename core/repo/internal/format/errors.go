package format

import "errors"

// What reading bytes may end in; wrapped with the object's name and the cause.
var (
	ErrNotRepository = errors.New("not a holdfast backup")
	ErrNewerFormat   = errors.New("written by a newer version of holdfast")
	// ErrDamaged: an object is missing, does not authenticate, or does not decode.
	ErrDamaged = errors.New("damaged")
	// ErrTooManyKeys: the keyring cannot hold one more change of the key.
	ErrTooManyKeys = errors.New("the key was changed too often")
)
