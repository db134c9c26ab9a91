package oauth

import (
	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/web"
)

// Params say how a place is opened that a person has signed in to.
type Params struct {
	Address address.Address
	Secret  address.Secret       // of a sign-in
	Create  bool                 // make the folder, if it is not there
	Changed func(address.Secret) // is told of each new token; nil: nobody is
	Web     web.Options          // of tests: Proxy, Roots
}

// Bearer returns what sends requests to the place's service, so many at once. Errors: store.ErrSignIn.
func (p Params) Bearer(provider Provider, connections int) (Bearer, error) {
	if p.Changed == nil {
		p.Changed = func(address.Secret) {}
	}
	p.Web.Connections = connections
	client := web.NewClient(p.Web)
	session, err := NewSession(client, provider, p.Secret, p.Changed)
	if err != nil {
		client.Close()
		return Bearer{}, &store.Error{Op: "open", Location: p.Address.String(), Err: err}
	}
	return Bearer{Client: client, Tokens: session}, nil
}
