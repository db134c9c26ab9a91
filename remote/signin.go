package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store/remote/wire"
	"github.com/holdfast-backup/holdfast/remote/bucket"
	"github.com/holdfast-backup/holdfast/remote/drive"
	"github.com/holdfast-backup/holdfast/remote/dropbox"
	"github.com/holdfast-backup/holdfast/remote/oauth"
	"github.com/holdfast-backup/holdfast/remote/onedrive"
	"github.com/holdfast-backup/holdfast/remote/web"
)

// The clients of this build, as the services know Holdfast: set by -ldflags "-X main.driveClient=…" (docs/places.md).
// A build without one asks people for a client of their own.
var driveClient, driveSecret, oneDriveClient, dropboxClient string

// provider is a kind of place that people sign in to.
type provider struct {
	of     func(oauth.Client) oauth.Provider
	open   func(context.Context, oauth.Params) (*bucket.Roomy, error)
	client oauth.Client // of this build
}

// providers are the services that people sign in to.
func providers() map[address.Kind]provider {
	return map[address.Kind]provider{
		address.Drive:    {drive.Provider, drive.Open, oauth.Client{ID: driveClient, Secret: driveSecret}},
		address.OneDrive: {onedrive.Provider, onedrive.Open, oauth.Client{ID: oneDriveClient}},
		address.Dropbox:  {dropbox.Provider, dropbox.Open, oauth.Client{ID: dropboxClient}},
	}
}

// signIn signs a person in to a place.
func signIn(ctx context.Context, q wire.SignIn, show func(page string) error) (json.RawMessage, error) {
	a, err := address.Parse(q.Place)
	if err != nil {
		return nil, err
	}
	p, ok := providers()[a.Kind]
	if !ok {
		return nil, fmt.Errorf("%w: nobody signs in to %s", address.ErrInvalid, a.Kind)
	}
	secret, err := secretOf(q.Secret)
	if err != nil {
		return nil, err
	}
	client := p.client
	if own := a.Query.Get("client"); own != "" {
		client = oauth.Client{ID: own, Secret: secret[address.ClientSecret]}
	}
	w := web.NewClient(web.Options{Connections: 1})
	defer w.Close()
	token, err := oauth.SignIn(ctx, w, p.of(client), show)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(token)
	if err != nil {
		return nil, err
	}
	if secret == nil {
		secret = make(address.Secret)
	}
	secret[address.Token] = string(text)
	return json.Marshal(secret)
}
