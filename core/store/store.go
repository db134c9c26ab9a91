package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Object is one stored object as List and Stat see it.
type Object struct {
	Name string
	Size int64 // bytes
}

// Store holds objects at a destination.
//
// All methods may be called by any number of goroutines at once; Properties.Connections
// tells how many are useful. All honour ctx: when it ends, they return soon
// with an error that wraps ctx.Err(). All are idempotent in the sense given
// with each, so that a caller may repeat any call whose error is not permanent
// (see IsPermanent). Names are checked by CheckName: ErrInvalidName before
// anything is done. A store whose destination is gone (an unplugged drive, a
// deleted folder, no network) answers ErrUnreachable; it never makes the
// destination anew, and never reports ErrNotExist for what it cannot see.
type Store interface {
	// Put stores data under name, atomically and durably: after a nil return
	// the object survives a power loss and every reader sees it whole; before
	// that it is not visible at all. It never overwrites: a name that is taken gives
	// ErrExists, also when it holds the same bytes. data is not retained.
	//
	// After any other error the object may or may not be there, whole: an
	// answer can be lost. The caller repeats the call with the same name and
	// content, and takes ErrExists on a repeated call for success if the
	// object has the right size.
	Put(ctx context.Context, name string, data []byte) error

	// Replace stores data under name whether it is taken or not; readers see
	// the old or the new object whole. After an error either may be there.
	// Repeating it is harmless while no one else replaces the object. It is
	// meant for the one small object of a repository that changes; another
	// process may go on seeing the old object for a moment.
	Replace(ctx context.Context, name string, data []byte) error

	// ReadAt fills p with the object's bytes from offset on. An object that
	// ends before p is full gives io.ErrUnexpectedEOF, and what is in p is then
	// undefined. ErrNotExist when there is no such object.
	ReadAt(ctx context.Context, name string, p []byte, offset int64) error

	// Stat returns name and size of an object, or ErrNotExist.
	Stat(ctx context.Context, name string) (Object, error)

	// List calls fn for each object whose name starts with prefix ("packs/",
	// "keyring-", "" for all), in no certain order, from one goroutine. Objects put or
	// deleted meanwhile may be listed or not; all others are listed exactly
	// once. Leftovers of broken writes and files that are no objects are never
	// listed. fn may call the store's other methods; its error ends the list
	// and is returned as it is.
	List(ctx context.Context, prefix string, fn func(Object) error) error

	// Delete removes an object, durably. Deleting what is not there is no error.
	Delete(ctx context.Context, name string) error

	// Properties does not change while the store is open, and does not ask
	// the destination.
	Properties() Properties

	// Close releases what the store holds. Calls after it, and calls under
	// way, may give ErrClosed. Closing again is harmless.
	Close() error
}

// Properties are the differences between stores that callers care about.
type Properties struct {
	Location    string // where it is, for people
	Connections int    // how many calls at the same time are useful, at least 1
	Far         bool   // a call takes a round trip over a network, and a few more bytes cost little beside it
	Lags        bool   // lists may be of a while ago, as those of caches and of search indexes
	// Flat: a list of everything takes no longer than lists of its parts would, and looks at no pack before it has looked at
	// all that is not below packs/ and precedes it by name.
	Flat bool
	Facts
}

// Facts are what a person may want to know of a place before choosing it.
type Facts struct {
	Deletes Deletion // what becomes of what is deleted
	// PaidDays is how many days after it was stored an object is paid for, also if it is deleted before; 0: nobody knows of any.
	PaidDays int
	// ByTimes: the place refuses no name that is taken. Of two computers that put one at the same moment, the store tells the
	// first by the times of the place.
	ByTimes bool
}

// Deletion is what becomes of what is deleted; "": nobody knows.
type Deletion string

// The ways to delete.
const (
	DeletesForGood Deletion = "for-good"
	DeletesAsSet   Deletion = "as-set" // for good, unless whoever runs the place keeps versions or a bin
	DeletesToBin   Deletion = "to-bin" // for some weeks it can be brought back at the place
)

// Spacer is a store that knows how much room is left.
type Spacer interface {
	// Free returns how many bytes this person may still write. The figure is
	// the destination's, and may be wrong by the time it is used.
	Free(ctx context.Context) (bytes uint64, err error)
}

// Free asks a store how much room is left, bytes. Errors: errors.ErrUnsupported where it does not know.
func Free(ctx context.Context, s Store) (uint64, error) {
	if spacer, ok := s.(Spacer); ok {
		return spacer.Free(ctx)
	}
	return 0, errors.ErrUnsupported
}

// TemporaryCleaner is a store whose broken writes can leave files behind that
// only take room.
type TemporaryCleaner interface {
	// CleanTemporary removes leftovers that have not been written to for
	// olderThan, and returns how many. Anything shorter than the longest write
	// of any computer, clocks apart, breaks such a write: take a day.
	CleanTemporary(ctx context.Context, olderThan time.Duration) (removed int, err error)
}

// CleanTemporary removes from a store what broken writes have left, where it can have any (TemporaryCleaner).
func CleanTemporary(ctx context.Context, s Store, olderThan time.Duration) (removed int, err error) {
	if c, ok := s.(TemporaryCleaner); ok {
		return c.CleanTemporary(ctx, olderThan)
	}
	return 0, nil
}

// WholeReader is a store that reads a whole object with one question. Nobody has to know its size.
type WholeReader interface {
	// ReadWhole is ReadAll.
	ReadWhole(ctx context.Context, name string, maxBytes int64) ([]byte, error)
}

// ReadAll returns the whole object. One of more than maxBytes gives
// ErrTooLarge before anything is read, so that a hostile destination cannot
// fill the memory. An object that is replaced between looking and reading may
// give io.ErrUnexpectedEOF.
func ReadAll(ctx context.Context, s Store, name string, maxBytes int64) ([]byte, error) {
	if w, ok := s.(WholeReader); ok {
		return w.ReadWhole(ctx, name, maxBytes)
	}
	return inParts(ctx, s, name, maxBytes)
}

// inParts reads an object with two questions.
func inParts(ctx context.Context, s Store, name string, maxBytes int64) ([]byte, error) {
	o, err := s.Stat(ctx, name)
	if err != nil {
		return nil, err
	}
	if o.Size > maxBytes {
		return nil, &Error{Op: "read", Name: name, Location: s.Properties().Location,
			Err: fmt.Errorf("%w: %d bytes, %d allowed", ErrTooLarge, o.Size, maxBytes)}
	}
	data := make([]byte, o.Size)
	if err := s.ReadAt(ctx, name, data, 0); err != nil {
		return nil, err
	}
	return data, nil
}
