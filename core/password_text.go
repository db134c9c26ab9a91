package core

import (
	"bytes"

	"golang.org/x/text/unicode/norm"

	"github.com/holdfast-backup/holdfast/core/strength"
	vaultcard "github.com/holdfast-backup/holdfast/vault/card"
)

// normalized is a password in Unicode's normalization form C, without a byte order mark: one password is the same bytes
// from every keyboard and every editor. The caller clears it.
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

// How good a password is, and the one thing to say about it.
type (
	PasswordStrength = strength.Strength
	PasswordAdvice   = strength.Advice
)

// What there is to say.
const (
	AdviceEmpty   = strength.Empty
	AdviceTooLong = strength.TooLong
	AdviceNotText = strength.NotText
	AdviceCommon  = strength.Common
	AdviceFair    = strength.Fair
	AdviceGood    = strength.Good
	AdviceBest    = strength.Best
)

// Strength judges a password. There are no rules of composition: long is good.
func Strength(password []byte) PasswordStrength { return strength.Of(password) }
