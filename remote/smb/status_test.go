package smb

import (
	"context"
	"errors"
	"io/fs"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-backup/holdfast/third_party/smb2"
)

// A file that somebody has open is waited for, for a while, and until the caller's context ends. Nothing else is.
func TestFilesInUse(t *testing.T) {
	sharing := &fs.PathError{Op: "open", Err: &smb2.ResponseError{Code: statusSharingViolation}}
	for name, c := range map[string]struct {
		errs   []error // one for each call, the last one for all others
		passes func(error) bool
		end    time.Duration // of the context
		calls  int
		took   time.Duration // at least
		want   error
	}{
		"it is closed again":  {[]error{sharing, sharing, nil}, isOpen, time.Hour, 3, 15 * time.Millisecond, nil},
		"it stays open":       {[]error{sharing}, isOpen, time.Hour, 0, busyPatience, sharing},
		"the caller gives up": {[]error{sharing}, isOpen, time.Second, 0, time.Second, context.DeadlineExceeded},
		"denied":              {[]error{fs.ErrPermission, nil}, isOpen, time.Hour, 1, 0, fs.ErrPermission},
		"denied to replace":   {[]error{fs.ErrPermission, nil}, isOpenOrDenied, time.Hour, 2, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), c.end)
				defer cancel()
				began, calls := time.Now(), 0
				err := patiently(ctx, c.passes, func() error {
					calls++
					return c.errs[min(calls, len(c.errs))-1]
				})
				took := time.Since(began)
				if !errors.Is(err, c.want) || c.calls > 0 && calls != c.calls || took < c.took || took > c.took+time.Second {
					t.Errorf("%d calls in %v: %v", calls, took, err)
				}
			})
		})
	}
}

// Which errors mean that the connection is of no use any more.
func TestLost(t *testing.T) {
	answered := func(code uint32) error { return &fs.PathError{Op: "x", Err: &smb2.ResponseError{Code: code}} }
	for _, err := range []error{
		nil, fs.ErrNotExist, fs.ErrExist, fs.ErrPermission, answered(statusDiskFull), answered(statusSharingViolation),
	} {
		if lost(err) {
			t.Errorf("%v loses the connection", err)
		}
	}
	for _, err := range []error{
		answered(statusSessionExpired), answered(statusNetworkNameGone), &smb2.TransportError{Err: errors.New("reset")},
		&smb2.InvalidResponseError{Message: "packet failed signature verification"},
	} {
		if !lost(err) {
			t.Errorf("%v does not", err)
		}
	}
}
