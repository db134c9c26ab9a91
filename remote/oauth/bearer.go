// Package oauth signs in to clouds in the person's browser, and shows them a token with each request after that.
package oauth

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/bucket"
	"github.com/holdfast-backup/holdfast/remote/web"
)

// Tokens are what shows a service who asks.
type Tokens interface {
	// Token returns one that is good for some time, and another one than the service has refused just now ("": none).
	// Errors: store.ErrSignIn, store.ErrUnreachable, bucket.ErrFailed.
	Token(ctx context.Context, refused string) (string, error)
}

// Bearer sends requests with a token (RFC 6750).
type Bearer struct {
	Client *web.Client
	Tokens Tokens
}

// Send sends one request with a body of parts, which are not copied, and a second one where the service does not accept
// the token any more. Errors: those of web.Client.Do and Tokens.
func (b Bearer) Send(ctx context.Context, method, at string, header map[string]string, parts ...[]byte) (*http.Response, error) {
	refused := ""
	for {
		token, err := b.Tokens.Token(ctx, refused)
		if err != nil {
			return nil, err
		}
		req, err := http.NewRequestWithContext(ctx, method, at, http.NoBody)
		if err != nil {
			return nil, store.ErrInvalidName // err repeats the URL
		}
		if len(parts) > 0 {
			fill(req, parts)
		}
		for k, v := range header {
			req.Header.Set(k, v)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		if method == http.MethodDelete {
			req.Header["Idempotency-Key"] = nil // it may be sent anew where the server has closed a connection that rested; not sent itself
		}
		resp, err := b.Client.Do(req)
		if err != nil || resp.StatusCode != http.StatusUnauthorized || refused != "" {
			return resp, err
		}
		bucket.Finish(resp)
		refused = token
	}
}

// fill gives a request a body of parts.
func fill(req *http.Request, parts [][]byte) {
	req.GetBody = func() (io.ReadCloser, error) {
		readers := make([]io.Reader, len(parts))
		for i, p := range parts {
			readers[i] = bytes.NewReader(p)
		}
		return io.NopCloser(io.MultiReader(readers...)), nil
	}
	req.Body, _ = req.GetBody() // which never fails
	for _, p := range parts {
		req.ContentLength += int64(len(p))
	}
}

// spare is how long before its end a token is not used any more.
const spare = time.Minute

// Cache keeps a token until its end. Calls that need a new one wait for each other.
type Cache struct {
	ask   func(ctx context.Context) (token string, lasts time.Duration, err error)
	turn  chan struct{} // who holds it may use what follows
	value string
	until time.Time
}

// NewCache returns Tokens that ask gives.
func NewCache(ask func(ctx context.Context) (token string, lasts time.Duration, err error)) *Cache {
	return &Cache{ask: ask, turn: make(chan struct{}, 1)}
}

// Token implements Tokens.
func (c *Cache) Token(ctx context.Context, refused string) (string, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if c.value != "" && c.value != refused && time.Until(c.until) > spare {
		return c.value, nil
	}
	value, lasts, err := c.ask(ctx)
	if err != nil {
		return "", err
	}
	c.value, c.until = value, time.Now().Add(lasts)
	return value, nil
}
