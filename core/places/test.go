package places

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/holdfast-backup/holdfast/core/store"
)

// Ability is something that a place must be able to do.
type Ability string

// The abilities, in the order in which Test tries them.
const (
	CanOpen    Ability = "open"
	CanWrite   Ability = "write"
	CanKeep    Ability = "keep" // it never overwrites what is there
	CanRead    Ability = "read" // also a part
	CanList    Ability = "list"
	CanReplace Ability = "replace"
	CanDelete  Ability = "delete"
)

// Tried is one ability of a place, and what went wrong with it.
type Tried struct {
	Ability Ability
	Err     error // nil: the place can do it
	Facts   Facts // of the place, once it could be opened
}

// Test tries what a backup needs of a place, with a small object that it deletes again. It calls told after each,
// and ends with the first that fails. create: make the place if it does not exist. Errors: that of the ability that failed.
func (p Places) Test(ctx context.Context, place string, create bool, told func(Tried)) error {
	var facts Facts
	say := func(what Ability, err error) error {
		told(Tried{what, err, facts})
		return err
	}
	s, err := p.Open(ctx, place, create)
	if err == nil {
		facts = s.Properties().Facts
	}
	if say(CanOpen, err) != nil {
		return err
	}
	defer s.Close() //nolint:errcheck // nothing is buffered
	var random [16]byte
	_, _ = rand.Read(random[:]) // documented never to fail
	t := placeTest{s, "holdfast-test/" + hex.EncodeToString(random[:]), bytes.Repeat(random[:], 4096)}
	defer t.s.Delete(context.WithoutCancel(ctx), t.name) //nolint:errcheck // tried before, or the test has failed
	for _, step := range []struct {
		what Ability
		do   func(context.Context) error
	}{
		{CanWrite, t.write}, {CanKeep, t.keep}, {CanRead, t.read}, {CanList, t.list}, {CanReplace, t.replace}, {CanDelete, t.delete},
	} {
		if err := say(step.what, step.do(ctx)); err != nil {
			return err
		}
	}
	return nil
}

type placeTest struct {
	s    store.Store
	name string
	data []byte
}

func (t placeTest) write(ctx context.Context) error { return t.s.Put(ctx, t.name, t.data) }

func (t placeTest) keep(ctx context.Context) error {
	err := t.s.Put(ctx, t.name, t.data[:1])
	switch {
	case errors.Is(err, store.ErrExists):
		return nil
	case err == nil:
		return errors.New("the place overwrites what is there")
	}
	return err
}

func (t placeTest) read(ctx context.Context) error {
	p := make([]byte, 1000)
	if err := t.s.ReadAt(ctx, t.name, p, 12_345); err != nil {
		return err
	}
	if !bytes.Equal(p, t.data[12_345:13_345]) {
		return errors.New("the place gives other bytes than were written")
	}
	return nil
}

func (t placeTest) list(ctx context.Context) error {
	found := false
	err := t.s.List(ctx, "holdfast-test/", func(o store.Object) error {
		if o.Name == t.name {
			found = o.Size == int64(len(t.data))
		}
		return nil
	})
	if err == nil && !found {
		err = errors.New("the place does not list what was written")
	}
	return err
}

func (t placeTest) replace(ctx context.Context) error {
	if err := t.s.Replace(ctx, t.name, t.data[:100]); err != nil {
		return err
	}
	o, err := t.s.Stat(ctx, t.name)
	if err == nil && o.Size != 100 {
		err = fmt.Errorf("the place has %d bytes where it was given 100", o.Size)
	}
	return err
}

func (t placeTest) delete(ctx context.Context) error {
	if err := t.s.Delete(ctx, t.name); err != nil {
		return err
	}
	_, err := t.s.Stat(ctx, t.name)
	switch {
	case errors.Is(err, store.ErrNotExist):
		return nil
	case err == nil:
		return errors.New("the place keeps what was deleted")
	}
	return err
}
