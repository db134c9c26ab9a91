package store_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-backup/holdfast/vault/store"
)

// A commit names the value that it takes the place of: of two that have read the same, one wins.
func ExampleStore() {
	ctx := context.Background()
	var s store.Store = store.NewMemory()
	key := store.Key{1}
	first := s.Commit(ctx, []store.Change{{Key: key, New: []byte("nine guesses left")}})
	second := s.Commit(ctx, []store.Change{{Key: key, New: []byte("ten guesses left")}}) // it had read that there is nothing
	value, err := s.Get(ctx, key)
	fmt.Println(first, errors.Is(second, store.ErrConflict), string(value), err)
	// Output: <nil> true nine guesses left <nil>
}
