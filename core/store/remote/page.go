package remote

import (
	"context"
	"encoding/json"
	"io"
	"net/http"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/remote/wire"
)

// Page starts the program, and has it fetch what lies at an address of the web: at most so many bytes.
// Errors: store.ErrPermission where the address is not https, store.ErrTooLarge, store.ErrUnreachable, those of ctx.
func Page(ctx context.Context, o Options, address string, most int64) (text []byte, err error) {
	fail := func(err error) error { return &store.Error{Op: "fetch", Location: address, Err: err} }
	p, err := o.Start(ctx)
	if err != nil {
		return nil, fail(ended(err))
	}
	s := newSession(p, o.Silence)
	defer s.close() //nolint:errcheck // it has told all
	body, err := json.Marshal(wire.Page{Address: address, Most: most})
	if err != nil {
		return nil, err
	}
	err = s.do(ctx, request{method: http.MethodPost, path: wire.PathPage, body: body, read: func(resp *http.Response) error {
		text, err = io.ReadAll(io.LimitReader(resp.Body, most+1))
		switch {
		case err != nil:
			return ended(err)
		case int64(len(text)) > most:
			return store.ErrTooLarge
		}
		return nil
	}})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fail(err)
	}
	return text, nil
}
