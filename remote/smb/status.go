package smb

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"time"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/again"
	"github.com/holdfast-backup/holdfast/third_party/smb2"
)

// What servers answer, of MS-ERREF 2.3.1. The library gives the four most common ones as errors of io/fs.
const (
	statusNoSuchFile       = 0xC000000F
	statusSharingViolation = 0xC0000043 // somebody has the file open
	statusQuotaExceeded    = 0xC0000044
	statusDeletePending    = 0xC0000056 // it is deleted as soon as nobody has it open
	statusNoSuchUser       = 0xC0000064
	statusWrongPassword    = 0xC000006A
	statusLogonFailure     = 0xC000006D
	statusRestricted       = 0xC000006E
	statusHours            = 0xC000006F
	statusWorkstation      = 0xC0000070
	statusPasswordExpired  = 0xC0000071
	statusDisabled         = 0xC0000072
	statusDiskFull         = 0xC000007F
	statusWriteProtected   = 0xC00000A2
	statusNetworkNameGone  = 0xC00000C9
	statusBadNetworkName   = 0xC00000CC
	statusNotADirectory    = 0xC0000103
	statusFileClosed       = 0xC0000128
	statusLogonType        = 0xC000015B
	statusAccountExpired   = 0xC0000193
	statusSessionDeleted   = 0xC0000203
	statusDisconnected     = 0xC000020C
	statusReset            = 0xC000020D
	statusMustChange       = 0xC0000224
	statusLockedOut        = 0xC0000234
	statusMapped           = 0xC0000243 // as open
	statusSessionExpired   = 0xC000035C
	statusDiskQuota        = 0xC0000802
)

type statuses map[uint32]bool

var (
	refusals = statuses{
		statusNoSuchUser: true, statusWrongPassword: true, statusLogonFailure: true, statusRestricted: true, statusHours: true,
		statusWorkstation: true, statusPasswordExpired: true, statusDisabled: true, statusLogonType: true, statusAccountExpired: true,
		statusMustChange: true, statusLockedOut: true,
	}
	full     = statuses{statusDiskFull: true, statusQuotaExceeded: true, statusDiskQuota: true}
	nothing  = statuses{statusNoSuchFile: true, statusNotADirectory: true, statusDeletePending: true}
	inUse    = statuses{statusSharingViolation: true, statusMapped: true}
	departed = statuses{
		statusNetworkNameGone: true, statusFileClosed: true, statusSessionDeleted: true, statusDisconnected: true, statusReset: true,
		statusSessionExpired: true,
	}
)

// status returns what the server has answered, 0 for anything else.
func status(err error) uint32 {
	var r *smb2.ResponseError
	if errors.As(err, &r) {
		return r.Code
	}
	return 0
}

// absent reports whether an error says that nothing has a name, or that it is being deleted.
func absent(err error) bool { return errors.Is(err, fs.ErrNotExist) || nothing[status(err)] }

// lost reports whether an error means that the connection is of no use any more.
func lost(err error) bool {
	if err == nil {
		return false
	}
	if s := status(err); s != 0 {
		return departed[s]
	}
	for _, kind := range []error{fs.ErrNotExist, fs.ErrPermission, fs.ErrExist, store.ErrExists, store.ErrNotExist, store.ErrUnreachable,
		store.ErrSignIn, store.ErrPermission, store.ErrNoSpace, store.ErrClosed, io.ErrUnexpectedEOF, errSize} {
		if errors.Is(err, kind) {
			return false
		}
	}
	return true
}

// busyPatience is how long a file that somebody else has open is waited for: virus scanners and indexers have each new
// file open for a moment.
const busyPatience = 15 * time.Second

// patiently repeats fn while it fails for a reason that passes.
func patiently(ctx context.Context, passes func(error) bool, fn func() error) error {
	began := time.Now()
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 500*time.Millisecond) {
		err := fn()
		if !passes(err) || time.Since(began) > busyPatience {
			return err
		}
		if err := again.Sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// isOpen reports whether an error says that somebody else has a file open.
func isOpen(err error) bool { return inUse[status(err)] }

// isOpenOrDenied is isOpen for what takes the place of a file: Windows then denies access.
func isOpenOrDenied(err error) bool {
	return isOpen(err) || status(err) == statusDeletePending || errors.Is(err, fs.ErrPermission)
}
