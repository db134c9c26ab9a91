package core

import (
	"bytes"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/holdfast-backup/holdfast/third_party/zxcvbn"
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

// PasswordStrength is what a meter shows of a password.
type PasswordStrength struct {
	// Score is zxcvbn's, 0 (guessed at once) to 4.
	Score int
	// Refused: it is no password, or among the first that anybody would try, so
	// that ten guesses protect nothing.
	Refused bool
	Advice  PasswordAdvice
}

// PasswordAdvice is the one thing to say about a password; ui/words has the sentence.
type PasswordAdvice string

// What there is to say.
const (
	AdviceEmpty   PasswordAdvice = "empty"
	AdviceTooLong PasswordAdvice = "too-long"
	AdviceNotText PasswordAdvice = "not-text"
	AdviceCommon  PasswordAdvice = "common"
	AdviceFair    PasswordAdvice = "fair"
	AdviceGood    PasswordAdvice = "good"
	AdviceBest    PasswordAdvice = "best"
)

const (
	// minGuesses is how many guesses zxcvbn must think a password takes. A vault
	// allows ten; a thousand times as many leave room for what zxcvbn does not know.
	minGuesses = 10_000
	// maxPassword is how long a password may be, bytes: far more than anybody types.
	maxPassword = 1024
	// judged is how much of it zxcvbn sees: its work grows with the square of the length.
	judged = 100
)

// Strength judges a password. There are no rules of composition: long is good.
func Strength(password []byte) PasswordStrength {
	switch {
	case len(password) == 0:
		return PasswordStrength{Refused: true, Advice: AdviceEmpty}
	case len(password) > maxPassword:
		return PasswordStrength{Refused: true, Advice: AdviceTooLong}
	case !utf8.Valid(password):
		return PasswordStrength{Refused: true, Advice: AdviceNotText}
	}
	end := min(len(password), judged)
	for !utf8.Valid(password[:end]) {
		end-- // not in the middle of a character
	}
	r := zxcvbn.PasswordStrength(string(password[:end]), []string{"holdfast", "backup", "vault"})
	if r.Guesses < minGuesses {
		return PasswordStrength{Score: r.Score, Refused: true, Advice: AdviceCommon}
	}
	advice := [...]PasswordAdvice{AdviceFair, AdviceFair, AdviceFair, AdviceGood, AdviceBest}
	return PasswordStrength{Score: r.Score, Advice: advice[r.Score]}
}
