package core

import "github.com/holdfast-backup/holdfast/core/strength"

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
