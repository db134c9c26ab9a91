package keyring

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	gokeyring "github.com/zalando/go-keyring"
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

// Get returns the device key of a profile.
func (System) Get(profile string) (key []byte, err error) {
	defer orUnavailable(&err)
	text, err := gokeyring.Get(service, profile)
	switch {
	case errors.Is(err, gokeyring.ErrNotFound):
		return nil, ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return decode([]byte(text))
}

// Set stores the device key of a profile and reads it back.
func (s System) Set(profile string, key []byte) (err error) {
	defer orUnavailable(&err)
	if err := gokeyring.Set(service, profile, hex.EncodeToString(key)); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	back, err := s.Get(profile)
	if err != nil {
		return fmt.Errorf("%w: it does not give back what it was given: %w", ErrUnavailable, err)
	}
	clear(back)
	return nil
}

// Delete removes the device key of a profile, if there is one.
func (System) Delete(profile string) (err error) {
	defer orUnavailable(&err)
	if err := gokeyring.Delete(service, profile); err != nil && !errors.Is(err, gokeyring.ErrNotFound) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

// orUnavailable turns a panic into an error: the library falls over when the system's bus goes away while it asks.
func orUnavailable(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: %v", ErrUnavailable, r)
	}
}

// File keeps the device key in a file that only its owner may read.
type File struct{ Path string }

// Get returns the device key.
func (f File) Get(string) ([]byte, error) {
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
func (f File) Set(_ string, key []byte) error {
	if err := os.MkdirAll(filepath.Dir(f.Path), 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(f.Path), "device-*.tmp") // mode 0600
	if err != nil {
		return err
	}
	_, err = tmp.WriteString(hex.EncodeToString(key) + "\n")
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), f.Path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name()) // the cause is reported
	}
	return err
}

// Delete removes the file, if there is one.
func (f File) Delete(string) error {
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
