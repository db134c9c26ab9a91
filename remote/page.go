package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/remote/wire"
	"github.com/holdfast-backup/holdfast/remote/web"
)

// page fetches what lies at an address. It tells the server nothing but the address, and follows no redirect.
// Errors: store.ErrPermission for an address that is not https, store.ErrTooLarge, those of web.
func page(ctx context.Context, q wire.Page) ([]byte, error) {
	u, err := url.Parse(q.Address)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || q.Most < 0 || q.Most > wire.MaxPage {
		return nil, fmt.Errorf("%w: %q is no page to be fetched", store.ErrPermission, q.Address)
	}
	client := web.NewClient(web.Options{Connections: 1})
	defer client.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "Holdfast")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: the server says %s", store.ErrUnreachable, resp.Status)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, q.Most+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", store.ErrUnreachable, err)
	case int64(len(text)) > q.Most:
		return nil, store.ErrTooLarge
	}
	return text, nil
}
