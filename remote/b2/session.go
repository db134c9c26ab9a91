package b2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/again"
	"github.com/holdfast-backup/holdfast/remote/bucket"
)

// first is where the service is asked for the place of an account.
const first = "https://api.backblazeb2.com"

// granted is what a key is given: a token of a day at most, and where it counts.
type granted struct {
	token, account, ask, download string
	bucket                        string // its id
}

// session holds what was granted last.
type session struct {
	turn chan struct{} // who holds it may use what follows
	now  *granted
}

func newSession() session { return session{make(chan struct{}, 1), new(granted)} }

// errToken: the service does not accept the token. Nothing was done.
var errToken = fmt.Errorf("%w: the token has ended", store.ErrSignIn)

// grant returns what is granted. refused is a token that the service does not accept any more. Errors: bucket.ErrGone
// where the bucket is not there, store.ErrSignIn, those of told.
func (s *service) grant(ctx context.Context, refused string) (granted, error) {
	select {
	case s.session.turn <- struct{}{}:
		defer func() { <-s.session.turn }()
	case <-ctx.Done():
		return granted{}, ctx.Err()
	}
	if now := s.session.now; now.token != "" && now.token != refused && now.bucket != "" {
		return *now, nil
	}
	*s.session.now = granted{}
	on, err := s.authorize(ctx)
	if err != nil {
		return granted{}, err
	}
	if on.bucket == "" {
		if on.bucket, err = s.lookUp(ctx, on); err != nil {
			return on, err
		}
	}
	*s.session.now = on
	return on, nil
}

// authorize signs in with the key (b2_authorize_account). A key of one bucket alone names it.
func (s *service) authorize(ctx context.Context) (granted, error) {
	var answer struct {
		Account  string `json:"accountId"`
		Token    string `json:"authorizationToken"`
		Ask      string `json:"apiUrl"`
		Download string `json:"downloadUrl"`
		Allowed  struct {
			Bucket string `json:"bucketId"`
			Name   string `json:"bucketName"`
		} `json:"allowed"`
	}
	err := again.Until(ctx, failed, func(int) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, first+api+"b2_authorize_account", http.NoBody)
		if err != nil {
			return err
		}
		req.SetBasicAuth(s.keyID, s.key)
		resp, err := s.client.Do(req)
		if err != nil {
			return err
		}
		defer bucket.Finish(resp)
		if resp.StatusCode == http.StatusUnauthorized {
			return fmt.Errorf("%w: the service does not accept the application key", store.ErrSignIn)
		}
		if resp.StatusCode != http.StatusOK {
			return told(resp)
		}
		return bucket.ReadJSON(resp, &answer)
	})
	if err == nil {
		err = errors.Join(safe(answer.Ask), safe(answer.Download))
	}
	on := granted{token: answer.Token, account: answer.Account, ask: answer.Ask, download: answer.Download}
	if answer.Allowed.Name == s.bucket {
		on.bucket = answer.Allowed.Bucket
	}
	return on, err
}

// safe returns nil if a URL is one of the service's: what goes there has a token, or all bytes.
func safe(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Port() != "" ||
		!strings.HasSuffix(u.Host, ".backblazeb2.com") && !strings.HasSuffix(u.Host, ".backblaze.com") {
		return fmt.Errorf("%w: the service leads elsewhere", store.ErrUnreachable) // err repeats it
	}
	return nil
}

// lookUp returns the bucket's id (b2_list_buckets).
func (s *service) lookUp(ctx context.Context, on granted) (string, error) {
	var answer struct {
		Buckets []struct {
			ID   string `json:"bucketId"`
			Name string `json:"bucketName"`
		} `json:"buckets"`
	}
	if err := s.askOnce(ctx, on, "b2_list_buckets", map[string]any{"accountId": on.account, "bucketName": s.bucket}, &answer); err != nil {
		return "", err
	}
	for _, b := range answer.Buckets {
		if b.Name == s.bucket {
			return b.ID, nil
		}
	}
	return "", bucket.ErrGone
}

// Make implements bucket.Maker (b2_create_bucket). Only its owner may read it.
func (s *service) Make(ctx context.Context) error {
	on, err := s.grant(ctx, "")
	if err == nil || !errors.Is(err, bucket.ErrGone) || on.account == "" {
		return err // somebody else has made it; or it cannot be seen
	}
	arg := map[string]any{"accountId": on.account, "bucketName": s.bucket, "bucketType": "allPrivate"}
	return s.askOnce(ctx, on, "b2_create_bucket", arg, nil)
}

func failed(err error) bool { return errors.Is(err, bucket.ErrFailed) }

// ask sends one question of JSON that may be sent again, and reads the answer, if somebody wants it. Errors: those of told.
func (s *service) ask(ctx context.Context, what string, arg func(granted) any, into any) error {
	return again.Until(ctx, failed, func(int) error {
		return s.granted(ctx, func(on granted) error { return s.askOnce(ctx, on, what, arg(on), into) })
	})
}

// granted does something with a token, and once more with another one where that has ended.
func (s *service) granted(ctx context.Context, do func(on granted) error) error {
	on, err := s.grant(ctx, "")
	if err == nil {
		if err = do(on); errors.Is(err, errToken) {
			if on, err = s.grant(ctx, on.token); err == nil {
				err = do(on)
			}
		}
	}
	return err
}

func (s *service) askOnce(ctx context.Context, on granted, what string, arg, into any) error {
	body, err := json.Marshal(arg)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, on.ask+api+what, strings.NewReader(string(body)))
	if err != nil {
		return store.ErrUnreachable // err repeats the URL
	}
	req.Header.Set("Authorization", on.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer bucket.Finish(resp)
	if resp.StatusCode != http.StatusOK {
		return told(resp)
	}
	if into == nil {
		return nil
	}
	return bucket.ReadJSON(resp, into)
}

// told turns an answer that nobody hoped for into an error of store.
func told(resp *http.Response) error {
	var said struct {
		Code string `json:"code"`
	}
	_ = json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&said) // a gateway says something else
	switch code := said.Code; {
	case code == "bad_auth_token" || code == "expired_auth_token":
		return errToken
	case code == "unauthorized": // the key is right, and may not do this
		return fmt.Errorf("%w: the application key may not do that", store.ErrPermission)
	case code == "cap_exceeded" || code == "storage_cap_exceeded":
		return fmt.Errorf("%w: the account's cap is reached (%s)", store.ErrNoSpace, code)
	case strings.HasSuffix(code, "cap_exceeded"): // of downloads, of requests: until the day ends
		return fmt.Errorf("%w: a cap of the account is reached for today (%s)", store.ErrPermission, code)
	case code == "file_not_present" || code == "not_found":
		return store.ErrNotExist
	case code == "bad_bucket_id" || code == "no_such_bucket":
		return bucket.ErrGone
	}
	return bucket.Said(resp.StatusCode, said.Code)
}

// upload is where bytes may be sent to, one object after another.
type upload struct {
	URL   string `json:"uploadUrl"`
	Token string `json:"authorizationToken"`
}

// uploads are those that nobody uses just now.
type uploads struct {
	mu   sync.Mutex
	free []upload
}

func (u *uploads) take() (upload, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := len(u.free)
	if n == 0 {
		return upload{}, false
	}
	one := u.free[n-1]
	u.free = u.free[:n-1]
	return one, true
}

func (u *uploads) give(one upload) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.free = append(u.free, one)
}
