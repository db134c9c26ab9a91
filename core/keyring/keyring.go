package keyring

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	gokeyring "github.com/zalando/go-keyring"

	"github.com/holdfast-backup/holdfast/core/privatefile"
)

// Size is the length of a device key, bytes.
const Size = 32

// Errors of Get and Set.
var (
	ErrNotFound = errors.New("the keyring holds no device key for this profile")
	// ErrUnavailable: there is no keyring on this computer, or it does not answer.
	ErrUnavailable = errors.New("no keyring answers on this computer")
	ErrMalformed   = errors.New("what the keyring holds is not a device key")
)

const service = "Holdfast"

// System is the operating system's keyring: Secret Service, Keychain, or
// Credential Manager.
type System struct{}

// Get returns the device key of a profile. It may wait for a person who unlocks the keyring, as long as ctx lasts.
func (System) Get(ctx context.Context, profile string) (key []byte, err error) {
	text, err := asked(ctx, func() (string, error) { return gokeyring.Get(service, profile) })
	switch {
	case errors.Is(err, gokeyring.ErrNotFound):
		return nil, ErrNotFound
	case err != nil:
		return nil, unavailable(err)
	}
	return decode([]byte(text))
}

// Set stores the device key of a profile and reads it back.
func (s System) Set(ctx context.Context, profile string, key []byte) error {
	text := hex.EncodeToString(key)
	_, err := asked(ctx, func() (struct{}, error) { return struct{}{}, gokeyring.Set(service, profile, text) })
	if err != nil {
		return unavailable(err)
	}
	back, err := s.Get(ctx, profile)
	if err != nil {
		return fmt.Errorf("%w: it does not give back what it was given: %w", ErrUnavailable, err)
	}
	clear(back)
	return nil
}

// Delete removes the device key of a profile, if there is one.
func (System) Delete(ctx context.Context, profile string) error {
	_, err := asked(ctx, func() (struct{}, error) { return struct{}{}, gokeyring.Delete(service, profile) })
	if err != nil && !errors.Is(err, gokeyring.ErrNotFound) {
		return unavailable(err)
	}
	return nil
}

// grace is how long the keyring has after ctx ended: one that waits for nobody
// answers sooner, so that what was begun comes to its end.
const grace = 2 * time.Second

// asked calls the library, which knows no context: a call that waits for the
// person at the keyring's own window is left behind when ctx ends.
func asked[T any](ctx context.Context, call func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	go func() { // it ends with the program at the latest
		var a answer
		defer func() {
			if r := recover(); r != nil { // the library falls over when the system's bus goes away while it asks
				a.err = fmt.Errorf("%v", r)
			}
			answers <- a
		}()
		a.value, a.err = call()
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
	}
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-late.C:
		var none T
		return none, ctx.Err()
	}
}

// unavailable says that the keyring gave nothing; whoever ended the wait knows why.
func unavailable(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// File keeps the device key in a file that only its owner may read.
type File struct{ Path string }

// Get returns the device key.
func (f File) Get(context.Context, string) ([]byte, error) {
	b, err := os.ReadFile(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return decode(b)
}

// Set writes the device key, durably and as a whole.
func (f File) Set(_ context.Context, _ string, key []byte) error {
	if err := os.MkdirAll(filepath.Dir(f.Path), 0o700); err != nil {
		return err
	}
	return privatefile.Replace(f.Path, []byte(hex.EncodeToString(key)+"\n"))
}

// Delete removes the file, if there is one.
func (f File) Delete(context.Context, string) error {
	if err := os.Remove(f.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func decode(text []byte) ([]byte, error) {
	if n := len(text); n > 0 && text[n-1] == '\n' {
		text = text[:n-1]
	}
	key := make([]byte, Size)
	if len(text) != 2*Size {
		return nil, ErrMalformed
	}
	if _, err := hex.Decode(key, text); err != nil {
		return nil, ErrMalformed
	}
	return key, nil
}
