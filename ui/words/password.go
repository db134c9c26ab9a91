package words

import "github.com/holdfast-backup/holdfast/core"

var advice = map[core.PasswordAdvice]string{
	core.AdviceEmpty:   "Three or four words that do not belong together make a good password.",
	core.AdviceTooLong: "This is longer than 1,024 bytes.",
	core.AdviceNotText: "This holds bytes that are no text.",
	core.AdviceCommon:  "This is among the first passwords anybody would try. Add a word or two.",
	core.AdviceFair:    "Ten guesses will hardly find it. Another word makes it much better.",
	core.AdviceGood:    "Good.",
	core.AdviceBest:    "Very good.",
}

// Advice words what there is to say about a password.
func (w Words) Advice(a core.PasswordAdvice) string { return w.Say(advice[a], nil) }
