package repo

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/holdfast-backup/holdfast/core/backupkey"
)

// keyringPath returns the name of the n-th keyring object.
func keyringPath(n uint32) string { return "keyring-" + strconv.FormatUint(uint64(n), 10) }

func parseKeyringPath(path string) (uint32, bool) {
	s, ok := strings.CutPrefix(path, "keyring-")
	if !ok || s == "" || s[0] == '0' {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil && keyringPath(uint32(n)) == path
}

func keyringAAD(id RepositoryID, n uint32) []byte {
	aad := append([]byte(aadKeyring), id[:]...)
	return binary.BigEndian.AppendUint32(aad, n)
}

// sealKeyring seals the epochs under K (docs/format.md, chapter 4). The salt
// is an argument so that vectors can fix it.
func sealKeyring(k *backupkey.Key, id RepositoryID, n uint32, epochs []*Epoch, salt [32]byte) ([]byte, error) {
	if len(epochs) == 0 || len(epochs) > maxEpochs {
		return nil, fmt.Errorf("a keyring holds 1 to %d epochs, not %d", maxEpochs, len(epochs))
	}
	plain := make([]byte, 0, keyringPlain)
	plain = append(plain, 1, byte(len(epochs)))
	for _, e := range epochs {
		plain = append(plain, e.secret[:]...)
		plain = binary.BigEndian.AppendUint64(plain, uint64(e.began))
	}
	plain = plain[:keyringPlain]
	defer clear(plain)
	key := k.Derive(backupkey.LabelKeyringSeal, salt[:], 32)
	defer clear(key)
	return newAEAD(key).Seal(salt[:], nonce(0), plain, keyringAAD(id, n)), nil
}

// openKeyring returns the epochs in a keyring object, the current one last.
func openKeyring(k *backupkey.Key, id RepositoryID, n uint32, sealed []byte) ([]*Epoch, error) {
	if len(sealed) != 32+keyringPlain+gcmTag {
		return nil, fmt.Errorf("%w: %s has %d bytes", ErrDamaged, keyringPath(n), len(sealed))
	}
	key := k.Derive(backupkey.LabelKeyringSeal, sealed[:32], 32)
	defer clear(key)
	plain, err := newAEAD(key).Open(nil, nonce(0), sealed[32:], keyringAAD(id, n))
	if err != nil {
		return nil, fmt.Errorf("%w: %s does not authenticate", ErrDamaged, keyringPath(n))
	}
	defer clear(plain)
	d := decoder{b: plain}
	version, count := d.u8(), int(d.u8())
	if version != 1 || count == 0 || count > maxEpochs {
		return nil, fmt.Errorf("%w: %s has version %d and %d epochs", ErrDamaged, keyringPath(n), version, count)
	}
	epochs := make([]*Epoch, count)
	for i := range epochs {
		var secret [32]byte
		copy(secret[:], d.take(32))
		epochs[i] = newEpoch(id, secret, int64(binary.BigEndian.Uint64(d.take(8))))
	}
	if !allZero(d.b) {
		return nil, fmt.Errorf("%w: %s has bad padding", ErrDamaged, keyringPath(n))
	}
	return epochs, nil
}
