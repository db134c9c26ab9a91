// Package strength judges passwords that a vault is to check: ten guesses must protect nothing that falls to the first ten.
package strength

import (
	"unicode/utf8"

	"github.com/holdfast-backup/holdfast/third_party/zxcvbn"
)

// Strength is what a meter shows of a password.
type Strength struct {
	// Score is zxcvbn's, 0 (guessed at once) to 4.
	Score int
	// Refused: it is no password, or among the first that anybody would try, so
	// that ten guesses protect nothing.
	Refused bool
	Advice  Advice
}

// Advice is the one thing to say about a password; ui/words has the sentence.
type Advice string

// What there is to say.
const (
	Empty   Advice = "empty"
	TooLong Advice = "too-long"
	NotText Advice = "not-text"
	Common  Advice = "common"
	Fair    Advice = "fair"
	Good    Advice = "good"
	Best    Advice = "best"
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

// Of judges a password. There are no rules of composition: long is good.
func Of(password []byte) Strength {
	switch {
	case len(password) == 0:
		return Strength{Refused: true, Advice: Empty}
	case len(password) > maxPassword:
		return Strength{Refused: true, Advice: TooLong}
	case !utf8.Valid(password):
		return Strength{Refused: true, Advice: NotText}
	}
	end := min(len(password), judged)
	for !utf8.Valid(password[:end]) {
		end-- // not in the middle of a character
	}
	r := zxcvbn.PasswordStrength(string(password[:end]), []string{"holdfast", "backup", "vault"})
	if r.Guesses < minGuesses {
		return Strength{Score: r.Score, Refused: true, Advice: Common}
	}
	advice := [...]Advice{Fair, Fair, Fair, Good, Best}
	return Strength{Score: r.Score, Advice: advice[r.Score]}
}
