package format

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/holdfast-backup/holdfast/core/backupkey"
)

// KeyringPath returns the name of the n-th keyring object.
func KeyringPath(n uint32) string { return "keyring-" + strconv.FormatUint(uint64(n), 10) }

// ParseKeyringPath returns the number in a keyring's path, or false for a path that no writer makes.
func ParseKeyringPath(path string) (uint32, bool) {
	s, ok := strings.CutPrefix(path, "keyring-")
	if !ok || s == "" || s[0] == '0' {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil && n <= MaxKeyring && KeyringPath(uint32(n)) == path
}

func keyringAAD(id RepositoryID, n uint32) []byte {
	aad := append([]byte(aadKeyring), id[:]...)
	return binary.BigEndian.AppendUint32(aad, n)
}

// Keyring is what a keyring object holds (docs/format.md, chapter 4).
type Keyring struct {
	Version int      // 1 or 2; 2 is written
	Epochs  []*Epoch // the current one last
	Closing *Name    // the list of what counts of closed epochs; nil where there are none
}

// Legacy reports whether closed epochs have no list: what they signed counts as it did before lists were made.
func (k *Keyring) Legacy() bool { return k.Version == 1 }

// Holds reports whether an epoch is in the keyring.
func (k *Keyring) Holds(e *Epoch) bool {
	for _, own := range k.Epochs {
		if own.Equal(e) {
			return true
		}
	}
	return false
}

// CheckCount refuses a keyring of no epochs, or too many. Errors: ErrTooManyKeys.
func (k *Keyring) CheckCount() error {
	if len(k.Epochs) == 0 || len(k.Epochs) > maxEpochs {
		return fmt.Errorf("%w: a keyring holds 1 to %d epochs, not %d", ErrTooManyKeys, maxEpochs, len(k.Epochs))
	}
	return nil
}

func (k *Keyring) check() error {
	if err := k.CheckCount(); err != nil {
		return err
	}
	closed := false
	for i, e := range k.Epochs {
		if (e.State == EpochCurrent) != (i == len(k.Epochs)-1) {
			return fmt.Errorf("%w: a keyring's last epoch, and no other, is the current one", ErrDamaged)
		}
		closed = closed || e.State == EpochClosed
	}
	if closed != (k.Closing != nil) {
		return fmt.Errorf("%w: a keyring names a closing list if an epoch is closed, and only then", ErrDamaged)
	}
	return nil
}

// keyringPadded is the length of a plaintext of n bytes with its padding.
func keyringPadded(n int) int { return (n + KeyringBlock - 1) / KeyringBlock * KeyringBlock }

// SealKeyring seals a keyring of version 2 under K. The salt is an argument so that vectors can fix it.
func SealKeyring(k *backupkey.Key, id RepositoryID, n uint32, ring *Keyring, salt [32]byte) ([]byte, error) {
	if err := ring.check(); err != nil {
		return nil, err
	}
	plain := make([]byte, 0, keyringPadded(1+2+len(ring.Epochs)*41+1+32))
	plain = append(plain, 2)
	plain = binary.BigEndian.AppendUint16(plain, uint16(len(ring.Epochs)))
	for _, e := range ring.Epochs {
		plain = append(plain, byte(e.State))
		plain = append(plain, e.secret[:]...)
		plain = appendU64(plain, uint64(e.began))
	}
	if ring.Closing == nil {
		plain = append(plain, 0)
	} else {
		plain = append(append(plain, 1), ring.Closing[:]...)
	}
	plain = plain[:keyringPadded(len(plain))]
	defer clear(plain)
	key := k.Derive(backupkey.LabelKeyringSeal, salt[:], 32)
	defer clear(key)
	return newAEAD(key).Seal(salt[:], nonce(0), plain, keyringAAD(id, n)), nil
}

// OpenKeyring opens a keyring object of version 1 or 2.
func OpenKeyring(k *backupkey.Key, id RepositoryID, n uint32, sealed []byte) (*Keyring, error) {
	if len(sealed) < 32+KeyringBlock+GCMTag || (len(sealed)-32-GCMTag)%KeyringBlock != 0 {
		return nil, fmt.Errorf("%w: %s has %d bytes", ErrDamaged, KeyringPath(n), len(sealed))
	}
	key := k.Derive(backupkey.LabelKeyringSeal, sealed[:32], 32)
	defer clear(key)
	plain, err := newAEAD(key).Open(nil, nonce(0), sealed[32:], keyringAAD(id, n))
	if err != nil {
		return nil, fmt.Errorf("%w: %s does not authenticate", ErrDamaged, KeyringPath(n))
	}
	defer clear(plain)
	d := decoder{b: plain}
	var ring *Keyring
	switch d.u8() {
	case 1:
		ring = decodeKeyringV1(&d, id)
	case 2:
		ring = decodeKeyring(&d, id)
	default:
		d.fail("of an unknown version")
	}
	if d.err == nil && (!allZero(d.b) || len(plain) != keyringPadded(len(plain)-len(d.b))) {
		d.fail("bad padding")
	}
	if d.err == nil && ring.Version == 2 {
		d.err = ring.check()
	}
	if d.err != nil {
		return nil, fmt.Errorf("%s: %w", KeyringPath(n), d.err)
	}
	return ring, nil
}

func decodeKeyring(d *decoder, id RepositoryID) *Keyring {
	ring := &Keyring{Version: 2}
	count := 0
	if b := d.take(2); b != nil {
		count = int(binary.BigEndian.Uint16(b))
	}
	if count == 0 || count > maxEpochs {
		d.fail("number of epochs out of range")
		return ring
	}
	for range count {
		state := EpochState(d.u8())
		if state > EpochPublic {
			d.fail("an epoch of an unknown state")
		}
		secret := [32]byte(d.id())
		began := int64(d.u64())
		if d.err != nil {
			return ring
		}
		ring.Epochs = append(ring.Epochs, NewEpoch(id, secret, began).As(state))
	}
	switch d.u8() {
	case 0:
	case 1:
		n := Name(d.id())
		ring.Closing = &n
	default:
		d.fail("a bad count of closing lists")
	}
	return ring
}

// decodeKeyringV1 reads what versions before closing lists wrote: an epoch that began at 0 was public, and one
// that is not the last is closed, without a list.
func decodeKeyringV1(d *decoder, id RepositoryID) *Keyring {
	ring := &Keyring{Version: 1}
	count := int(d.u8())
	if count == 0 || count > maxEpochsV1 {
		d.fail("number of epochs out of range")
		return ring
	}
	for i := range count {
		secret := [32]byte(d.id())
		e := NewEpoch(id, secret, int64(d.u64()))
		switch {
		case i == count-1:
		case e.began == 0:
			e.State = EpochPublic
		default:
			e.State = EpochClosed
		}
		ring.Epochs = append(ring.Epochs, e)
	}
	return ring
}
