package remote

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/remote/wire"
)

// SignIn starts the program, and has it sign a person in to a place: show is to show a page in the person's browser.
// o.Secret is what is known of the place. It returns the secret that the place has from now on.
// Errors: those of show and ctx, address.ErrNoClient, store.ErrSignIn where the person does not agree, store.ErrUnreachable.
func SignIn(ctx context.Context, o Options, show func(page string) error) (secret json.RawMessage, err error) {
	fail := func(err error) error { return &store.Error{Op: "sign in", Location: o.Place, Err: err} }
	p, err := o.Start(ctx)
	if err != nil {
		return nil, fail(ended(err))
	}
	s := newSession(p, o.Silence)
	defer s.close() //nolint:errcheck // it has told all
	body, err := json.Marshal(wire.SignIn{Place: o.Place, Secret: o.Secret})
	if err != nil {
		return nil, err
	}
	var ofCaller error
	err = s.do(ctx, request{method: http.MethodPost, path: wire.PathSignIn, body: body, read: func(resp *http.Response) error {
		for lines := json.NewDecoder(resp.Body); ; {
			var line wire.SignedIn
			switch err := lines.Decode(&line); {
			case err != nil:
				return ended(err)
			case line.Failure != nil:
				return line.Failure.Err()
			case line.Page == "":
				secret = line.Secret
				return nil
			}
			if ofCaller = show(line.Page); ofCaller != nil {
				return ofCaller
			}
		}
	}})
	switch {
	case ofCaller != nil:
		return nil, ofCaller
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fail(err)
	}
	return secret, nil
}
