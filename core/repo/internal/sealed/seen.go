package sealed

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
)

// Seen is what a computer remembers of the key's state at a destination. The zero value is nothing. It holds no secret.
type Seen struct {
	Keyring uint32   // number of the keyring that counted
	Hash    [32]byte // SHA-256 of its bytes
	Epoch   [32]byte // names the current epoch
}

type seenText struct {
	Keyring uint32 `json:"keyring"`
	Hash    string `json:"hash"`
	Epoch   string `json:"epoch"`
}

// MarshalJSON implements json.Marshaler.
func (s Seen) MarshalJSON() ([]byte, error) {
	return json.Marshal(seenText{s.Keyring, hex.EncodeToString(s.Hash[:]), hex.EncodeToString(s.Epoch[:])})
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Seen) UnmarshalJSON(b []byte) error {
	var t seenText
	if err := json.Unmarshal(b, &t); err != nil {
		return err
	}
	hash, ok1 := format.ParseHex32(t.Hash)
	epoch, ok2 := format.ParseHex32(t.Epoch)
	if !ok1 || !ok2 {
		return errors.New("what was seen of the key is not in hexadecimal digits")
	}
	*s = Seen{t.Keyring, hash, epoch}
	return nil
}

// Check refuses a keyring that is older than what was seen, or of another history.
func (s Seen) Check(id format.RepositoryID, ring *format.Keyring, now Seen) error {
	switch {
	case s == Seen{} || now == s:
		return nil
	case now.Keyring < s.Keyring:
		return fmt.Errorf("%w: keyring %d, where this computer has seen %d", ErrOlder, now.Keyring, s.Keyring)
	case now.Keyring == s.Keyring:
		return fmt.Errorf("%w: keyring %d is another one", ErrOlder, now.Keyring)
	}
	for _, e := range ring.Epochs {
		if e.SeenID(id) == s.Epoch {
			return nil
		}
	}
	return fmt.Errorf("%w: keyring %d does not know what this computer has seen", ErrOlder, now.Keyring)
}
