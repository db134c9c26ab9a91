package main_test

import (
	"testing"

	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/remote/servers"
)

// A service that ends each token with the next one opens again: the app keeps what the program tells it.
func TestANewTokenIsKept(t *testing.T) {
	o := servers.OneDriveCloud(t)
	place := atCloud(t, o.Internet, address.Address{Kind: address.OneDrive, Path: "/Holdfast"}, o.SignedIn(t)).here()
	at := places.Through(start(t))
	if err := at.Know(place.place, place.secret); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b", "c"} {
		r, err := at.Open(t.Context(), place.place, true)
		if err != nil {
			t.Fatal(err)
		}
		o.Expire()
		if err := r.Put(t.Context(), name, nil); err != nil {
			t.Error(err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if n := o.Given(); n < 4 {
		t.Errorf("only %d tokens were given", n)
	}
}
