package core

import (
	"bytes"

	"golang.org/x/text/unicode/norm"

	vaultcard "github.com/holdfast-backup/holdfast/vault/card"
)

// normalized is a password in Unicode's normalization form C, without a byte order mark: one password is the same bytes from every keyboard and
// every editor. The caller clears it.
func normalized(password []byte) []byte {
	return norm.NFC.Append(nil, bytes.TrimPrefix(password, []byte("\ufeff"))...)
}

// typedFor is a password as the account of a card counts it: accounts of before count it as it was typed. The caller clears it.
func typedFor(c *VaultCard, password []byte) []byte {
	if c != nil && c.Password == vaultcard.PasswordNFC {
		return normalized(password)
	}
	return bytes.Clone(password)
}
