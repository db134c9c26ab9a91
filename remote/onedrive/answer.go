package onedrive

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/bucket"
)

// means says what the codes of an error mean.
var means = map[string]error{
	"itemNotFound":               store.ErrNotExist,
	"nameAlreadyExists":          store.ErrExists,
	"quotaLimitReached":          store.ErrNoSpace,
	"insufficientStorage":        store.ErrNoSpace,
	"accessDenied":               store.ErrPermission,
	"notAllowed":                 store.ErrPermission,
	"malwareDetected":            store.ErrPermission,
	"unauthenticated":            store.ErrSignIn,
	"InvalidAuthenticationToken": store.ErrSignIn,
	"activityLimitReached":       bucket.ErrFailed,
	"serviceNotAvailable":        bucket.ErrFailed,
	"resourceModified":           bucket.ErrFailed, // somebody else writes there at this moment
	"resourceLocked":             bucket.ErrFailed,
	"maxFileSizeExceeded":        store.ErrTooLarge,
	"fileTooLarge":               store.ErrTooLarge,
}

// errCannot: the service does not do what it was asked for, to this thing or at all.
var errCannot = fmt.Errorf("%w: the service cannot do that", store.ErrUnreachable)

// failure is an error as Graph writes it, with one that says more in it.
type failure struct {
	Code  string   `json:"code"`
	Inner *failure `json:"innerError"` // also written innererror
}

// told turns an answer that nobody hoped for into an error of store.
func told(resp *http.Response) error {
	var answer struct {
		Error failure `json:"error"`
	}
	// What is no JSON is of a gateway: its status says enough. A part may have been read.
	if json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&answer) != nil {
		answer.Error = failure{}
	}
	if resp.StatusCode < 500 || resp.StatusCode == http.StatusInsufficientStorage { // a service that failed knows nothing
		for f, depth := &answer.Error, 0; f != nil && depth < 8; f, depth = f.Inner, depth+1 {
			if err, ok := means[f.Code]; ok {
				return fmt.Errorf("%w: the service says %s", err, f.Code)
			}
		}
	}
	switch resp.StatusCode {
	case http.StatusNotFound, http.StatusGone:
		return store.ErrNotExist
	case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return fmt.Errorf("%w: it answers %d", errCannot, resp.StatusCode)
	}
	return bucket.Said(resp.StatusCode, answer.Error.Code)
}
