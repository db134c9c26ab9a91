// Package drive keeps objects as files of a folder in Google Drive, by its REST interface (version 3). An object a/b is
// the file b in the folder a, so that whoever downloads the folder has the layout of a backup in a folder.
//
// A program sees only what it has put into Drive itself (the scope drive.file): not a folder that the person has made,
// nor what another program or another client has. So it can harm nothing else there.
//
// Drive has no put that refuses a name that is taken, and lets a name be there twice. Of files with one name, the oldest
// counts. Of folders with one name, all are read, and the oldest is written to.
package drive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/again"
	"github.com/holdfast-backup/holdfast/remote/bucket"
	"github.com/holdfast-backup/holdfast/remote/google"
	"github.com/holdfast-backup/holdfast/remote/oauth"
)

const (
	connections = 4
	host        = "https://www.googleapis.com/"
	api         = host + "drive/v3"
	uploads     = host + "upload/drive/v3"
)

// Provider is Google, for a program as it knows it.
func Provider(client oauth.Client) oauth.Provider {
	return oauth.Provider{
		Endpoint: oauth2.Endpoint{
			AuthURL: "https://accounts.google.com/o/oauth2/v2/auth", TokenURL: "https://oauth2.googleapis.com/token",
			AuthStyle: oauth2.AuthStyleInParams,
		},
		Scopes: []string{"https://www.googleapis.com/auth/drive.file"},
		// Else it gives no token that can be refreshed, or gives one at the first sign-in alone.
		Params: map[string]string{"access_type": "offline", "prompt": "consent"},
		Client: client,
	}
}

// Params of Open.
type Params = oauth.Params

// service is the place's folder, as a bucket.Service.
type service struct {
	bearer oauth.Bearer
	path   []string // of the folder, below My Drive
	tree   tree
	spare  spare
	files  *bucket.Memory // ids by key: of the file that counts
	tries  *bucket.Memory // ids by key: of a put of which nobody knows whether it is done
}

// Open opens the folder of an address. Errors: store.ErrSignIn, store.ErrUnreachable, store.ErrPermission.
func Open(ctx context.Context, p Params) (*bucket.Roomy, error) {
	bearer, err := p.Bearer(Provider(oauth.Client{}), connections)
	if err != nil {
		return nil, err
	}
	s := &service{
		bearer: bearer,
		path:   strings.Split(strings.Trim(p.Address.Path, "/"), "/"),
		tree:   newTree(), spare: newSpare(),
		files: bucket.NewMemory(20_000), tries: bucket.NewMemory(100),
	}
	b, err := bucket.Open(ctx, bucket.Params{Service: s, Location: p.Address.String(), Connections: connections,
		Facts: store.Facts{Deletes: store.DeletesForGood, ByTimes: true}}, p.Create)
	if err != nil {
		return nil, err
	}
	return bucket.WithSpace(b, s), nil
}

// Close implements bucket.Service.
func (s *service) Close() { s.bearer.Client.Close() }

// Hash implements bucket.Service.
func (s *service) Hash(data []byte) []byte { return bucket.MD5(data) }

// failed reports whether the service says that it failed, as it also does where it wants fewer requests.
func failed(err error) bool { return errors.Is(err, bucket.ErrFailed) }

// ask sends a request that may be sent again, with a body if it has one, and reads the answer if somebody wants it.
// Errors: those of told.
func (s *service) ask(ctx context.Context, method, path string, query url.Values, body, into any) error {
	var header map[string]string
	var parts [][]byte
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		header, parts = map[string]string{"Content-Type": "application/json; charset=UTF-8"}, [][]byte{text}
	}
	at := api + path + "?" + query.Encode()
	return again.Until(ctx, failed, func(int) error {
		resp, err := s.bearer.Send(ctx, method, at, header, parts...)
		if err != nil {
			return err
		}
		defer bucket.Finish(resp)
		if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNoContent {
			return told(resp)
		}
		if into == nil {
			return nil
		}
		return bucket.ReadJSON(resp, into)
	})
}

// told turns an answer that nobody hoped for into an error of store.
func told(resp *http.Response) error {
	reason := google.Reason(resp)
	switch reason {
	case "rateLimitExceeded", "userRateLimitExceeded": // also with a 403
		return fmt.Errorf("%w: it asks for fewer requests (%s)", bucket.ErrFailed, reason)
	case "backendError", "internalError", "transientError":
		return fmt.Errorf("%w: it says %s", bucket.ErrFailed, reason)
	case "storageQuotaExceeded", "quotaExceeded", "activeItemCreationLimitExceeded", "numChildrenInNonRootLimitExceeded":
		return fmt.Errorf("%w: the service says %s", store.ErrNoSpace, reason)
	case "dailyLimitExceeded", "sharingRateLimitExceeded", "downloadQuotaExceeded":
		return fmt.Errorf("%w: the service allows no more for today (%s)", store.ErrUnreachable, reason)
	case "accessNotConfigured":
		return fmt.Errorf("%w: the client of this sign-in may not use Drive's interface (%s)", store.ErrUnreachable, reason)
	case "insufficientPermissions": // of the token: the person has not ticked what was asked for
		return fmt.Errorf("%w: the sign-in does not let this program keep files (%s)", store.ErrSignIn, reason)
	}
	switch resp.StatusCode {
	case http.StatusNotFound:
		return store.ErrNotExist
	case http.StatusConflict:
		return store.ErrExists
	case http.StatusPermanentRedirect: // as it says that an upload is not whole
		return fmt.Errorf("%w: it has not received all bytes", bucket.ErrFailed)
	}
	return bucket.Said(resp.StatusCode, reason)
}

// Free implements bucket.Spacer (About: get).
func (s *service) Free(ctx context.Context) (uint64, error) {
	var answer struct {
		Quota struct {
			Limit int64 `json:"limit,string"` // 0: none
			Usage int64 `json:"usage,string"` // of all services of the account
		} `json:"storageQuota"`
	}
	if err := s.ask(ctx, http.MethodGet, "/about", url.Values{"fields": {"storageQuota(limit,usage)"}}, nil, &answer); err != nil {
		return 0, err
	}
	if answer.Quota.Limit == 0 {
		return 0, fmt.Errorf("%w: this account has no limit", errors.ErrUnsupported)
	}
	return uint64(max(answer.Quota.Limit-answer.Quota.Usage, 0)), nil
}
